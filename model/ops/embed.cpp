#include "model/ops.h"

#include "model/ops/dispatch.h"
#include "shaders/params.h"

namespace model::ops {

void embed(gpu::CommandBuffer& cmd, const Tensor& y, const Matrix& table, const Tensor& tokens,
           float scale) {
    const auto [n_tokens, dim] = y.shape;
    check(y, DType::f32, {n_tokens, table.cols});
    check(tokens, DType::i32, {1, n_tokens});

    const gpu::Kernel& kernel =
        cmd.kernel("embed", {/* workgroup_size */ kElementwiseGroup, uint32_t(table.dtype)});
    const gpu::GroupCount groups{.x = divide_up(dim / 4, kElementwiseGroup), .y = n_tokens};
    for (const MatrixSlab& slab : table.slabs) {
        cmd.dispatch(kernel, groups, params::Embed{dim, slab.row_begin, slab.n_rows, scale},
                     {slab.quants, slab.highs, slab.scales, tokens.range, y.range},
                     {.flops = 4.0 * n_tokens * dim, .bytes = 8.0 * n_tokens * dim});
    }
}

}  // namespace model::ops
