// What the builders of Config share: facts of the generations that no file needs to state.
#include <algorithm>
#include <array>

#include "model/config_builders.h"
#include "model/file_error.h"

namespace model {

Architecture architecture_from_name(std::string_view name, const std::string& source,
                                    std::string_view field) {
    if (name == "gemma") {
        return Architecture::gemma;
    }
    if (name == "gemma2") {
        return Architecture::gemma2;
    }
    if (name == "gemma3" || name == "gemma3_text") {
        return Architecture::gemma3;
    }
    const std::string found = fmt::format("architecture '{}'", name);
    if (name.starts_with("gemma") || name.find("gemma") != std::string_view::npos) {
        refuse(source, field, found, "gemma, gemma2 or gemma3",
               "This member of the Gemma family has parts that Lapidary does not compute yet.");
    }
    refuse(source, field, found, "gemma, gemma2 or gemma3",
           "Lapidary runs Google's Gemma models only.");
}

void apply_generation(Config& config) {
    config.post_norms = config.architecture != Architecture::gemma;
    config.qk_norm = config.architecture == Architecture::gemma3;
}

uint32_t default_context(const Config& config) {
    if (config.architecture != Architecture::gemma3) {
        return 8192;
    }
    const bool small = config.num_hidden_layers == 18 || config.num_hidden_layers == 26;
    return small ? 32768 : 131072;
}

double default_query_scalar(const Config& config) {
    const bool per_head =
        (config.architecture == Architecture::gemma2 && config.num_hidden_layers == 46) ||
        (config.architecture == Architecture::gemma3 && config.num_hidden_layers == 62);
    if (per_head && config.num_attention_heads > 0) {
        return static_cast<double>(config.hidden_size) / config.num_attention_heads;
    }
    return config.head_dim;
}

bool wants_factor_8(const Config& config) {
    const uint32_t n = config.num_hidden_layers;
    return config.architecture == Architecture::gemma3 && (n == 34 || n == 48 || n == 62) &&
           config.max_position_embeddings >= 131072;
}

std::vector<bool> pattern_layers(uint32_t n_layers, uint32_t pattern) {
    std::vector<bool> local(n_layers);
    for (uint32_t i = 0; i < n_layers; ++i) {
        local[i] = i % pattern < pattern - 1;
    }
    return local;
}

std::string FieldNames::of(std::string_view field) const {
    static constexpr std::pair<std::string_view, std::string_view> kKeys[] = {
        {"num_hidden_layers", "block_count"},
        {"hidden_size", "embedding_length"},
        {"intermediate_size", "feed_forward_length"},
        {"num_attention_heads", "attention.head_count"},
        {"num_key_value_heads", "attention.head_count_kv"},
        {"head_dim", "attention.key_length"},
        {"max_position_embeddings", "context_length"},
        {"rms_norm_eps", "attention.layer_norm_rms_epsilon"},
        {"attn_logit_softcapping", "attn_logit_softcapping"},
        {"final_logit_softcapping", "final_logit_softcapping"},
        {"sliding_window", "attention.sliding_window"},
        {"rope_theta", "rope.freq_base"},
        {"rope_local_base_freq", "rope.freq_base_swa"},
        {"rope_scaling.factor", "rope.scaling.factor"},
    };
    for (const auto& [name, key] : kKeys) {
        if (name == field && !gguf_prefix.empty()) {
            return fmt::format("{}.{} ({})", gguf_prefix, key, field);
        }
    }
    return std::string(field);
}

void check_rope(const RopeValues& rope, const FieldNames& names) {
    const struct {
        std::string_view field;
        double value, max;
    } rules[] = {{"rope_theta", rope.theta_global, 1e9},
                 {"rope_local_base_freq", rope.theta_local, 1e9},
                 {"rope_scaling.factor", rope.factor_global, 1024},
                 {"rope_scaling.factor", rope.factor_local, 1024}};
    for (const auto& rule : rules) {
        if (!(rule.value >= 1 && rule.value <= rule.max)) {  // also NaN
            refuse(names.source, names.of(rule.field), fmt::format("{}", rule.value),
                   fmt::format("1 to {}", rule.max));
        }
    }
}

void fill_layers(Config& config, const std::vector<bool>& local, uint32_t window,
                 const RopeValues& rope) {
    config.layers.assign(config.num_hidden_layers, {});
    for (uint32_t i = 0; i < config.num_hidden_layers; ++i) {
        const bool is_local = window > 0 && local[i];
        config.layers[i] = {.sliding_window = is_local ? window : 0,
                            .rope_theta = is_local ? rope.theta_local : rope.theta_global,
                            .rope_factor = is_local ? rope.factor_local : rope.factor_global};
    }
}

namespace {

/// Rows that pad the table or stand for an image; never to be drawn.
bool is_filler(const std::string& piece) {
    return piece == "<image_soft_token>" || piece.starts_with("[PAD");
}

}  // namespace

uint32_t drawable_tokens(TokenizerData& tokenizer, uint32_t embedding_rows,
                         Architecture architecture, std::vector<std::string>& notices) {
    constexpr uint32_t kGemma3Pieces = 262'144;
    if (tokenizer.pieces.size() > embedding_rows) {
        notices.push_back(fmt::format("{} tokens have no row in the embedding and are left out",
                                      tokenizer.pieces.size() - embedding_rows));
        tokenizer.pieces.resize(embedding_rows);
        tokenizer.scores.resize(std::min<size_t>(tokenizer.scores.size(), embedding_rows));
        tokenizer.types.resize(std::min<size_t>(tokenizer.types.size(), embedding_rows));
    }
    uint32_t n = static_cast<uint32_t>(tokenizer.pieces.size());
    while (n > 0 && is_filler(tokenizer.pieces[n - 1])) {
        --n;
    }
    // Multimodal files carry 64 more rows of noise (spec 1.3), under whatever names.
    if (architecture == Architecture::gemma3 && n > kGemma3Pieces && n <= kGemma3Pieces + 64) {
        n = kGemma3Pieces;
    }
    if (n < embedding_rows) {
        notices.push_back(
            fmt::format("{} of {} embedding rows are no text tokens and are never drawn",
                        embedding_rows - n, embedding_rows));
    }
    return n;
}

}  // namespace model
