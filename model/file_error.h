// The one form of "this file is broken": file, field, place, what was found and what was expected.
#pragma once

#include <string>
#include <string_view>

#include <fmt/format.h>

#include "gpu/base.h"

namespace model {

/// "tiny.gguf: tensor count at byte 8: found 2^63, expected at most 262144"
[[noreturn]] inline void refuse(std::string_view file, std::string_view field, uint64_t offset,
                                std::string_view found, std::string_view expected,
                                std::string hint = {}) {
    throw base::Error(
        base::ErrorKind::model,
        fmt::format("{}: {} at byte {}: found {}, expected {}", base::escaped(file),
                    base::escaped(field, 100), offset, base::escaped(found), expected),
        std::move(hint));
}

/// The same for a field that has a name instead of a place (JSON, configuration).
[[noreturn]] inline void refuse(std::string_view file, std::string_view field,
                                std::string_view found, std::string_view expected,
                                std::string hint = {}) {
    throw base::Error(base::ErrorKind::model,
                      fmt::format("{}: {}: found {}, expected {}", base::escaped(file),
                                  base::escaped(field, 100), base::escaped(found), expected),
                      std::move(hint));
}

}  // namespace model
