#include "model/ops.h"

#include "gpu/base.h"
#include "model/ops/dispatch.h"
#include "shaders/params.h"

namespace model::ops {

void kv_write(gpu::CommandBuffer& cmd, const Tensor& dst, const Tensor& x, uint32_t position) {
    const auto [n_tokens, width] = x.shape;
    const uint32_t capacity = dst.shape.rows;
    check(x, DType::f32, {n_tokens, width});
    check(dst, dst.dtype, {capacity, width});
    CHECK(dst.dtype == DType::f16 || dst.dtype == DType::f32, "{}", dtype_name(dst.dtype));
    CHECK(n_tokens <= capacity, "{} tokens into {} slots", n_tokens, capacity);

    cmd.dispatch(cmd.kernel("kv_write", {/* workgroup_size */ kElementwiseGroup,
                                         uint32_t(dst.dtype == DType::f16)}),
                 {.x = divide_up(width / 2, kElementwiseGroup), .y = n_tokens},
                 params::KvWrite{width, position, capacity}, {x.range, dst.range},
                 {.flops = 20.0 * n_tokens * width, .bytes = 10.0 * n_tokens * width});
}

}  // namespace model::ops
