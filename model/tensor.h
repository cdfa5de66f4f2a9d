// Tensor: a named view of numbers in GPU memory. Matrix: a weight matrix in the repacked form that
// the kernels read.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "gpu/buffer.h"
#include "model/dtype.h"

namespace model {

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
/// the three planes is written down in repack.h.
struct MatrixSlab {
    uint32_t row_begin = 0;
    uint32_t n_rows = 0;
    gpu::Range quants;
    gpu::Range highs;  // this and the next: a 4-byte dummy for types without such a plane
    gpu::Range scales;
    uint64_t bytes() const { return quants.size + highs.size + scales.size; }
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
