// Tensor: a named view of numbers in GPU memory. Matrix: a weight matrix in the repacked form that
// the kernels read. DType: the element and block types.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "gpu/buffer.h"

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

struct Shape {
    uint32_t rows = 0;
    uint32_t dim = 0;
    bool operator==(const Shape&) const = default;
};

/// Activations: row-major [rows, dim], last axis contiguous. Does not own memory.
struct Tensor {
    const char* name = "";
    DType dtype = DType::f32;
    Shape shape;
    gpu::Range range;

    /// The first n rows.
    Tensor first_rows(uint32_t n) const;
    /// Rows [begin, begin + n).
    Tensor rows(uint32_t begin, uint32_t n) const;
    /// The same numbers seen as [rows, dim] (same count; CHECK).
    Tensor reshaped(uint32_t rows, uint32_t dim) const;
};

/// CHECKs dtype and shape; the message names the tensor.
void check(const Tensor& tensor, DType dtype, Shape shape);

/// Rows [row_begin, row_begin + n_rows) of a weight matrix, small enough to be bound. The layout of
/// the two planes is written down in repack.h.
struct MatrixSlab {
    uint32_t row_begin = 0;
    uint32_t n_rows = 0;
    gpu::Range quants;
    gpu::Range scales;  // the 16-bit scale plane; a 4-byte dummy for types without one
};

/// A weight matrix [rows, cols] that stays quantized in GPU memory; y = W x.
struct Matrix {
    std::string name;
    DType dtype = DType::f32;
    uint32_t rows = 0;
    uint32_t cols = 0;
    std::vector<MatrixSlab> slabs;
    uint64_t bytes() const;  // in GPU memory
};

}  // namespace model
