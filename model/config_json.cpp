// Config from Hugging Face's config.json (spec 4.2).
#include <algorithm>

#include "model/config_builders.h"
#include "model/file_error.h"

namespace model {

namespace {

/// Gemma 3 text_configs leave out what transformers has as defaults (spec 4.2).
struct Heads {
    uint32_t n_heads, n_kv_heads, head_dim;
};
std::optional<Heads> gemma3_heads(uint32_t n_layers) {
    switch (n_layers) {
        case 18:
        case 26:
            return Heads{4, 1, 256};
        case 34:
            return Heads{8, 4, 256};
        case 48:
            return Heads{16, 8, 256};
        case 62:
            return Heads{32, 16, 128};
        default:
            return std::nullopt;
    }
}

void refuse_unsupported(const JsonFields& fields) {
    if (fields.find("quantization_config") != nullptr) {
        fields.fail("quantization_config", "a quantized checkpoint", "none",
                    "Lapidary reads BF16, F16 and F32 safetensors, or a quantized GGUF file.");
    }
    if (fields.boolean("attention_bias").value_or(false)) {
        fields.fail("attention_bias", "true", "false: no Gemma has biases");
    }
    if (fields.boolean("use_bidirectional_attention").value_or(false)) {
        fields.fail("use_bidirectional_attention", "true", "false",
                    "Embedding models are not supported yet.");
    }
    // hidden_act is ignored: old files say "gelu" there although the model uses the tanh form.
    const std::string activation = fields.text("hidden_activation").value_or("gelu_pytorch_tanh");
    if (activation != "gelu_pytorch_tanh" && activation != "gelu") {
        fields.fail("hidden_activation", activation, "gelu_pytorch_tanh");
    }
}

void read_sizes(const JsonFields& fields, const std::string& name, Config& config) {
    std::vector<std::string> missing;
    const auto required = [&](std::string_view field) {
        const std::optional<uint32_t> value = fields.count(field);
        if (!value) {
            missing.emplace_back(field);
        }
        return value.value_or(0);
    };
    config.num_hidden_layers = required("num_hidden_layers");
    config.hidden_size = required("hidden_size");
    config.intermediate_size = required("intermediate_size");
    const std::optional<Heads> standard = config.architecture == Architecture::gemma3
                                              ? gemma3_heads(config.num_hidden_layers)
                                              : std::nullopt;
    if (standard) {
        config.num_attention_heads =
            fields.count("num_attention_heads").value_or(standard->n_heads);
        config.num_key_value_heads =
            fields.count("num_key_value_heads").value_or(standard->n_kv_heads);
        config.head_dim = fields.count("head_dim").value_or(standard->head_dim);
    } else {
        config.num_attention_heads = required("num_attention_heads");
        config.num_key_value_heads = required("num_key_value_heads");
        config.head_dim = required("head_dim");
    }
    if (!missing.empty()) {
        throw base::Error(base::ErrorKind::model,
                          fmt::format("{}: required fields missing: {}", base::escaped(name),
                                      fmt::join(missing, ", ")));
    }
    if (config.num_hidden_layers < 1 || config.num_hidden_layers > 512) {
        fields.fail("num_hidden_layers", fmt::format("{}", config.num_hidden_layers), "1 to 512");
    }
    config.max_position_embeddings =
        fields.count("max_position_embeddings").value_or(default_context(config));
}

std::vector<bool> local_layers(const JsonFields& fields, const Config& config) {
    if (const Json::Array* types = fields.array("layer_types")) {
        if (types->size() != config.num_hidden_layers) {
            fields.fail("layer_types", fmt::format("{} entries", types->size()),
                        fmt::format("one for each of {} layers", config.num_hidden_layers));
        }
        std::vector<bool> local;
        for (const Json& type : *types) {
            const std::string* text = type.text();
            if (text == nullptr || (*text != "sliding_attention" && *text != "full_attention")) {
                fields.fail("layer_types", type.described(), "sliding_attention or full_attention");
            }
            local.push_back(*text == "sliding_attention");
        }
        return local;
    }
    if (config.architecture == Architecture::gemma2) {
        return pattern_layers(config.num_hidden_layers, 2);
    }
    std::optional<uint32_t> pattern = fields.count("sliding_window_pattern");
    pattern = pattern ? pattern : fields.count("_sliding_window_pattern");
    if (pattern && *pattern == 0) {
        fields.fail("sliding_window_pattern", "0", "1 or more");
    }
    return pattern_layers(config.num_hidden_layers, pattern.value_or(6));
}

uint32_t window_of(const JsonFields& fields, const Config& config) {
    if (config.architecture == Architecture::gemma) {
        return 0;
    }
    const std::optional<uint32_t> window = fields.count("sliding_window");
    if (!window && config.architecture == Architecture::gemma3 && !fields.has("sliding_window")) {
        fields.fail("sliding_window", "nothing", "the number of keys a local layer sees");
    }
    return window.value_or(
        config.architecture == Architecture::gemma2 && !fields.has("sliding_window") ? 4096 : 0);
}

/// Factor of a rope_scaling or rope_parameters object; 1 for the default kind.
double scaling_factor(const JsonFields& rope) {
    std::optional<std::string> type = rope.text("rope_type");
    type = type ? type : rope.text("type");
    if (!type || *type == "default") {
        return 1;
    }
    if (*type != "linear") {
        rope.fail("rope_type", fmt::format("'{}'", *type), "default or linear");
    }
    const std::optional<double> factor = rope.real("factor");
    if (!factor) {
        rope.fail("factor", "nothing", "a factor, since the type is linear");
    }
    return *factor;
}

RopeValues rope_values(const JsonFields& fields, const Config& config,
                       std::vector<std::string>& notices) {
    const bool gemma3 = config.architecture == Architecture::gemma3;
    RopeValues rope;
    rope.theta_global = fields.real("rope_theta").value_or(gemma3 ? 1e6 : 1e4);
    rope.theta_local =
        gemma3 ? fields.real("rope_local_base_freq").value_or(1e4) : rope.theta_global;
    if (const std::optional<JsonFields> scaling = fields.child("rope_scaling")) {
        rope.factor_global = scaling_factor(*scaling);
        rope.factor_local = gemma3 ? 1 : rope.factor_global;
    } else if (!fields.has("rope_scaling") && !fields.has("rope_parameters") &&
               wants_factor_8(config)) {
        rope.factor_global = 8;
        notices.emplace_back(
            "config.json lacks the RoPE scaling of its size; factor 8 is used on global layers");
    }
    const std::optional<JsonFields> parameters = fields.child("rope_parameters");
    if (!parameters) {
        return rope;
    }
    const std::optional<JsonFields> global = parameters->child("full_attention");
    const std::optional<JsonFields> local = parameters->child("sliding_attention");
    const JsonFields& g = global ? *global : *parameters;
    rope.theta_global = g.real("rope_theta").value_or(rope.theta_global);
    rope.factor_global = scaling_factor(g);
    if (local) {
        rope.theta_local = local->real("rope_theta").value_or(rope.theta_local);
        rope.factor_local = scaling_factor(*local);
    } else if (!gemma3) {
        rope.theta_local = rope.theta_global;
        rope.factor_local = rope.factor_global;
    }
    return rope;
}

/// A cap that may be missing (the generation's), null (off) or a number.
float cap_of(const JsonFields& fields, std::string_view field, float standard) {
    if (!fields.has(field)) {
        return standard;
    }
    return static_cast<float>(fields.real(field).value_or(0));
}

}  // namespace

Config config_from_json(const Json& root, const std::string& name,
                        std::vector<std::string>& notices) {
    const JsonFields outer(root, name);
    const std::optional<std::string> type = outer.text("model_type");
    if (!type) {
        outer.fail("model_type", "nothing", "gemma, gemma2, gemma3 or gemma3_text");
    }
    Config config;
    config.architecture = architecture_from_name(*type, name, "model_type");
    apply_generation(config);
    const std::optional<JsonFields> inner =
        *type == "gemma3" ? outer.child("text_config") : std::nullopt;
    const JsonFields& fields = inner ? *inner : outer;
    if (inner && inner->text("model_type").value_or("gemma3_text") != "gemma3_text") {
        inner->fail("model_type", *inner->text("model_type"), "gemma3_text");
    }
    refuse_unsupported(outer);
    refuse_unsupported(fields);
    read_sizes(fields, name, config);
    config.rms_norm_eps = static_cast<float>(fields.real("rms_norm_eps").value_or(1e-6));
    config.query_pre_attn_scalar = default_query_scalar(config);
    if (config.architecture != Architecture::gemma) {
        config.query_pre_attn_scalar =
            fields.real("query_pre_attn_scalar").value_or(config.query_pre_attn_scalar);
    }
    const bool gemma2 = config.architecture == Architecture::gemma2;
    config.attn_logit_softcapping = cap_of(fields, "attn_logit_softcapping", gemma2 ? 50.f : 0);
    config.final_logit_softcapping = cap_of(fields, "final_logit_softcapping", gemma2 ? 30.f : 0);
    const RopeValues rope = rope_values(fields, config, notices);
    check_rope(rope, {name, {}});
    fill_layers(config, local_layers(fields, config), window_of(fields, config), rope);
    config.vocab_size =
        fields.count("vocab_size")
            .value_or(config.architecture == Architecture::gemma3 ? 262'208 : 256'000);
    config.embedding_rows = config.vocab_size;
    std::optional<bool> tied = fields.boolean("tie_word_embeddings");
    tied = tied ? tied : outer.boolean("tie_word_embeddings");
    config.tied_embeddings = tied.value_or(true);
    return config;
}

void read_token_ids(TokenizerData& tokenizer, const Json& root, const std::string& name) {
    const JsonFields fields(root, name);
    const auto id = [&](std::string_view field, int32_t standard) {
        const std::optional<uint32_t> value = fields.count(field);
        if (value && *value > INT32_MAX) {
            fields.fail(field, fmt::format("{}", *value), "a token id");
        }
        return value ? static_cast<int32_t>(*value) : standard;
    };
    tokenizer.bos_id = id("bos_token_id", tokenizer.bos_id);
    tokenizer.pad_id = id("pad_token_id", tokenizer.pad_id);
    const std::vector<int32_t> eos = token_id_list(fields, "eos_token_id");
    if (!eos.empty()) {
        tokenizer.eos_id = eos[0];
    }
    tokenizer.stop_ids.insert(tokenizer.stop_ids.end(), eos.begin(), eos.end());
}

std::vector<int32_t> token_id_list(const JsonFields& fields, std::string_view field) {
    const Json* value = fields.find(field);
    if (value == nullptr) {
        return {};
    }
    const Json::Array single = {*value};
    const Json::Array& items = value->array() != nullptr ? *value->array() : single;
    std::vector<int32_t> ids;
    for (const Json& item : items) {
        const uint64_t* id = item.integer();
        if (id == nullptr || *id > INT32_MAX || items.size() > 64) {
            fields.fail(field, value->described(), "a token id, or a list of at most 64");
        }
        ids.push_back(static_cast<int32_t>(*id));
    }
    return ids;
}

}  // namespace model
