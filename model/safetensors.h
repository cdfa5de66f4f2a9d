// The safetensors container (spec 4.1): bytes -> a list of tensors, everything bounds-checked.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "model/dtype.h"
#include "model/file.h"
#include "model/limits.h"

namespace model {

struct SafetensorsTensor {
    std::string name;
    std::string type_name;       // "BF16"
    std::optional<DType> dtype;  // nothing: a type of the format that is not supported here
    std::vector<uint64_t> shape;
    uint64_t offset = 0;  // from the start of the file
    uint64_t n_bytes = 0;
};

struct Safetensors {
    std::vector<SafetensorsTensor> tensors;  // by offset
    std::vector<std::pair<std::string, std::string>> metadata;
};

Safetensors parse_safetensors(const ByteSource& source, const Limits& limits = {});

}  // namespace model
