// Config: the hyper-parameters of a Gemma text model, under the names of Hugging Face's
// config.json. One builder per source of truth: GGUF metadata and config.json.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace model {

/// Positions of a context when nobody says how many (at most the model's).
inline constexpr uint32_t kDefaultContext = 4096;

enum class Architecture : uint8_t { gemma, gemma2, gemma3 };
std::string_view architecture_name(Architecture architecture);  // "gemma", "gemma2", "gemma3"

/// What differs from layer to layer (spec 1.3).
struct LayerConfig {
    uint32_t sliding_window = 0;  // W keys including self; 0: global
    double rope_theta = 10000;
    double rope_factor = 1;  // positions are divided by it

    bool is_local() const { return sliding_window != 0; }
};

struct Config {
    Architecture architecture = Architecture::gemma;
    uint32_t hidden_size = 0;
    uint32_t intermediate_size = 0;
    uint32_t num_hidden_layers = 0;
    uint32_t num_attention_heads = 0;
    uint32_t num_key_value_heads = 0;
    uint32_t head_dim = 0;
    uint32_t vocab_size = 0;  // tokens that may be drawn: <= embedding rows (spec 1.3)
    uint32_t embedding_rows = 0;
    uint32_t max_position_embeddings = 0;
    float rms_norm_eps = 1e-6f;
    double query_pre_attn_scalar = 256;
    float attn_logit_softcapping = 0;   // 0: none
    float final_logit_softcapping = 0;  // 0: none
    bool qk_norm = false;
    bool post_norms = false;  // four norms a layer (Gemma 2 and 3)
    bool tied_embeddings = true;
    std::vector<LayerConfig> layers;  // [num_hidden_layers]

    uint32_t q_width() const { return num_attention_heads * head_dim; }
    uint32_t kv_width() const { return num_key_value_heads * head_dim; }
    uint32_t kv_head(uint32_t head) const {
        return head / (num_attention_heads / num_key_value_heads);
    }
    /// Factor on the scores: 1 / sqrt(query_pre_attn_scalar), rounded once from double.
    float attention_scale() const;
};

/// Throws base::Error(model) naming the field when a value is out of range or fields disagree
/// (reliability.md A21, A22, spec 1.2); `source` names the file. Returns notices: corrections that
/// were made (such as 224 -> 256 for Gemma 2 9B), for the log and `info`. `gguf`: fields are named
/// by the keys of a GGUF file too.
std::vector<std::string> validate(Config& config, const std::string& source, bool gguf = false);

}  // namespace model
