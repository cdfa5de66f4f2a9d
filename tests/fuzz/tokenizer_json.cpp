// A tokenizer.json of a stranger: checked pieces without gaps, or refused by an Error.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "gpu/base.h"
#include "model/tokenizer_files.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    try {
        const model::TokenizerData tokenizer = model::parse_tokenizer_json(
            std::string_view(reinterpret_cast<const char*>(data), size), "fuzz");
        CHECK(tokenizer.pieces.size() >= 256 && tokenizer.scores.size() == tokenizer.pieces.size());
    } catch (const base::Error&) {
        // Refused, as it should be.
    }
    return 0;
}
