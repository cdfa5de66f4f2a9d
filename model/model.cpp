#include "model/model.h"

#include <utility>

namespace model {

Runtime::Runtime(const gpu::DeviceOptions& options) : device(options), kernels(device) {}

Model::Model(Config config_in, Tokenizer tokenizer_in, Weights weights_in)
    : config(std::move(config_in)),
      tokenizer(std::move(tokenizer_in)),
      weights(std::move(weights_in)) {}

namespace {

void report(const LoadOptions& options, const char* stage, uint64_t done, uint64_t total) {
    if (options.stop && options.stop()) {
        throw base::Cancelled();
    }
    if (options.progress) {
        options.progress({stage, done, total});
    }
}

}  // namespace

Tokenizer make_tokenizer(const ModelSource& source) {
    try {
        return Tokenizer(source.tokenizer, source.config);
    } catch (const base::Error& error) {
        throw base::Error(error.kind(),
                          fmt::format("{}: {}", base::escaped(source.path, 400), error.what()),
                          error.hint());
    }
}

ModelFiles open_files(const std::string& path, const LoadOptions& options) {
    report(options, "open", 0, 1);
    std::unique_ptr<const ModelSource> source = open_model(path);
    report(options, "tokenizer", 0, 1);
    Tokenizer tokenizer = make_tokenizer(*source);
    return {std::move(source), std::move(tokenizer)};
}

std::shared_ptr<const Model> Model::load(Runtime& runtime, const std::string& path,
                                         const LoadOptions& options) {
    return load(runtime, open_files(path, options), options);
}

std::shared_ptr<const Model> Model::load(Runtime& runtime, ModelFiles files,
                                         const LoadOptions& options) {
    const ModelSource& source = *files.source;
    Weights weights = load_weights(runtime.device, source, [&](uint64_t done, uint64_t total) {
        report(options, "weights", done, total);
    });

    auto model =
        std::make_shared<Model>(source.config, std::move(files.tokenizer), std::move(weights));
    model->path = source.path;
    model->parts = source.parts;
    model->format = source.format;
    model->name = source.name;
    model->file_bytes = source.file_bytes;
    model->bf16_embedding_scale = source.bf16_embedding_scale;
    model->sampling = source.sampling;
    model->notices = source.notices;
    return model;
}

}  // namespace model
