#include "model/hf_source.h"

#include <algorithm>
#include <set>

#include <dirent.h>

#include "model/config_builders.h"
#include "model/file.h"
#include "model/file_error.h"
#include "model/json_reader.h"
#include "model/safetensors.h"
#include "model/tensor_names.h"
#include "model/tokenizer_files.h"

namespace model {

namespace {

class HfSource : public ModelSource {
public:
    std::vector<File> files;

    void read(const SourceTensor& tensor, uint64_t offset,
              std::span<std::byte> dst) const override {
        CHECK(tensor.file < files.size() && offset <= tensor.n_bytes &&
                  dst.size() <= tensor.n_bytes - offset,
              "{} offset {} size {} of {}", tensor.name, offset, dst.size(), tensor.n_bytes);
        files[tensor.file].read(tensor.offset + offset, dst);
    }
};

bool is_plain_name(std::string_view name) {
    return !name.empty() && name.size() <= 255 && name[0] != '.' &&
           name.find('/') == std::string_view::npos && name.find('\\') == std::string_view::npos &&
           std::all_of(name.begin(), name.end(), [](char c) { return c >= 0x20 && c < 0x7f; });
}

std::vector<std::string> names_in(const std::string& folder, std::string_view ending) {
    std::vector<std::string> names;
    DIR* dir = ::opendir(folder.c_str());
    if (dir == nullptr) {
        return names;
    }
    while (const dirent* entry = ::readdir(dir)) {
        const std::string_view name = entry->d_name;
        if (name.ends_with(ending)) {
            names.emplace_back(name);
        }
    }
    ::closedir(dir);
    std::sort(names.begin(), names.end());
    return names;
}

std::vector<std::string> shard_names(const std::string& folder, const Limits& limits) {
    const std::string index = folder + "/model.safetensors.index.json";
    if (file_exists(index)) {
        return parse_shard_index(read_text(index, limits.json_bytes), index, limits);
    }
    if (file_exists(folder + "/model.safetensors")) {
        return {"model.safetensors"};
    }
    std::vector<std::string> names = names_in(folder, ".safetensors");
    if (names.size() == 1) {
        return names;
    }
    std::string hint = "Take a folder with model.safetensors, or a GGUF file.";
    for (const std::string_view other : {".bin", ".pt", ".pth", ".ckpt"}) {
        if (!names_in(folder, other).empty()) {
            hint =
                "Its weights are Python pickles, which can run code and are never opened; "
                "convert them to safetensors.";
        }
    }
    throw base::Error(base::ErrorKind::model,
                      fmt::format("{}: {} safetensors files and no index that names them",
                                  base::escaped(folder, 4096), names.size()),
                      hint);
}

TokenizerData read_tokenizer(const std::string& folder, const Limits& limits) {
    const std::string proto = folder + "/tokenizer.model";
    if (file_exists(proto)) {
        const std::string bytes = read_text(proto, limits.tokenizer_model_bytes);
        return parse_tokenizer_model(std::as_bytes(std::span(bytes)), proto, limits);
    }
    const std::string json = folder + "/tokenizer.json";
    if (file_exists(json)) {
        return parse_tokenizer_json(read_text(json, limits.json_bytes), json, limits);
    }
    throw base::Error(base::ErrorKind::model,
                      fmt::format("{}: neither tokenizer.model nor tokenizer.json is there",
                                  base::escaped(folder, 4096)));
}

/// The chat template is only searched for its markers (spec 7.1), wherever it is kept.
std::string read_chat_template(const std::string& folder, const Limits& limits) {
    const std::string jinja = folder + "/chat_template.jinja";
    if (file_exists(jinja)) {
        return read_text(jinja, limits.string_bytes);
    }
    const std::string config = folder + "/tokenizer_config.json";
    if (!file_exists(config)) {
        return {};
    }
    const Json json = parse_json(read_text(config, limits.json_bytes), config, limits);
    const Json* value = json.find("chat_template");
    if (value != nullptr && value->array() != nullptr) {  // named templates; others are for tools
        for (const Json& item : *value->array()) {
            const Json* const name = item.find("name");
            const Json* const text = item.find("template");
            if (name != nullptr && name->text() != nullptr && *name->text() == "default" &&
                text != nullptr && text->text() != nullptr) {
                return *text->text();
            }
        }
    }
    return value != nullptr && value->text() != nullptr ? *value->text() : std::string();
}

/// Appends the tensors of one shard. Returns how many belong to the image part.
uint64_t add_tensors(HfSource& source, const Safetensors& shard, uint32_t file) {
    const std::string& name = source.files[file].name();
    uint64_t n_vision = 0;
    for (const SafetensorsTensor& tensor : shard.tensors) {
        const HfName mapped = map_hf_name(tensor.name, source.config.architecture);
        if (mapped.kind == HfName::Kind::vision) {
            ++n_vision;
            continue;
        }
        if (mapped.kind == HfName::Kind::weight && mapped.gguf_name == "output.weight" &&
            source.config.tied_embeddings) {
            continue;  // an identical copy of the embedding (spec 4.3)
        }
        SourceTensor out{
            .name = mapped.kind == HfName::Kind::weight ? mapped.gguf_name : tensor.name,
            .file = file,
            .offset = tensor.offset,
            .n_bytes = tensor.n_bytes,
            .add_one = mapped.is_norm};
        if (mapped.kind == HfName::Kind::weight) {
            if (!tensor.dtype) {
                refuse(name, tensor.name, fmt::format("dtype {}", tensor.type_name),
                       "BF16, F16 or F32", "Lapidary does not read quantized safetensors.");
            }
            const size_t n_dims = tensor.shape.size();
            const uint64_t rows = n_dims == 2 ? tensor.shape[0] : 1;
            const uint64_t cols = n_dims == 0 ? 1 : tensor.shape.back();
            if (n_dims > 2 || rows > UINT32_MAX || cols > UINT32_MAX) {
                refuse(name, tensor.name, fmt::format("{} dimensions", n_dims),
                       "a vector or a matrix with sides below 2^32");
            }
            out.dtype = *tensor.dtype;
            out.rows = static_cast<uint32_t>(rows);
            out.cols = static_cast<uint32_t>(cols);
        }
        source.tensors.push_back(std::move(out));
    }
    return n_vision;
}

void check_unique_names(const HfSource& source) {
    std::set<std::string_view> names;
    for (const SourceTensor& tensor : source.tensors) {
        if (!names.insert(tensor.name).second) {
            refuse(source.files[tensor.file].name(), tensor.name, "the same tensor twice",
                   "each tensor once, in one shard");
        }
    }
}

uint64_t add_shards(HfSource& source, const std::string& folder, const Limits& limits) {
    uint64_t n_vision = 0;
    for (const std::string& name : shard_names(folder, limits)) {
        source.files.emplace_back(folder + "/" + name);
        source.parts.push_back(source.files.back().name());
        const uint32_t file = static_cast<uint32_t>(source.files.size() - 1);
        source.file_bytes += source.files.back().size();
        const Safetensors shard = parse_safetensors(source.files.back(), limits);
        n_vision += add_tensors(source, shard, file);
    }
    check_unique_names(source);
    return n_vision;
}

void settle_vocabulary(HfSource& source) {
    Config& config = source.config;
    const SourceTensor* embedding = source.find("token_embd.weight");
    if (embedding != nullptr && embedding->rows != config.embedding_rows) {
        source.notices.push_back(
            fmt::format("config.json says vocab_size {}, the embedding has {} rows; the rows count",
                        config.embedding_rows, embedding->rows));
        config.embedding_rows = embedding->rows;
    }
    config.vocab_size = drawable_tokens(source.tokenizer, config.embedding_rows,
                                        config.architecture, source.notices);
}

void add_metadata(HfSource& source, const Json& config) {
    for (const auto& [key, value] : *config.object()) {
        source.metadata.emplace_back(base::escaped(key), base::escaped(value.described()));
    }
}

}  // namespace

std::vector<std::string> parse_shard_index(std::string_view text, const std::string& name,
                                           const Limits& limits) {
    const Json json = parse_json(text, name, limits);
    const Json* map = json.find("weight_map");
    if (map == nullptr || map->object() == nullptr || map->object()->empty()) {
        refuse(name, "weight_map", map == nullptr ? "nothing" : map->described(),
               "an object of tensor names and files");
    }
    std::set<std::string> files;
    for (const auto& [tensor, file] : *map->object()) {
        const std::string* value = file.text();
        if (value == nullptr || !is_plain_name(*value) || !value->ends_with(".safetensors")) {
            refuse(name, "weight_map." + tensor, file.described(),
                   "the name of a .safetensors file beside the index");
        }
        files.insert(*value);
    }
    if (files.size() > limits.n_splits) {
        refuse(name, "weight_map", fmt::format("{} files", files.size()),
               fmt::format("at most {}", limits.n_splits));
    }
    return {files.begin(), files.end()};
}

std::unique_ptr<ModelSource> open_hf_folder(const std::string& folder, const Limits& limits) {
    auto source = std::make_unique<HfSource>();
    source->path = folder;
    source->format = "safetensors";
    source->bf16_embedding_scale = true;
    source->name = base::escaped(folder.substr(folder.find_last_of('/', folder.size() - 2) + 1));

    const std::string config_path = folder + "/config.json";
    const Json json = parse_json(read_text(config_path, limits.json_bytes), config_path, limits);
    source->config = config_from_json(json, config_path, source->notices);
    add_metadata(*source, json);
    const uint64_t n_vision = add_shards(*source, folder, limits);

    source->tokenizer = read_tokenizer(folder, limits);
    read_token_ids(source->tokenizer, json, config_path);
    source->tokenizer.chat_template = read_chat_template(folder, limits);
    const std::string generation = folder + "/generation_config.json";
    if (file_exists(generation)) {
        source->sampling = parse_generation_config(
            source->tokenizer, read_text(generation, limits.json_bytes), generation, limits);
    }
    check_tokenizer(source->tokenizer, folder, limits);
    settle_vocabulary(*source);
    for (std::string& notice : validate(source->config, config_path)) {
        source->notices.push_back(std::move(notice));
    }
    select_tensors(*source, n_vision);
    return source;
}

}  // namespace model
