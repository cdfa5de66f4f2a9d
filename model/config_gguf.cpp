// Config from GGUF metadata (spec 4.5).
#include <algorithm>

#include "model/config_builders.h"
#include "model/file_error.h"

namespace model {

namespace {

/// Keys of one architecture: "gemma3." + name.
class Keys {
public:
    Keys(const Gguf& gguf, std::string_view prefix) : gguf_(gguf), prefix_(prefix) {}

    std::string key(std::string_view name) const { return fmt::format("{}.{}", prefix_, name); }
    std::optional<uint32_t> count(std::string_view name) const { return gguf_.count(key(name)); }
    std::optional<float> real(std::string_view name) const { return gguf_.real(key(name)); }
    bool has(std::string_view name) const { return gguf_.find(key(name)) != nullptr; }

    /// A key that must be there; its absence is reported with all the others.
    uint32_t required(std::string_view name) {
        const std::optional<uint32_t> value = count(name);
        if (!value) {
            missing_.push_back(key(name));
        }
        return value.value_or(0);
    }
    void report_missing() const {
        if (!missing_.empty()) {
            throw base::Error(base::ErrorKind::model,
                              fmt::format("{}: required metadata missing: {}",
                                          base::escaped(gguf_.file), fmt::join(missing_, ", ")));
        }
    }
    const Gguf& gguf() const { return gguf_; }

private:
    const Gguf& gguf_;
    std::string prefix_;
    std::vector<std::string> missing_;
};

const GgufTensor* find_tensor(const Gguf& gguf, std::string_view name) {
    const auto it = std::find_if(gguf.tensors.begin(), gguf.tensors.end(),
                                 [&](const GgufTensor& tensor) { return tensor.name == name; });
    return it == gguf.tensors.end() ? nullptr : &*it;
}

uint32_t head_dim_of(const Keys& keys, const Config& config, std::vector<std::string>& notices) {
    const std::optional<uint32_t> k = keys.count("attention.key_length");
    const std::optional<uint32_t> v = keys.count("attention.value_length");
    if (k && v && *k != *v) {
        keys.gguf().fail(keys.key("attention.value_length"), fmt::format("{}", *v),
                         fmt::format("{}, the key_length", *k));
    }
    if (k || v) {
        return k ? *k : *v;
    }
    // d / heads would be wrong for most Gemma sizes; the matrix knows.
    const GgufTensor* q = find_tensor(keys.gguf(), "blk.0.attn_q.weight");
    if (q == nullptr || config.num_attention_heads == 0 ||
        q->ne[1] % config.num_attention_heads != 0 || q->ne[1] > UINT32_MAX) {
        keys.gguf().fail(keys.key("attention.key_length"), "nothing",
                         "the key, or a blk.0.attn_q.weight that tells it");
    }
    notices.push_back("head_dim is taken from the shape of attn_q: the file does not state it");
    return static_cast<uint32_t>(q->ne[1]) / config.num_attention_heads;
}

std::vector<bool> local_layers(const Keys& keys, const Config& config) {
    const std::string key = keys.key("attention.sliding_window_pattern");
    const GgufValue* value = keys.gguf().find(key);
    if (value != nullptr && value->type == GgufType::array) {
        const GgufArray& array = *keys.gguf().array(key, GgufType::boolean);
        if (array.count != config.num_hidden_layers) {
            keys.gguf().fail(key, fmt::format("{} entries", array.count),
                             fmt::format("one for each of {} layers", config.num_hidden_layers));
        }
        std::vector<bool> local(array.count);
        for (uint64_t i = 0; i < array.count; ++i) {
            local[i] = array.number<uint8_t>(i) != 0;
        }
        return local;
    }
    const uint32_t standard = config.architecture == Architecture::gemma2 ? 2 : 6;
    const uint32_t pattern = keys.count("attention.sliding_window_pattern").value_or(standard);
    if (pattern == 0) {
        keys.gguf().fail(keys.key("attention.sliding_window_pattern"), "0", "1 or more");
    }
    return pattern_layers(config.num_hidden_layers, pattern);
}

/// The factor that the file states; nothing where it is silent.
std::optional<double> rope_factor(const Keys& keys) {
    const std::optional<std::string> type = keys.gguf().text(keys.key("rope.scaling.type"));
    if (type && *type != "none" && *type != "linear") {
        keys.gguf().fail(keys.key("rope.scaling.type"), fmt::format("'{}'", *type),
                         "none or linear");
    }
    const std::optional<float> factor = keys.real("rope.scaling.factor");
    if (type && *type == "none") {
        return 1.0;
    }
    if (type && !factor) {
        keys.gguf().fail(keys.key("rope.scaling.factor"), "nothing",
                         "a factor, since the type is linear");
    }
    return factor ? std::optional<double>(*factor) : std::nullopt;
}

RopeValues rope_values(const Keys& keys, const Config& config, std::vector<std::string>& notices) {
    const bool gemma3 = config.architecture == Architecture::gemma3;
    RopeValues rope;
    std::optional<float> global = keys.real("rope.freq_base");
    std::optional<float> local = keys.real("rope.freq_base_swa");
    if (gemma3 && !global) {
        global = keys.real("rope.global.freq_base");  // Ollama-made files
    }
    if (gemma3 && !local) {
        local = keys.real("rope.local.freq_base");
    }
    rope.theta_global = global ? *global : (gemma3 ? 1e6 : 10000);
    rope.theta_local = local ? *local : (gemma3 ? 10000 : rope.theta_global);

    const std::optional<double> factor = rope_factor(keys);
    rope.factor_global = factor.value_or(1);
    if (!factor && wants_factor_8(config)) {
        rope.factor_global = 8;
        notices.push_back(
            "the file lacks the RoPE scaling of its size; factor 8 is used on global "
            "layers");
    }
    rope.factor_local = gemma3 ? 1 : rope.factor_global;
    const std::optional<uint32_t> n_rot = keys.count("rope.dimension_count");
    if (n_rot && *n_rot != config.head_dim) {
        keys.gguf().fail(keys.key("rope.dimension_count"), fmt::format("{}", *n_rot),
                         fmt::format("{}, the head size", config.head_dim));
    }
    return rope;
}

uint32_t window_of(const Keys& keys, const Config& config, std::vector<std::string>& notices) {
    if (config.architecture == Architecture::gemma) {
        return 0;
    }
    const std::optional<uint32_t> window = keys.count("attention.sliding_window");
    if (!window && config.architecture == Architecture::gemma3) {
        notices.push_back("the file states no sliding window; all layers are global");
    }
    return window.value_or(config.architecture == Architecture::gemma2 ? 4096 : 0);
}

void read_sizes(Keys& keys, Config& config) {
    config.num_hidden_layers = keys.required("block_count");
    config.hidden_size = keys.required("embedding_length");
    config.intermediate_size = keys.required("feed_forward_length");
    config.num_attention_heads = keys.required("attention.head_count");
    keys.report_missing();
    if (config.num_hidden_layers < 1 || config.num_hidden_layers > 512) {
        keys.gguf().fail(keys.key("block_count"), fmt::format("{}", config.num_hidden_layers),
                         "1 to 512");
    }
    config.num_key_value_heads =
        keys.count("attention.head_count_kv").value_or(config.num_attention_heads);
    config.max_position_embeddings = keys.count("context_length").value_or(default_context(config));
}

uint32_t embedding_rows_of(const Gguf& gguf) {
    const GgufTensor* embedding = find_tensor(gguf, "token_embd.weight");
    if (embedding == nullptr) {
        return 0;
    }
    if (embedding->ne[1] > UINT32_MAX) {
        refuse(gguf.file, "token_embd.weight", embedding->info_offset,
               fmt::format("{} rows", embedding->ne[1]), "at most 4294967295");
    }
    return static_cast<uint32_t>(embedding->ne[1]);
}

}  // namespace

Config config_from_gguf(const Gguf& gguf, const TokenizerData& tokenizer,
                        std::vector<std::string>& notices) {
    const std::optional<std::string> name = gguf.text("general.architecture");
    if (!name) {
        refuse(gguf.file, "general.architecture", "nothing", "gemma, gemma2 or gemma3");
    }
    Config config;
    config.architecture = architecture_from_name(*name, gguf.file, "general.architecture");
    apply_generation(config);
    Keys keys(gguf, architecture_name(config.architecture));
    read_sizes(keys, config);
    config.head_dim = head_dim_of(keys, config, notices);
    config.rms_norm_eps = keys.real("attention.layer_norm_rms_epsilon").value_or(1e-6f);
    config.query_pre_attn_scalar = default_query_scalar(config);

    const bool gemma2 = config.architecture == Architecture::gemma2;
    config.attn_logit_softcapping = keys.real("attn_logit_softcapping").value_or(gemma2 ? 50.f : 0);
    config.final_logit_softcapping =
        keys.real("final_logit_softcapping").value_or(gemma2 ? 30.f : 0);

    const RopeValues rope = rope_values(keys, config, notices);
    check_rope(rope, {gguf.file, architecture_name(config.architecture)});
    fill_layers(config, local_layers(keys, config), window_of(keys, config, notices), rope);
    config.embedding_rows = embedding_rows_of(gguf);
    if (config.embedding_rows == 0) {  // select_tensors() will name it with all the others
        config.embedding_rows = static_cast<uint32_t>(tokenizer.pieces.size());
    }
    config.vocab_size = config.embedding_rows;
    // Gemma 1 and 2 are always tied; only third-party Gemma 3 files have their own head (spec 4.6).
    config.tied_embeddings = config.architecture != Architecture::gemma3 ||
                             find_tensor(gguf, "output.weight") == nullptr;
    return config;
}

}  // namespace model
