#include "model/model.h"

#include <utility>

namespace model {

Runtime::Runtime(const gpu::DeviceOptions& options) : device(options), kernels(device) {}

Model::Model(Config config_in, Tokenizer tokenizer_in, Weights weights_in)
    : config(std::move(config_in)),
      tokenizer(std::move(tokenizer_in)),
      weights(std::move(weights_in)) {}

std::shared_ptr<const Model> Model::load(Runtime& runtime, const std::string& path,
                                         const LoadOptions& options) {
    const auto report = [&](const char* stage, uint64_t done, uint64_t total) {
        if (options.stop && options.stop()) {
            throw base::Cancelled();
        }
        if (options.progress) {
            options.progress({stage, done, total});
        }
    };
    report("open", 0, 1);
    const std::unique_ptr<ModelSource> source = open_model(path);
    report("tokenizer", 0, 1);
    Tokenizer tokenizer(source->tokenizer, source->config);
    Weights weights = load_weights(
        runtime.device, *source,
        [&](uint64_t done, uint64_t total) { report("weights", done, total); });

    auto model = std::make_shared<Model>(source->config, std::move(tokenizer), std::move(weights));
    model->path = source->path;
    model->format = source->format;
    model->name = source->name;
    model->file_bytes = source->file_bytes;
    model->bf16_embedding_scale = source->bf16_embedding_scale;
    model->sampling = source->sampling;
    model->notices = source->notices;
    return model;
}

}  // namespace model
