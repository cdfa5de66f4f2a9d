// A Hugging Face folder (config.json, safetensors, tokenizer files) as a ModelSource.
#pragma once

#include <memory>
#include <string>

#include "model/limits.h"
#include "model/source.h"

namespace model {

std::unique_ptr<ModelSource> open_hf_folder(const std::string& folder, const Limits& limits = {});

/// File names of the shards of a model.safetensors.index.json, each once. Names that would leave
/// the folder are refused. `name` is the index's, for messages.
std::vector<std::string> parse_shard_index(std::string_view text, const std::string& name,
                                           const Limits& limits = {});

}  // namespace model
