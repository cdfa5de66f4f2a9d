#include "model/config.h"

#include <cmath>
#include <string_view>
#include <utility>

#include "model/config_builders.h"
#include "model/file_error.h"

namespace model {

namespace {

struct IntegerRule {
    std::string_view field;
    uint32_t value;
    uint32_t min, max;
};

struct RealRule {
    std::string_view field;
    double value;
    double min, max;
    bool zero_allowed;  // zero means "off"
};

void check_integers(const Config& c, const FieldNames& names) {
    const IntegerRule rules[] = {
        {"num_hidden_layers", c.num_hidden_layers, 1, 512},
        {"hidden_size", c.hidden_size, 1, 65'536},
        {"intermediate_size", c.intermediate_size, 1, 262'144},
        {"num_attention_heads", c.num_attention_heads, 1, 512},
        {"num_key_value_heads", c.num_key_value_heads, 1, 512},
        {"head_dim", c.head_dim, 2, 512},
        {"vocab_size", c.vocab_size, 1, 1u << 20},
        {"embedding_rows", c.embedding_rows, 1, 1u << 20},
        {"max_position_embeddings", c.max_position_embeddings, 1, 1u << 24},
    };
    for (const IntegerRule& rule : rules) {
        if (rule.value < rule.min || rule.value > rule.max) {
            refuse(names.source, names.of(rule.field), fmt::format("{}", rule.value),
                   fmt::format("{} to {}", rule.min, rule.max));
        }
    }
    if (c.num_attention_heads % c.num_key_value_heads != 0) {
        refuse(names.source, names.of("num_key_value_heads"),
               fmt::format("{}", c.num_key_value_heads),
               fmt::format("a divisor of num_attention_heads {}", c.num_attention_heads));
    }
    // The kernels read four elements at a time.
    for (const auto& [field, value] :
         {std::pair<std::string_view, uint32_t>{"head_dim", c.head_dim},
          {"hidden_size", c.hidden_size},
          {"intermediate_size", c.intermediate_size}}) {
        if (value % 4 != 0) {
            refuse(names.source, names.of(field), fmt::format("{}", value), "a multiple of 4");
        }
    }
    if (c.vocab_size > c.embedding_rows) {
        refuse(names.source, names.of("vocab_size"), fmt::format("{}", c.vocab_size),
               fmt::format("at most the {} rows of the embedding", c.embedding_rows));
    }
    if (c.layers.size() != c.num_hidden_layers) {
        refuse(names.source, names.of("layer_types"), fmt::format("{} layers", c.layers.size()),
               fmt::format("num_hidden_layers {}", c.num_hidden_layers));
    }
}

void check_real(const RealRule& rule, const FieldNames& names) {
    const bool in_range = rule.value >= rule.min && rule.value <= rule.max;  // false for NaN
    if (!in_range && !(rule.zero_allowed && rule.value == 0)) {
        refuse(names.source, names.of(rule.field), fmt::format("{}", rule.value),
               fmt::format("{} to {}{}", rule.min, rule.max, rule.zero_allowed ? ", or 0" : ""));
    }
}

void check_layers(const Config& c, const FieldNames& names) {
    for (const LayerConfig& layer : c.layers) {
        check_real({layer.is_local() ? "rope_local_base_freq" : "rope_theta", layer.rope_theta, 1,
                    1e9, false},
                   names);
        check_real({"rope_scaling.factor", layer.rope_factor, 1, 1024, false}, names);
        if (layer.sliding_window > (1u << 24)) {
            refuse(names.source, names.of("sliding_window"),
                   fmt::format("{}", layer.sliding_window), "at most 16777216");
        }
    }
}

}  // namespace

std::string_view architecture_name(Architecture architecture) {
    switch (architecture) {
        case Architecture::gemma:
            return "gemma";
        case Architecture::gemma2:
            return "gemma2";
        case Architecture::gemma3:
            return "gemma3";
    }
    CHECK(false, "architecture {}", static_cast<int>(architecture));
    return {};
}

float Config::attention_scale() const {
    return static_cast<float>(1.0 / std::sqrt(query_pre_attn_scalar));
}

std::vector<std::string> validate(Config& config, const std::string& source, bool gguf) {
    const FieldNames names{source, gguf ? architecture_name(config.architecture) : ""};
    check_integers(config, names);
    check_real({"rms_norm_eps", config.rms_norm_eps, 1e-12, 0.1, false}, names);
    check_real({"query_pre_attn_scalar", config.query_pre_attn_scalar, 1e-3, 1e6, false}, names);
    check_real({"attn_logit_softcapping", config.attn_logit_softcapping, 1e-3, 1e6, true}, names);
    check_real({"final_logit_softcapping", config.final_logit_softcapping, 1e-3, 1e6, true}, names);
    check_layers(config, names);

    std::vector<std::string> notices;
    // Early config.json files of Gemma 2 9B say 224; Google corrected it to 256 (spec 1.2).
    if (config.architecture == Architecture::gemma2 && config.num_hidden_layers == 42 &&
        config.query_pre_attn_scalar == 224) {
        config.query_pre_attn_scalar = 256;
        notices.emplace_back(
            "query_pre_attn_scalar 224 is that of an outdated Gemma 2 9B file; 256 is used");
    }
    return notices;
}

}  // namespace model
