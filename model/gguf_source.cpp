#include "model/gguf_source.h"

#include <set>

#include "model/checked.h"
#include "model/config_builders.h"
#include "model/file_error.h"
#include "model/gguf.h"
#include "model/tensor_names.h"

namespace model {

namespace {

class GgufSource : public ModelSource {
public:
    std::vector<std::unique_ptr<ByteSource>> files;

    void read(const SourceTensor& tensor, uint64_t offset,
              std::span<std::byte> dst) const override {
        CHECK(tensor.file < files.size() && offset <= tensor.n_bytes &&
                  dst.size() <= tensor.n_bytes - offset,
              "{} offset {} size {} of {}", tensor.name, offset, dst.size(), tensor.n_bytes);
        files[tensor.file]->read(tensor.offset + offset, dst);
    }
};

/// Ollama-made files carry the image encoder beside the text model.
bool is_vision_tensor(std::string_view name) {
    return name.starts_with("v.") || name.starts_with("mm.");
}

/// Appends the tensors of one part. Returns how many belong to the image part.
uint64_t add_tensors(GgufSource& source, const Gguf& gguf, uint32_t file) {
    uint64_t n_vision = 0;
    for (const GgufTensor& tensor : gguf.tensors) {
        if (is_vision_tensor(tensor.name)) {
            ++n_vision;
            continue;
        }
        const Checked rows = Checked(tensor.ne[1]) * tensor.ne[2] * tensor.ne[3];
        if (tensor.ne[0] > UINT32_MAX || !rows.fits(UINT32_MAX)) {
            refuse(gguf.file, tensor.name, tensor.info_offset,
                   fmt::format("{} x {} x {} x {}", tensor.ne[0], tensor.ne[1], tensor.ne[2],
                               tensor.ne[3]),
                   "rows and columns below 2^32");
        }
        if (!tensor.dtype) {
            refuse(gguf.file, tensor.name, tensor.info_offset,
                   fmt::format("type {}", tensor.type_name),
                   "F32 F16 BF16 Q8_0 Q4_0 Q4_1 Q5_0 Q5_1 Q2_K..Q6_K IQ4_NL IQ4_XS",
                   "Take another quantization of this model, for example Q4_K_M or Q8_0.");
        }
        source.tensors.push_back({.name = tensor.name,
                                  .dtype = *tensor.dtype,
                                  .rows = static_cast<uint32_t>(*rows.value()),
                                  .cols = static_cast<uint32_t>(tensor.ne[0]),
                                  .file = file,
                                  .offset = tensor.offset,
                                  .n_bytes = tensor.n_bytes});
    }
    return n_vision;
}

/// 1 for a file that is not split. Merged files keep the key with 0.
uint32_t split_count(const Gguf& gguf, const Limits& limits) {
    const uint32_t count = gguf.count("split.count").value_or(0);
    if (count > limits.n_splits) {
        gguf.fail("split.count", fmt::format("{}", count),
                  fmt::format("at most {}", limits.n_splits));
    }
    return count < 1 ? 1 : count;
}

void check_part(const Gguf& part, uint32_t index, uint32_t n_parts) {
    const std::optional<uint32_t> no = part.count("split.no");
    const std::optional<uint32_t> count = part.count("split.count");
    if (!no || *no != index) {
        part.fail("split.no", no ? fmt::format("{}", *no) : "nothing", fmt::format("{}", index),
                  "Open the first part of a split model (…-00001-of-…).");
    }
    if (!count || *count != n_parts) {
        part.fail("split.count", count ? fmt::format("{}", *count) : "nothing",
                  fmt::format("{}, as in the first part", n_parts));
    }
}

/// Opens the parts behind the first. Returns the number of image tensors in them.
uint64_t add_parts(GgufSource& source, const Gguf& first, uint32_t n_parts, const Limits& limits) {
    check_part(first, 0, n_parts);
    uint64_t n_tensors = first.tensors.size();
    uint64_t n_vision = 0;
    for (uint32_t index = 1; index < n_parts; ++index) {
        const std::optional<std::string> path = split_path(source.path, index, n_parts);
        if (!path) {
            refuse(source.path, "file name", "another ending",
                   fmt::format("-00001-of-{:05}.gguf, as split.count {} asks", n_parts, n_parts));
        }
        source.files.push_back(std::make_unique<File>(*path));
        const Gguf part = parse_gguf(*source.files.back(), limits);
        check_part(part, index, n_parts);
        n_tensors += part.tensors.size();
        n_vision += add_tensors(source, part, index);
        source.file_bytes += part.file_bytes;
    }
    const std::optional<uint32_t> total = first.count("split.tensors.count");
    if (total && *total != n_tensors) {
        first.fail("split.tensors.count", fmt::format("{}", *total),
                   fmt::format("{}, the tensors of all parts", n_tensors));
    }
    return n_vision;
}

void check_unique_names(const GgufSource& source) {
    std::set<std::string_view> names;
    for (const SourceTensor& tensor : source.tensors) {
        if (!names.insert(tensor.name).second) {
            refuse(source.files[tensor.file]->name(), tensor.name, "the same tensor in two parts",
                   "each tensor once");
        }
    }
}

std::string display_name(const Gguf& gguf, const std::string& path) {
    const std::string name = gguf.text("general.name").value_or("");
    return name.empty() ? path.substr(path.rfind('/') + 1) : base::escaped(name);
}

SamplingHints sampling_of(const Gguf& gguf) {
    SamplingHints hints;
    hints.temperature = gguf.real("general.sampling.temp").value_or(-1.f);
    hints.top_p = gguf.real("general.sampling.top_p").value_or(-1.f);
    const std::optional<uint32_t> top_k = gguf.count("general.sampling.top_k");
    hints.top_k = top_k && *top_k <= INT32_MAX ? static_cast<int32_t>(*top_k) : -1;
    return hints;
}

}  // namespace

std::optional<std::string> split_path(const std::string& first_part, uint32_t part,
                                      uint32_t n_parts) {
    const std::string ending = fmt::format("-00001-of-{:05}.gguf", n_parts);
    if (!first_part.ends_with(ending)) {
        return std::nullopt;
    }
    return fmt::format("{}-{:05}-of-{:05}.gguf",
                       first_part.substr(0, first_part.size() - ending.size()), part + 1, n_parts);
}

std::unique_ptr<ModelSource> open_gguf(const std::string& path, const Limits& limits) {
    return open_gguf(std::make_unique<File>(path), limits);
}

std::unique_ptr<ModelSource> open_gguf(std::unique_ptr<ByteSource> first, const Limits& limits) {
    auto source = std::make_unique<GgufSource>();
    const std::string path = first->name();
    source->path = path;
    source->files.push_back(std::move(first));
    const Gguf gguf = parse_gguf(*source->files[0], limits);
    source->format = fmt::format("GGUF v{}", gguf.version);
    source->name = display_name(gguf, path);
    source->file_bytes = gguf.file_bytes;
    for (const auto& [key, value] : gguf.values) {
        source->metadata.emplace_back(key, printable(value));
    }
    // Refused first where it is no Gemma at all, then for its parts.
    const std::optional<std::string> architecture = gguf.text("general.architecture");
    if (architecture) {
        architecture_from_name(*architecture, path, "general.architecture");
    }
    uint64_t n_vision = add_tensors(*source, gguf, 0);
    const uint32_t n_parts = split_count(gguf, limits);
    if (n_parts > 1) {
        n_vision += add_parts(*source, gguf, n_parts, limits);
        check_unique_names(*source);
    } else if (gguf.count("split.no").value_or(0) != 0) {
        check_part(gguf, 0, n_parts);
    }
    for (const std::unique_ptr<ByteSource>& file : source->files) {
        source->parts.push_back(file->name());
    }
    source->tokenizer = tokenizer_from_gguf(gguf);
    source->config = config_from_gguf(gguf, source->tokenizer, source->notices);
    source->config.vocab_size = drawable_tokens(source->tokenizer, source->config.embedding_rows,
                                                source->config.architecture, source->notices);
    source->sampling = sampling_of(gguf);
    for (std::string& notice : validate(source->config, path, true)) {
        source->notices.push_back(std::move(notice));
    }
    select_tensors(*source, n_vision);
    return source;
}

}  // namespace model
