// A GGUF file of a stranger: opened, and all its weights read, or refused by an Error.
#include <cstddef>
#include <cstdint>
#include <span>

#include "gpu/base.h"
#include "model/gguf_source.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    try {
        const auto source = model::open_gguf(
            std::make_unique<model::MemorySource>("fuzz", std::as_bytes(std::span(data, size))));
        for (const model::SourceTensor& tensor : source->tensors) {
            (void)source->read_f32(tensor);
        }
    } catch (const base::Error&) {
        // Refused, as it should be.
    }
    return 0;
}
