#include "model/ops.h"

#include "gpu/base.h"
#include "model/ops/dispatch.h"
#include "shaders/params.h"

namespace model::ops {
namespace {

constexpr uint32_t kGroup = 32;  // invocations of a workgroup in x

/// How one workgroup tiles the product. No choice changes a bit of the result.
struct Tiling {
    uint32_t tokens;   // TOKENS
    uint32_t k_split;  // KSPLIT
    uint32_t rows;     // ROWS
};

Tiling tiling(const gpu::Device& device, uint32_t n_tokens) {
    if (n_tokens > 1) {
        return {.tokens = 4, .k_split = 1, .rows = 4};  // a register tile of 16 sums
    }
    // With one token, a row an invocation is too little work for a wide GPU; a CPU reads x less
    // often when an invocation has several rows.
    return device.info().type == gpu::DeviceType::cpu
               ? Tiling{.tokens = 1, .k_split = 1, .rows = 4}
               : Tiling{.tokens = 1, .k_split = params::kMatmulLanes, .rows = 1};
}

/// Columns [col_begin, col_begin + n_cols) of W times elements [x_begin, ...) of each row of x,
/// into elements y_begin + r of each row of y.
struct Slice {
    uint32_t col_begin = 0;
    uint32_t n_cols = 0;
    uint32_t x_begin = 0;
    uint32_t y_begin = 0;
};

void matmul_slab(gpu::CommandBuffer& cmd, const Tensor& y, const Matrix& w, const MatrixSlab& slab,
                 const Tensor& x, const Slice& slice) {
    const uint32_t n_tokens = x.shape.rows;
    const Tiling tile = tiling(cmd.device(), n_tokens);
    const gpu::Kernel& kernel = cmd.kernel(
        "matmul",
        {/* workgroup_size */ kGroup, uint32_t(w.dtype), tile.tokens, tile.k_split, tile.rows});

    // Long products are cut by rows, so that no submit takes long.
    const double share = double(slice.n_cols) / w.cols;
    const gpu::Work work{.flops = 2.0 * slab.n_rows * slice.n_cols * n_tokens,
                         .bytes = share * double(slab.bytes()) * divide_up(n_tokens, tile.tokens) +
                                  4.0 * slab.n_rows * n_tokens};
    const uint32_t group_rows = kGroup * tile.rows;
    const uint32_t n_groups = divide_up(slab.n_rows, group_rows);
    const uint32_t parts = std::min(cmd.parts(kernel, work), n_groups);
    for (uint32_t part = 0; part < parts; part++) {
        const uint32_t begin = uint32_t(uint64_t{n_groups} * part / parts) * group_rows;
        const uint32_t end =
            std::min(uint32_t(uint64_t{n_groups} * (part + 1) / parts) * group_rows, slab.n_rows);
        const params::Matmul push{.row_first = begin,
                                  .row_end = end,
                                  .y_row_begin = slice.y_begin + slab.row_begin,
                                  .y_stride = y.shape.dim,
                                  .cols = w.cols,
                                  .col_begin = slice.col_begin,
                                  .n_cols = slice.n_cols,
                                  .x_stride = x.shape.dim,
                                  .x_begin = slice.x_begin,
                                  .n_tokens = n_tokens};
        cmd.dispatch(
            kernel,
            {.x = divide_up(end - begin, group_rows), .y = divide_up(n_tokens, tile.tokens)}, push,
            {slab.quants, slab.highs, slab.scales, x.range, y.range},
            {.flops = work.flops / parts, .bytes = work.bytes / parts});
    }
}

}  // namespace

void matmul(gpu::CommandBuffer& cmd, const Tensor& y, const Matrix& w, const Tensor& x) {
    const uint32_t n_tokens = x.shape.rows;
    check(x, DType::f32, {n_tokens, w.cols});
    check(y, DType::f32, {n_tokens, w.rows});
    CHECK(w.cols % 4 == 0, "{}: {} columns", w.name, w.cols);
    for (const MatrixSlab& slab : w.slabs) {
        matmul_slab(cmd, y, w, slab, x, {.n_cols = w.cols});
    }
}

void matmul_per_head(gpu::CommandBuffer& cmd, const Tensor& y, const Matrix& w, const Tensor& x,
                     uint32_t n_heads) {
    const uint32_t head_dim = w.cols / n_heads;
    check(x, DType::f32, {x.shape.rows, w.cols});
    check(y, DType::f32, {x.shape.rows, n_heads * w.rows});
    CHECK(head_dim % params::kBlock == 0, "head size {}", head_dim);
    for (uint32_t h = 0; h < n_heads; h++) {
        for (const MatrixSlab& slab : w.slabs) {
            matmul_slab(cmd, y, w, slab, x,
                        {.col_begin = h * head_dim,
                         .n_cols = head_dim,
                         .x_begin = h * head_dim,
                         .y_begin = h * w.rows});
        }
    }
}

}  // namespace model::ops
