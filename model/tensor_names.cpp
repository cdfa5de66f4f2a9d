#include "model/tensor_names.h"

#include <algorithm>
#include <array>
#include <map>

#include "model/file_error.h"
#include "model/tensor.h"

namespace model {

namespace {

// Bits of the generations that have a tensor.
constexpr uint8_t kG1 = 1, kG2 = 2, kG3 = 4, kAll = 7;

struct NameRow {
    std::string_view gguf;  // after "blk.N."
    std::string_view hf;    // after "layers.N."
    uint8_t generations;
    bool is_norm;
};

// The trap: post_attention_layernorm is the norm before the MLP in Gemma 1, the one behind the
// attention in Gemma 2 and 3.
constexpr std::array<NameRow, 14> kLayerNames{{
    {"attn_norm.weight", "input_layernorm.weight", kAll, true},
    {"attn_q.weight", "self_attn.q_proj.weight", kAll, false},
    {"attn_k.weight", "self_attn.k_proj.weight", kAll, false},
    {"attn_v.weight", "self_attn.v_proj.weight", kAll, false},
    {"attn_q_norm.weight", "self_attn.q_norm.weight", kG3, true},
    {"attn_k_norm.weight", "self_attn.k_norm.weight", kG3, true},
    {"attn_output.weight", "self_attn.o_proj.weight", kAll, false},
    {"post_attention_norm.weight", "post_attention_layernorm.weight", kG2 | kG3, true},
    {"ffn_norm.weight", "post_attention_layernorm.weight", kG1, true},
    {"ffn_norm.weight", "pre_feedforward_layernorm.weight", kG2 | kG3, true},
    {"ffn_gate.weight", "mlp.gate_proj.weight", kAll, false},
    {"ffn_up.weight", "mlp.up_proj.weight", kAll, false},
    {"ffn_down.weight", "mlp.down_proj.weight", kAll, false},
    {"post_ffw_norm.weight", "post_feedforward_layernorm.weight", kG2 | kG3, true},
}};

uint8_t generation_bit(Architecture architecture) {
    return static_cast<uint8_t>(1u << static_cast<uint8_t>(architecture));
}

Shape shape_of(std::string_view name, const Config& c) {
    const uint32_t d = c.hidden_size;
    if (name == "attn_q.weight") {
        return {c.q_width(), d};
    }
    if (name == "attn_k.weight" || name == "attn_v.weight") {
        return {c.kv_width(), d};
    }
    if (name == "attn_output.weight") {
        return {d, c.q_width()};
    }
    if (name == "ffn_gate.weight" || name == "ffn_up.weight") {
        return {c.intermediate_size, d};
    }
    if (name == "ffn_down.weight") {
        return {d, c.intermediate_size};
    }
    if (name == "attn_q_norm.weight" || name == "attn_k_norm.weight") {
        return {1, c.head_dim};
    }
    return {1, d};
}

bool remove_prefix(std::string_view& text, std::string_view prefix) {
    if (!text.starts_with(prefix)) {
        return false;
    }
    text.remove_prefix(prefix.size());
    return true;
}

/// "12.rest" -> 12 and "rest"; no sign, no leading zero, at most 3 digits.
std::optional<uint32_t> take_layer(std::string_view& text) {
    uint32_t layer = 0;
    size_t n = 0;
    while (n < text.size() && n < 4 && text[n] >= '0' && text[n] <= '9') {
        layer = layer * 10 + static_cast<uint32_t>(text[n] - '0');
        ++n;
    }
    if (n == 0 || n == 4 || n >= text.size() || text[n] != '.' || (n > 1 && text[0] == '0')) {
        return std::nullopt;
    }
    text.remove_prefix(n + 1);
    return layer;
}

}  // namespace

std::vector<ExpectedTensor> expected_tensors(const Config& config) {
    std::vector<ExpectedTensor> expected;
    const uint32_t d = config.hidden_size;
    expected.push_back({"token_embd.weight", config.embedding_rows, d});
    for (uint32_t layer = 0; layer < config.num_hidden_layers; ++layer) {
        for (const NameRow& row : kLayerNames) {
            if ((row.generations & generation_bit(config.architecture)) != 0) {
                const Shape shape = shape_of(row.gguf, config);
                expected.push_back(
                    {fmt::format("blk.{}.{}", layer, row.gguf), shape.rows, shape.dim});
            }
        }
    }
    expected.push_back({"output_norm.weight", 1, d});
    if (!config.tied_embeddings) {
        expected.push_back({"output.weight", config.embedding_rows, d});
    }
    return expected;
}

HfName map_hf_name(std::string_view name, Architecture architecture) {
    std::string_view rest = name;
    remove_prefix(rest, "model.");
    if (rest.starts_with("vision_tower.") || rest.starts_with("multi_modal_projector.")) {
        return {.kind = HfName::Kind::vision};
    }
    // model.*, language_model.model.* (hub files), model.language_model.* (later saves)
    rest = name;
    if (rest == "lm_head.weight" || rest == "language_model.lm_head.weight") {
        return {.kind = HfName::Kind::weight, .gguf_name = "output.weight"};
    }
    if (!remove_prefix(rest, "language_model.model.") &&
        !remove_prefix(rest, "model.language_model.") && !remove_prefix(rest, "model.")) {
        return {};
    }
    if (rest == "embed_tokens.weight") {
        return {.kind = HfName::Kind::weight, .gguf_name = "token_embd.weight"};
    }
    if (rest == "norm.weight") {
        return {.kind = HfName::Kind::weight, .gguf_name = "output_norm.weight", .is_norm = true};
    }
    if (!remove_prefix(rest, "layers.")) {
        return {};
    }
    const std::optional<uint32_t> layer = take_layer(rest);
    for (const NameRow& row : kLayerNames) {
        if (layer && row.hf == rest && (row.generations & generation_bit(architecture)) != 0) {
            return {.kind = HfName::Kind::weight,
                    .gguf_name = fmt::format("blk.{}.{}", *layer, row.gguf),
                    .is_norm = row.is_norm};
        }
    }
    return {};
}

std::string hf_name_of(std::string_view gguf_name, Architecture architecture) {
    if (gguf_name == "token_embd.weight") {
        return "model.embed_tokens.weight";
    }
    if (gguf_name == "output_norm.weight") {
        return "model.norm.weight";
    }
    if (gguf_name == "output.weight") {
        return "lm_head.weight";
    }
    std::string_view rest = gguf_name;
    CHECK(remove_prefix(rest, "blk."), "{}", gguf_name);
    const std::optional<uint32_t> layer = take_layer(rest);
    for (const NameRow& row : kLayerNames) {
        if (layer && row.gguf == rest && (row.generations & generation_bit(architecture)) != 0) {
            return fmt::format("model.layers.{}.{}", *layer, row.hf);
        }
    }
    CHECK(false, "no tensor of this generation: {}", gguf_name);
    return {};
}

namespace {

std::string missing_list(const std::vector<std::string>& names) {
    std::string list;
    for (const std::string& name : names) {
        list += (list.empty() ? "" : ", ") + name;
    }
    return list;
}

void check_tensor(const SourceTensor& tensor, const ExpectedTensor& expected,
                  const std::string& file) {
    if (tensor.rows != expected.rows || tensor.cols != expected.cols) {
        refuse(file, tensor.name, fmt::format("shape [{}, {}]", tensor.rows, tensor.cols),
               fmt::format("[{}, {}] from the configuration", expected.rows, expected.cols));
    }
    if (tensor.dtype == DType::i32) {
        refuse(file, tensor.name, "type I32", "a type for weights");
    }
}

}  // namespace

void select_tensors(ModelSource& source, uint64_t n_companions) {
    std::map<std::string_view, size_t> by_name;
    for (size_t i = 0; i < source.tensors.size(); ++i) {
        by_name.emplace(source.tensors[i].name, i);
    }
    std::vector<SourceTensor> kept;
    std::vector<std::string> missing;
    for (const ExpectedTensor& expected : expected_tensors(source.config)) {
        const auto it = by_name.find(expected.name);
        if (it == by_name.end()) {
            missing.push_back(expected.name);
            continue;
        }
        const SourceTensor& tensor = source.tensors[it->second];
        check_tensor(tensor, expected, source.path);
        kept.push_back(tensor);
    }
    if (!missing.empty()) {
        throw base::Error(
            base::ErrorKind::model,
            fmt::format("{}: {} tensor{} missing: {}", base::escaped(source.path), missing.size(),
                        missing.size() == 1 ? "" : "s", missing_list(missing)),
            "The file is no complete Gemma model of the kind it claims to be.");
    }
    const uint64_t n_extra = source.tensors.size() - kept.size();
    if (n_extra > 0) {
        source.notices.push_back(
            fmt::format("{} tensors that this model has no use for are ignored", n_extra));
    }
    if (n_companions > 0) {
        source.notices.push_back(
            fmt::format("{} tensors of the image part are skipped: text only", n_companions));
    }
    source.tensors = std::move(kept);
}

}  // namespace model
