#include "tests/support/hf_writer.h"

#include <algorithm>
#include <map>

#include <nlohmann/json.hpp>

#include "model/tensor_names.h"

namespace support {

using model::Architecture;
using model::Config;
using model::DType;
using model::TokenizerData;
using nlohmann::ordered_json;

Bytes safetensors_bytes(const std::string& header, const Bytes& data) {
    Bytes bytes;
    put<uint64_t>(bytes, header.size());
    put_bytes(bytes, header);
    bytes.insert(bytes.end(), data.begin(), data.end());
    return bytes;
}

Bytes safetensors_bytes(const std::vector<HfTensor>& tensors) {
    ordered_json header = {{"__metadata__", {{"format", "pt"}}}};
    Bytes data;
    for (const HfTensor& tensor : tensors) {
        const size_t begin = data.size();
        data.insert(data.end(), tensor.data.begin(), tensor.data.end());
        header[tensor.name] = {{"dtype", tensor.dtype},
                               {"shape", tensor.shape},
                               {"data_offsets", {begin, data.size()}}};
    }
    std::string text = header.dump();
    text.resize((text.size() + 7) / 8 * 8, ' ');
    return safetensors_bytes(text, data);
}

std::vector<HfTensor> hf_tensors(const TinyModel& tiny, const std::string& prefix) {
    std::vector<HfTensor> tensors;
    for (const TinyTensor& tensor : tiny.tensors) {
        std::string name = model::hf_name_of(tensor.name, tiny.config.architecture);
        if (name.starts_with("model.")) {
            name = prefix + name.substr(6);
        }
        HfTensor out{.name = name, .dtype = "F32"};
        if (!tensor.norm.empty()) {
            out.shape = {tensor.cols};
            for (const float w : tensor.norm) {
                put(out.data, w);
            }
        } else {
            out.shape = {tensor.rows, tensor.cols};
            const bool plain = model::block_elements(tensor.dtype) == 1;
            out.dtype = plain ? model::dtype_name(tensor.dtype) : "F32";
            out.data = plain ? tensor.data : Bytes();
            for (const float value : plain ? std::vector<float>() : tiny.values(tensor.name)) {
                put(out.data, value);
            }
        }
        tensors.push_back(std::move(out));
    }
    return tensors;
}

namespace {

ordered_json rope_scaling(const Config& c) {
    for (const model::LayerConfig& layer : c.layers) {
        if (layer.rope_factor != 1) {
            return {{"rope_type", "linear"}, {"factor", layer.rope_factor}};
        }
    }
    return nullptr;
}

ordered_json text_config(const TinyModel& tiny, const std::string& type) {
    const Config& c = tiny.config;
    ordered_json json = {{"model_type", type},
                         {"hidden_size", c.hidden_size},
                         {"intermediate_size", c.intermediate_size},
                         {"num_hidden_layers", c.num_hidden_layers},
                         {"num_attention_heads", c.num_attention_heads},
                         {"num_key_value_heads", c.num_key_value_heads},
                         {"head_dim", c.head_dim},
                         {"vocab_size", c.embedding_rows},
                         {"max_position_embeddings", c.max_position_embeddings},
                         {"rms_norm_eps", 1e-6},
                         {"hidden_act", "gelu"},
                         {"attention_bias", false},
                         {"rope_scaling", rope_scaling(c)},
                         {"tie_word_embeddings", c.tied_embeddings}};
    const auto global = std::find_if(c.layers.begin(), c.layers.end(),
                                     [](const auto& layer) { return !layer.is_local(); });
    json["rope_theta"] = global == c.layers.end() ? 1e4 : global->rope_theta;
    if (c.architecture == Architecture::gemma) {
        return json;
    }
    json["query_pre_attn_scalar"] = c.query_pre_attn_scalar;
    const auto cap = [](float value) { return value == 0 ? ordered_json() : ordered_json(value); };
    json["attn_logit_softcapping"] = cap(c.attn_logit_softcapping);
    json["final_logit_softcapping"] = cap(c.final_logit_softcapping);
    json["sliding_window"] = nullptr;
    ordered_json types = ordered_json::array();
    for (const model::LayerConfig& layer : c.layers) {
        types.push_back(layer.is_local() ? "sliding_attention" : "full_attention");
        if (layer.is_local()) {
            json["sliding_window"] = layer.sliding_window;
        }
    }
    json["layer_types"] = types;
    return json;
}

}  // namespace

std::string config_json(const TinyModel& tiny, bool multimodal) {
    const Architecture architecture = tiny.config.architecture;
    const std::string type = architecture == Architecture::gemma3
                                 ? "gemma3_text"
                                 : std::string(model::architecture_name(architecture));
    ordered_json json = text_config(tiny, type);
    if (multimodal) {
        json = {{"model_type", "gemma3"},
                {"text_config", json},
                {"image_token_index", 262144},
                {"vision_config", {{"hidden_size", 1152}}}};
    }
    json["bos_token_id"] = tiny.tokenizer.bos_id;
    json["eos_token_id"] = {tiny.tokenizer.eos_id, 5};
    json["pad_token_id"] = tiny.tokenizer.pad_id;
    return json.dump(2);
}

namespace {

void put_varint(Bytes& bytes, uint64_t value) {
    while (value >= 128) {
        bytes.push_back(static_cast<std::byte>(value & 127) | std::byte{128});
        value >>= 7;
    }
    bytes.push_back(static_cast<std::byte>(value));
}

void put_number(Bytes& bytes, uint32_t field, uint64_t value) {
    put_varint(bytes, field << 3);
    put_varint(bytes, value);
}

void put_message(Bytes& bytes, uint32_t field, const Bytes& message) {
    put_varint(bytes, (field << 3) | 2);
    put_varint(bytes, message.size());
    bytes.insert(bytes.end(), message.begin(), message.end());
}

Bytes text_bytes(std::string_view text) {
    Bytes bytes;
    put_bytes(bytes, text);
    return bytes;
}

}  // namespace

Bytes tokenizer_model(const TokenizerData& data) {
    Bytes bytes;
    for (size_t i = 0; i < data.pieces.size(); ++i) {
        Bytes piece;
        put_message(piece, 1, text_bytes(data.pieces[i]));
        put_varint(piece, (2 << 3) | 5);
        put(piece, data.scores[i]);
        put_number(piece, 3, static_cast<uint64_t>(data.types[i]));
        put_message(bytes, 1, piece);
    }
    Bytes trainer;
    put_number(trainer, 3, 2);
    put_number(trainer, 4, data.pieces.size());
    put_number(trainer, 35, 1);
    put_number(trainer, 40, static_cast<uint64_t>(data.unk_id));
    put_number(trainer, 41, static_cast<uint64_t>(data.bos_id));
    put_number(trainer, 42, static_cast<uint64_t>(data.eos_id));
    put_number(trainer, 43, static_cast<uint64_t>(data.pad_id));
    put_message(bytes, 2, trainer);
    Bytes normalizer;
    put_message(normalizer, 1, text_bytes("identity"));
    put_number(normalizer, 3, 0);
    put_number(normalizer, 4, 0);
    put_number(normalizer, 5, 1);
    put_message(bytes, 3, normalizer);
    return bytes;
}

std::string tokenizer_json(const TokenizerData& data) {
    ordered_json vocab = ordered_json::object();
    ordered_json added = ordered_json::array();
    ordered_json merges = ordered_json::array();
    std::map<std::string, size_t> ids;
    for (size_t i = 0; i < data.pieces.size(); ++i) {
        const int32_t type = data.types[i];
        vocab[data.pieces[i]] = i;
        if (type == 2 || type == 3 || type == 4) {
            added.push_back({{"id", i}, {"content", data.pieces[i]}, {"special", type != 4}});
        } else if (type == 1) {
            ids[data.pieces[i]] = i;
        }
    }
    for (size_t i = 0; i < data.pieces.size(); ++i) {
        const std::string& piece = data.pieces[i];
        for (size_t n = 1; data.types[i] == 1 && n < piece.size(); ++n) {
            if (ids.contains(piece.substr(0, n)) && ids.contains(piece.substr(n))) {
                merges.push_back({piece.substr(0, n), piece.substr(n)});
            }
        }
    }
    const ordered_json json = {{"version", "1.0"},
                               {"added_tokens", added},
                               {"model",
                                {{"type", "BPE"},
                                 {"unk_token", "<unk>"},
                                 {"byte_fallback", true},
                                 {"vocab", vocab},
                                 {"merges", merges}}}};
    return json.dump();
}

namespace {

void write_shards(std::vector<HfTensor> tensors, const std::string& folder, uint32_t n_shards) {
    if (n_shards == 1) {
        write_file(folder + "/model.safetensors", safetensors_bytes(tensors));
        return;
    }
    ordered_json map = ordered_json::object();
    for (uint32_t shard = 0; shard < n_shards; ++shard) {
        const std::string name =
            fmt::format("model-{:05}-of-{:05}.safetensors", shard + 1, n_shards);
        const size_t begin = tensors.size() * shard / n_shards;
        const size_t end = tensors.size() * (shard + 1) / n_shards;
        const std::vector<HfTensor> part(tensors.begin() + static_cast<std::ptrdiff_t>(begin),
                                         tensors.begin() + static_cast<std::ptrdiff_t>(end));
        for (const HfTensor& tensor : part) {
            map[tensor.name] = name;
        }
        write_file(folder + "/" + name, safetensors_bytes(part));
    }
    write_file(folder + "/model.safetensors.index.json",
               ordered_json{{"metadata", {{"total_size", 0}}}, {"weight_map", map}}.dump());
}

}  // namespace

void write_hf_folder(const TinyModel& tiny, const std::string& folder, const HfOptions& options) {
    std::vector<HfTensor> tensors =
        hf_tensors(tiny, options.multimodal ? "language_model.model." : "model.");
    if (options.multimodal) {
        tensors.push_back({"vision_tower.embeddings.weight", "F32", {1}, Bytes(4)});
    }
    write_shards(std::move(tensors), folder, options.n_shards);
    write_file(folder + "/config.json", config_json(tiny, options.multimodal));
    if (options.json_tokenizer) {
        write_file(folder + "/tokenizer.json", tokenizer_json(tiny.tokenizer));
    } else {
        write_file(folder + "/tokenizer.model", tokenizer_model(tiny.tokenizer));
    }
    const ordered_json tokenizer_config = {{"chat_template", tiny.tokenizer.chat_template}};
    write_file(folder + "/tokenizer_config.json", tokenizer_config.dump());
    write_file(folder + "/generation_config.json",
               R"({"eos_token_id": [1, 5], "temperature": 1.0, "top_k": 64, "top_p": 0.95})");
}

}  // namespace support
