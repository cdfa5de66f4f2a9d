// DType: the element and block types. No GPU header, so that what reads files, and the window, may
// include it.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace model {

/// Element types and GGUF block types that Lapidary reads. The order is ours; ids of files are
/// translated in gguf.cpp and safetensors.cpp.
enum class DType : uint8_t {
    f32,
    f16,
    bf16,
    q8_0,
    q4_0,
    q4_1,
    q5_0,
    q5_1,
    iq4_nl,  // blocks of 32
    q2_k,
    q3_k,
    q4_k,
    q5_k,
    q6_k,
    iq4_xs,  // super-blocks of 256
    i32,
};

/// "Q4_K", "F16": as llama.cpp writes them.
std::string_view dtype_name(DType dtype);
std::optional<DType> dtype_from_name(std::string_view name);
/// Elements in one block (1, 32 or 256).
uint32_t block_elements(DType dtype);
/// Bytes of one block as stored in a file (spec 5).
uint32_t block_bytes(DType dtype);
/// Bytes of `rows` rows of `dim` elements as stored in a file; dim must be whole blocks (CHECK).
uint64_t row_bytes(DType dtype, uint64_t dim);

/// The types that a KV cache can have: "f16" or "f32".
std::optional<DType> parse_cache_type(std::string_view name);

}  // namespace model
