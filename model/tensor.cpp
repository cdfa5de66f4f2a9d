#include "model/tensor.h"

#include "gpu/base.h"

namespace model {
namespace {

uint64_t element_bytes(DType dtype) {
    return block_bytes(dtype) / block_elements(dtype);
}

}  // namespace

Tensor Tensor::first_rows(uint32_t n) const {
    return rows(0, n);
}

Tensor Tensor::rows(uint32_t begin, uint32_t n) const {
    CHECK(uint64_t{begin} + n <= shape.rows, "{}: rows {} + {} of {}", name, begin, n, shape.rows);
    const uint64_t one_row = element_bytes(dtype) * shape.dim;
    return {name, dtype, {n, shape.dim}, range.slice(begin * one_row, n * one_row)};
}

Tensor Tensor::reshaped(uint32_t rows, uint32_t dim) const {
    CHECK(uint64_t{rows} * dim == uint64_t{shape.rows} * shape.dim, "{}: [{}, {}] as [{}, {}]",
          name, shape.rows, shape.dim, rows, dim);
    return {name, dtype, {rows, dim}, range};
}

void check(const Tensor& tensor, DType dtype, Shape shape) {
    CHECK(tensor.dtype == dtype, "{}: {} expected, {} found", tensor.name, dtype_name(dtype),
          dtype_name(tensor.dtype));
    CHECK(tensor.shape == shape, "{}: [{}, {}] expected, [{}, {}] found", tensor.name, shape.rows,
          shape.dim, tensor.shape.rows, tensor.shape.dim);
    CHECK(tensor.range.size >= uint64_t{shape.rows} * shape.dim * element_bytes(dtype),
          "{}: range of {} bytes", tensor.name, tensor.range.size);
}

uint64_t Matrix::bytes() const {
    uint64_t sum = 0;
    for (const MatrixSlab& slab : slabs) {
        sum += slab.bytes();
    }
    return sum;
}

}  // namespace model
