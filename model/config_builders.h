// One builder of Config per source of truth (spec 4.2, 4.5), with the fall-backs of spec 1.2, 1.3.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "model/config.h"
#include "model/gguf.h"
#include "model/json_reader.h"
#include "model/source.h"

namespace model {

/// From GGUF metadata; vocab_size and embedding_rows come from the token list and the tensor.
Config config_from_gguf(const Gguf& gguf, const TokenizerData& tokenizer,
                        std::vector<std::string>& notices);

/// The tokenizer keys of GGUF metadata, checked (check_tokenizer).
TokenizerData tokenizer_from_gguf(const Gguf& gguf);

/// From config.json. vocab_size and embedding_rows are what it states; the tensor decides later.
Config config_from_json(const Json& root, const std::string& name,
                        std::vector<std::string>& notices);
/// bos, eos (one or a list: the first is eos, all end an answer) and pad of config.json.
void read_token_ids(TokenizerData& tokenizer, const Json& root, const std::string& name);
/// One id or a list of ids; empty when the field is absent.
std::vector<int32_t> token_id_list(const JsonFields& fields, std::string_view field);

/// Throws for architectures that are not in scope, naming what the file is.
Architecture architecture_from_name(std::string_view name, const std::string& source,
                                    std::string_view field);

/// Tokens that may be drawn (spec 1.3, 6.4): those with a row, without padding and image tokens at
/// the end. Cuts pieces beyond the rows. Writes notices.
uint32_t drawable_tokens(TokenizerData& tokenizer, uint32_t embedding_rows,
                         Architecture architecture, std::vector<std::string>& notices);

/// How a fault calls a field: by its name in config.json, in a GGUF file by the key that stands
/// there as well: "gemma2.context_length (max_position_embeddings)".
struct FieldNames {
    std::string source;            // the file
    std::string_view gguf_prefix;  // "gemma2"; empty: no GGUF file
    std::string of(std::string_view field) const;
};

/// Parts of both builders.
struct RopeValues {
    double theta_global = 10000, theta_local = 10000;
    double factor_global = 1, factor_local = 1;
};
/// Refuses values out of range, also where no layer of this model uses them.
void check_rope(const RopeValues& rope, const FieldNames& names);
/// local[i]: layer i has a window. Fills config.layers.
void fill_layers(Config& config, const std::vector<bool>& local, uint32_t window,
                 const RopeValues& rope);
/// Layer i is local where i % pattern < pattern - 1.
std::vector<bool> pattern_layers(uint32_t n_layers, uint32_t pattern);
/// What the generation itself decides: norms, caps and so on.
void apply_generation(Config& config);
/// Gemma 3 4B, 12B and 27B with the full context have a factor of 8 even where the file is silent.
bool wants_factor_8(const Config& config);
uint32_t default_context(const Config& config);
double default_query_scalar(const Config& config);

}  // namespace model
