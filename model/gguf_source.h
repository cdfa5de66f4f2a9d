// A GGUF file, or all parts of a split one (spec 4.7), as a ModelSource.
#pragma once

#include <memory>
#include <string>

#include "model/file.h"
#include "model/limits.h"
#include "model/source.h"

namespace model {

std::unique_ptr<ModelSource> open_gguf(const std::string& path, const Limits& limits = {});
/// The same for bytes that need not be a file; their name tells where further parts are.
std::unique_ptr<ModelSource> open_gguf(std::unique_ptr<ByteSource> first,
                                       const Limits& limits = {});

/// "dir/x-00001-of-00003.gguf", part 1 -> "dir/x-00002-of-00003.gguf". Nothing when the path does
/// not end as the first part of `n_parts` must.
std::optional<std::string> split_path(const std::string& first_part, uint32_t part,
                                      uint32_t n_parts);

}  // namespace model
