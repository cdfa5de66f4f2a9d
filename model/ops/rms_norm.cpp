#include "model/ops.h"

#include "model/ops/dispatch.h"
#include "shaders/params.h"

namespace model::ops {

void rms_norm(gpu::CommandBuffer& cmd, const Tensor& y, const Tensor& scale, const Tensor& x,
              const Tensor& w, float eps) {
    const auto [rows, dim] = x.shape;
    check(x, DType::f32, {rows, dim});
    check(w, DType::f32, {1, dim});
    check(y, DType::f32, {rows, dim});
    check(scale, DType::f32, {rows, 1});

    constexpr uint32_t kWidest = 32768;
    cmd.dispatch(cmd.kernel("rms_norm", {/* workgroup_size */ params::kNormLanes}),
                 {.x = std::min(rows, kWidest), .y = divide_up(rows, kWidest)},
                 params::RmsNorm{dim, rows, 1.0f / float(dim), eps},
                 {x.range, w.range, y.range, scale.range},
                 {.flops = 5.0 * rows * dim, .bytes = 12.0 * rows * dim});
}

}  // namespace model::ops
