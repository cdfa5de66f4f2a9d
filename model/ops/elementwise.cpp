// Host side of add, geglu and softcap.
#include "model/ops.h"

#include "model/ops/dispatch.h"
#include "shaders/params.h"

namespace model::ops {

void add(gpu::CommandBuffer& cmd, const Tensor& x, const Tensor& y) {
    check(x, DType::f32, x.shape);
    check(y, DType::f32, x.shape);
    const uint32_t n = x.shape.rows * x.shape.dim;
    cmd.dispatch(cmd.kernel("add", {/* workgroup_size */ kElementwiseGroup}), elementwise_groups(n),
                 params::Elementwise{n, 0}, {x.range, y.range},
                 {.flops = double(n), .bytes = 12.0 * n});
}

void geglu(gpu::CommandBuffer& cmd, const Tensor& y, const Tensor& gate, const Tensor& up) {
    check(gate, DType::f32, gate.shape);
    check(up, DType::f32, gate.shape);
    check(y, DType::f32, gate.shape);
    const uint32_t n = gate.shape.rows * gate.shape.dim;
    cmd.dispatch(cmd.kernel("geglu", {/* workgroup_size */ kElementwiseGroup}),
                 elementwise_groups(n), params::Elementwise{n, 0}, {gate.range, up.range, y.range},
                 {.flops = 60.0 * n, .bytes = 12.0 * n});
}

void softcap(gpu::CommandBuffer& cmd, const Tensor& x, float cap) {
    check(x, DType::f32, x.shape);
    const uint32_t n = x.shape.rows * x.shape.dim;
    cmd.dispatch(cmd.kernel("softcap", {/* workgroup_size */ kElementwiseGroup}),
                 elementwise_groups(n), params::Elementwise{n, cap}, {x.range},
                 {.flops = 60.0 * n, .bytes = 8.0 * n});
}

}  // namespace model::ops
