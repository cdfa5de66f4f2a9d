#include <cmath>
#include <tuple>

#include <fmt/format.h>

#include "model/fast_ops.h"
#include "tests/op_test_fast.h"

namespace {

using model::DType;
using op_test::NormCase;
using op_test::NormData;
using op_test::ProductForm;

struct Weights {
    Weights(DType type, uint32_t rows, uint32_t cols, uint32_t slab_rows)
        : gate(type, rows, cols, 1, slab_rows), up(type, rows, cols, 2, slab_rows) {}
    op_test::WeightMatrix gate, up;
};

/// Error against gelu(g) u, g = W_gate h, u = W_up h. With errors dg, du it is |u| 1.13 |dg| +
/// |gelu(g)| |du|, gelu's steepest slope being 1.13; both errors within product_limit of the terms'
/// power P = sum w^2 h^2. Twice the squares' sum is allowed: (1.13 u)^2 P_g + gelu(g)^2 P_u.
void check_y(std::span<const float> y_device, const Weights& w, const NormData& in,
             const ProductForm& form) {
    const uint32_t rows = w.gate.matrix.rows, cols = w.gate.matrix.cols;
    const auto product = [&](std::span<const float> values, std::span<const double> x) {
        std::vector<double> y(rows);
        ref::matmul(std::span<double>(y), values, rows, cols, x, 1);
        return y;
    };
    const auto power = [&](const op_test::WeightMatrix& matrix) {
        std::vector<float> squares = matrix.values;
        std::vector<double> h(in.h);
        for (float& v : squares) {
            v *= v;
        }
        for (double& v : h) {
            v *= v;
        }
        return product(squares, h);
    };
    const std::vector<double> gate = product(w.gate.values, in.h), up = product(w.up.values, in.h);
    const std::vector<double> gate_power = power(w.gate), up_power = power(w.up);
    double error = 0, allowed = 0;
    for (size_t r = 0; r < rows; ++r) {
        const double gelu = ref::Math<double>::gelu(gate[r]);
        error += std::pow(static_cast<double>(y_device[r]) - gelu * up[r], 2);
        allowed += 1.28 * up[r] * up[r] * gate_power[r] + gelu * gelu * up_power[r];
    }
    CHECK(error <= 2 * op_test::product_limit(form, cols) * allowed);  // NaN is not
}

void run_form(const ProductForm& wanted, DType type, uint32_t rows, uint32_t cols,
              const NormCase& c, uint32_t slab_rows = UINT32_MAX) {
    const ProductForm form = op_test::for_type(wanted, type);
    INFO(model::dtype_name(type) << " " << rows << " x " << cols << ", slabs of " << slab_rows
                                 << ", RESIDUAL " << c.residual << "; " << form.text());
    const Weights w(type, rows, cols, slab_rows);
    const NormData in(c, cols, cols);
    const op_test::Array y = op_test::Array::output(rows);
    const op_test::Array unused = op_test::Array::output(1);
    gpu::CommandBuffer& cmd = op_test::rig().cmd;
    const gpu::Kernel& kernel =
        cmd.kernel("norm_geglu", {form.workgroup(), uint32_t(type), cols, form.lanes, form.rows,
                                  form.fixed, form.whole(), form.one_subgroup, c.residual});
    for (size_t i = 0; i < w.gate.matrix.slabs.size(); ++i) {
        const model::MatrixSlab& a = w.gate.matrix.slabs[i];
        const model::MatrixSlab& b = w.up.matrix.slabs[i];
        params::Matvec push = op_test::matvec_push(form, a);
        in.set(push);
        push.store = i == 0 ? push.store : 0;
        cmd.dispatch(
            kernel, {.x = op_test::matvec_groups(push)}, push,
            {a.quants, a.highs, a.scales, in.x.range(), y.range(), in.added.range(),
             in.added_norm.range(), in.norm.range(), i == 0 ? in.sum.range() : unused.range(),
             in.state.range(), b.quants, b.highs, b.scales},
            {});
    }
    cmd.finish();
    check_y(y.floats(), w, in, form);
    in.check_sum();
}

model::ops::NormInput input_of(const NormData& in) {
    const uint32_t n_rows = in.shape.position + 2;
    model::ops::NormInput input{.x = {in.x.tensor(n_rows, in.cols), in.shape.x_at_position},
                                .added = {},
                                .added_norm = {},
                                .norm = in.norm.tensor(1, in.cols),
                                .eps = op_test::kNormEps,
                                .state = in.state.range()};
    if (in.shape.residual > 0) {
        input.added = in.added.tensor(1, in.cols);
    }
    if (in.shape.residual == 2) {
        input.added_norm = in.added_norm.tensor(1, in.cols);
    }
    return input;
}

void run_op(DType type, uint32_t rows, uint32_t cols, const NormCase& c,
            uint32_t slab_rows = UINT32_MAX) {
    INFO("op, " << model::dtype_name(type) << " " << rows << " x " << cols << ", slabs of "
                << slab_rows << ", RESIDUAL " << c.residual);
    const Weights w(type, rows, cols, slab_rows);
    const NormData in(c, cols, cols);
    const op_test::Array y = op_test::Array::output(rows);
    const op_test::Array unused = op_test::Array::output(1);
    gpu::CommandBuffer& cmd = op_test::rig().cmd;
    model::ops::norm_geglu(
        cmd, y.tensor(1, rows), w.gate.matrix, w.up.matrix, input_of(in),
        {{in.sum.tensor(c.position + 2, cols), c.sum_at_position}, unused.range()});
    cmd.finish();
    check_y(y.floats(), w, in, op_test::for_type({.fixed = 1}, type));
    in.check_sum();
}

}  // namespace

