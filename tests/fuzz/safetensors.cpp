// A safetensors file of a stranger: its tensors lie inside the file and cover it, or it is refused.
#include "model/safetensors.h"

#include <cstddef>
#include <cstdint>
#include <span>

#include "gpu/base.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    uint64_t covered = 0;
    uint64_t end = 0;
    try {
        const auto file = model::parse_safetensors(
            model::MemorySource("fuzz", std::as_bytes(std::span(data, size))));
        for (const model::SafetensorsTensor& tensor : file.tensors) {
            covered += tensor.n_bytes;
            end = tensor.offset + tensor.n_bytes;
        }
        CHECK(file.tensors.empty() || end == size, "{} of {}", end, size);
        CHECK(covered <= size, "{} of {}", covered, size);
    } catch (const base::Error&) {
        // Refused, as it should be.
    }
    return 0;
}
