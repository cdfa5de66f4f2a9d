// Limits of what a model file may ask for (reliability.md 1). Tests lower them to reach the edges.
#pragma once

#include <cstdint>

namespace model {

struct Limits {
    uint64_t string_bytes = 16ull << 20;
    uint64_t array_elements = 16ull << 20;
    uint64_t n_kvs = 65'536;
    uint64_t n_tensors = 262'144;
    uint64_t key_bytes = 65'535;
    uint64_t tensor_name_bytes = 64;
    uint64_t min_alignment = 8;
    uint64_t max_alignment = 65'536;
    uint64_t n_splits = 1'024;
    /// Heap that one parse may use for what it keeps.
    uint64_t heap_bytes = 768ull << 20;
    uint64_t safetensors_header_bytes = 100'000'000;
    uint64_t json_bytes = 128ull << 20;  // config.json, tokenizer.json, an index
    uint32_t json_depth = 64;
    uint64_t tokenizer_model_bytes = 128ull << 20;
    uint64_t n_pieces = 1ull << 20;
    uint64_t n_merges = 4ull << 20;
    uint64_t piece_bytes = 65'536;
};

}  // namespace model