TEST_CASE("norm_geglu, every type") {
    uint32_t n = 0;
    for (const DType type : op_test::weight_types()) {
        run_form({.lanes = 4, .rows = 2, .fixed = ++n % 2}, type, 37, 256, {.residual = 2});
    }
}

TEST_CASE("norm_geglu, forms of several teams and subgroups") {
    uint32_t n = 0;
    for (const ProductForm& form : op_test::product_forms()) {
        if (++n % 3 == 2) {  // four subgroups; matvec has every form
            run_form(form, DType::q4_k, 67, 512, {.residual = n % 2 == 0 ? 2u : 1u});
        }
    }
}

TEST_CASE("norm_geglu, several slabs, one row, real sizes") {
    run_op(DType::q8_0, 420, 640, {.residual = 2}, 64);
    run_form({.lanes = 2, .rows = 4, .subgroups = 2, .one_subgroup = 0}, DType::q8_0, 420, 640,
             {.residual = 1}, 64);
    run_op(DType::f32, 1, 32, {.residual = 1, .x_at_position = true, .position = 3});
    run_op(DType::q5_0, 2048, 640, {.residual = 2});
    run_op(DType::q4_0, 40, 5376, {.residual = 2});
}

namespace {
const op_test::RegisterBench kBench("norm_geglu", [](const op_test::BenchRun& run) {
    for (const auto& [type, rows, cols] :
         {std::tuple{DType::q5_0, 2048u, 640u}, std::tuple{DType::q4_k, 9216u, 2304u}}) {
        const Weights w(type, rows, cols, UINT32_MAX);
        const NormData in({.residual = 2}, cols, 2);
        const op_test::Array y = op_test::Array::output(rows);
        const op_test::Array unused = op_test::Array::output(1);
        run(fmt::format("norm_geglu {} {}x{}", model::dtype_name(type), rows, cols),
            [&](gpu::CommandBuffer& cmd) {
                model::ops::norm_geglu(cmd, y.tensor(1, rows), w.gate.matrix, w.up.matrix,
                                       input_of(in),
                                       {{in.sum.tensor(2, cols), false}, unused.range()});
            });
    }
});
}  // namespace
