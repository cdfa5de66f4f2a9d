// Model: configuration, tokenizer and weights. Everything read from disk, checked, uploaded, then
// const. Shared by sessions.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "gpu/device.h"
#include "gpu/kernel.h"
#include "model/config.h"
#include "model/source.h"
#include "model/tokenizer.h"
#include "model/weights.h"

namespace model {

namespace ops {
enum class ProductKind : uint8_t;  // model/fast_ops.h
}

/// What is needed to run anything: one device and its kernels. Outlives models and sessions.
struct Runtime {
    explicit Runtime(const gpu::DeviceOptions& options = {});
    gpu::Device device;
    gpu::KernelCache kernels;
    std::map<std::string, ops::ProductKind> products;  // what choose_product() has found
};

struct LoadProgress {
    const char* stage = "";  // what is at work, in words: "weights"
    uint64_t done = 0;       // bytes of weights, or kernels made
    uint64_t total = 0;
};

struct LoadOptions {
    std::function<void(const LoadProgress&)> progress;  // called from the loading thread
    std::function<bool()> stop;                         // true: throw base::Cancelled
};

/// All that is known of a model without a device: its files, opened and checked, and its tokenizer.
struct ModelFiles {
    std::unique_ptr<const ModelSource> source;
    Tokenizer tokenizer;
};
/// The tokenizer of an opened model; throws base::Error(model) naming its file.
Tokenizer make_tokenizer(const ModelSource& source);
/// Opens a GGUF file or a Hugging Face folder. Throws base::Error(model), base::Cancelled.
ModelFiles open_files(const std::string& path, const LoadOptions& options = {});

class Model {
public:
    /// Uploads the weights of what open_files opened.
    /// Throws base::Error(model, out_of_memory, device_lost), base::Cancelled.
    static std::shared_ptr<const Model> load(Runtime& runtime, ModelFiles files,
                                             const LoadOptions& options = {});
    /// Both steps: open_files, then load.
    static std::shared_ptr<const Model> load(Runtime& runtime, const std::string& path,
                                             const LoadOptions& options = {});

    Model(Config config_in, Tokenizer tokenizer_in, Weights weights_in);
    Model(const Model&) = delete;
    Model& operator=(const Model&) = delete;

    const Config config;
    const Tokenizer tokenizer;
    const Weights weights;
    // Facts about where it came from, for display.
    std::string path, format, name;
    std::vector<std::string> parts;  // the files that hold the weights, in their order
    uint64_t file_bytes = 0;
    bool bf16_embedding_scale = false;  // default of --emb-scale for this source
    SamplingHints sampling;
    std::vector<std::string> notices;
};

}  // namespace model
