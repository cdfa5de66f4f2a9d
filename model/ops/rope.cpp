#include "model/ops.h"

#include "gpu/base.h"
#include "model/ops/dispatch.h"
#include "shaders/params.h"

namespace model::ops {

void rope(gpu::CommandBuffer& cmd, const Tensor& x, const Tensor& table, uint32_t n_heads) {
    const auto [n_tokens, width] = x.shape;
    const uint32_t head_dim = width / n_heads;
    check(x, DType::f32, {n_tokens, n_heads * head_dim});
    check(table, DType::f32, {n_tokens, head_dim});
    CHECK(head_dim % 2 == 0, "head size {}", head_dim);

    cmd.dispatch(cmd.kernel("rope", {/* workgroup_size */ kElementwiseGroup}),
                 {.x = divide_up(head_dim / 2, kElementwiseGroup), .y = n_heads, .z = n_tokens},
                 params::Rope{n_heads, head_dim}, {x.range, table.range},
                 {.flops = 3.0 * n_tokens * width, .bytes = 12.0 * n_tokens * width});
}

}  // namespace model::ops
