#include <bit>
#include <tuple>

#include <fmt/format.h>

#include "model/fast_ops.h"
#include "tests/op_test_fast.h"

namespace {

using model::DType;
using op_test::NormCase;
using op_test::NormData;
using op_test::ProductForm;

struct Shape {
    DType type = DType::q4_k;
    uint32_t rows = 67, cols = 512;
    uint32_t slab_rows = UINT32_MAX;
    float cap = 0;
};

void run_form(const ProductForm& wanted, const Shape& s, const NormCase& c) {
    const ProductForm form = op_test::for_type(wanted, s.type);
    INFO(model::dtype_name(s.type)
         << " " << s.rows << " x " << s.cols << ", slabs of " << s.slab_rows << ", cap " << s.cap
         << ", RESIDUAL " << c.residual << ", position " << c.position << "; " << form.text());
    const op_test::WeightMatrix w(s.type, s.rows, s.cols, s.rows + s.cols, s.slab_rows);
    const NormData in(c, s.cols, s.cols);
    const op_test::Array y = op_test::Array::output(s.rows);
    const op_test::Array unused = op_test::Array::output(1);
    gpu::CommandBuffer& cmd = op_test::rig().cmd;
    const gpu::Kernel& kernel = cmd.kernel(
        "norm_matvec", {form.workgroup(), uint32_t(s.type), s.cols, form.lanes, form.rows,
                        form.fixed, form.whole(), form.one_subgroup, c.residual});
    bool first = true;
    for (const model::MatrixSlab& slab : w.matrix.slabs) {
        params::Matvec push = op_test::matvec_push(form, slab);
        in.set(push);
        push.cap = s.cap;
        push.store = first ? push.store : 0;
        cmd.dispatch(kernel, {.x = op_test::matvec_groups(push)}, push,
                     {slab.quants, slab.highs, slab.scales, in.x.range(), y.range(),
                      in.added.range(), in.added_norm.range(), in.norm.range(),
                      first ? in.sum.range() : unused.range(), in.state.range()},
                     {});
        first = false;
    }
    cmd.finish();
    op_test::check_product(y.floats(), w, in.h, form, s.cap);
    in.check_sum();
    CHECK(std::bit_cast<uint32_t>(unused.floats()[0]) == op_test::kPoison);
}

void run_op(const Shape& s, const NormCase& c) {
    INFO("op, " << model::dtype_name(s.type) << " " << s.rows << " x " << s.cols << ", slabs of "
                << s.slab_rows << ", RESIDUAL " << c.residual);
    const op_test::WeightMatrix w(s.type, s.rows, s.cols, s.rows + s.cols, s.slab_rows);
    const NormData in(c, s.cols, s.cols);
    const uint32_t n_rows = c.position + 2;
    const op_test::Array y = op_test::Array::output(s.rows);
    const op_test::Array unused = op_test::Array::output(1);
    gpu::CommandBuffer& cmd = op_test::rig().cmd;
    model::ops::NormInput input{.x = {in.x.tensor(n_rows, s.cols), c.x_at_position},
                                .added = {},
                                .added_norm = {},
                                .norm = in.norm.tensor(1, s.cols),
                                .eps = op_test::kNormEps,
                                .state = in.state.range()};
    if (c.residual > 0) {
        input.added = in.added.tensor(1, s.cols);
    }
    if (c.residual == 2) {
        input.added_norm = in.added_norm.tensor(1, s.cols);
    }
    model::ops::ResidualOut out{{}, unused.range()};
    if (c.store) {
        out.row = {in.sum.tensor(n_rows, s.cols), c.sum_at_position};
    }
    model::ops::norm_matvec(cmd, y.tensor(1, s.rows), w.matrix, input, out, s.cap);
    cmd.finish();
    op_test::check_product(y.floats(), w, in.h, op_test::for_type({.fixed = 1}, s.type), s.cap);
    in.check_sum();
}

}  // namespace

TEST_CASE("norm_matvec, every type") {
    uint32_t n = 0;
    for (const DType type : op_test::weight_types()) {
        run_form({.lanes = 4, .rows = 2, .fixed = n++ % 2}, {.type = type, .rows = 37},
                 {.residual = 2});
    }
}

TEST_CASE("norm_matvec, every form") {
    uint32_t n = 0;
    for (const ProductForm& form : op_test::product_forms()) {
        if (n % 2 == 1 && form.one_subgroup == 0 && form.subgroups == 1) {
            continue;  // what matvec has shown
        }
        run_form(form, {.cap = n % 2 == 0 ? 0.0f : 30.0f}, {.residual = n % 3});
        n++;
    }
}

TEST_CASE("norm_matvec, rows at a position, sums stored or not") {
    for (const uint32_t residual : {0u, 1u, 2u}) {
        for (const uint32_t position : {0u, 1u, 5u}) {
            for (const bool x_at : {false, true}) {
                for (const bool sum_at : {false, true}) {
                    run_op({.rows = 5}, {.residual = residual,
                                         .x_at_position = x_at,
                                         .sum_at_position = sum_at,
                                         .position = position});
                }
            }
        }
        run_op({.rows = 5}, {.residual = residual, .store = false});
    }
}

TEST_CASE("norm_matvec, several slabs, one row, real sizes") {
    run_op({.type = DType::q8_0, .rows = 420, .cols = 640, .slab_rows = 64},
           {.residual = 2, .sum_at_position = true, .position = 3});
    run_form({.lanes = 2, .rows = 4, .subgroups = 2, .one_subgroup = 0},
             {.type = DType::q8_0, .rows = 420, .cols = 640, .slab_rows = 64, .cap = 30},
             {.residual = 1});
    run_op({.type = DType::f32, .rows = 1, .cols = 32}, {.residual = 2});
    run_op({.type = DType::q5_0, .rows = 1024, .cols = 640}, {});
    run_op({.type = DType::q4_k, .rows = 40, .cols = 2304}, {.residual = 2});
    run_op({.type = DType::q4_0, .rows = 40, .cols = 5376}, {.residual = 2});
    run_op({.type = DType::q8_0, .rows = 16384, .cols = 640, .cap = 30}, {.residual = 2});
}

namespace {
const op_test::RegisterBench kBench("norm_matvec", [](const op_test::BenchRun& run) {
    for (const auto& [type, rows, cols] :
         {std::tuple{DType::q5_0, 1024u, 640u}, std::tuple{DType::q8_0, 65536u, 640u},
          std::tuple{DType::q4_k, 2048u, 2304u}, std::tuple{DType::q6_k, 2048u, 2304u}}) {
        const op_test::WeightMatrix w(type, rows, cols, 1);
        const NormData in({.residual = 2}, cols, 2);
        const op_test::Array y = op_test::Array::output(rows);
        const op_test::Array unused = op_test::Array::output(1);
        const model::ops::NormInput input{.x = {in.x.tensor(1, cols), false},
                                          .added = in.added.tensor(1, cols),
                                          .added_norm = in.added_norm.tensor(1, cols),
                                          .norm = in.norm.tensor(1, cols),
                                          .eps = op_test::kNormEps,
                                          .state = in.state.range()};
        run(fmt::format("norm_matvec {} {}x{}", model::dtype_name(type), rows, cols),
            [&](gpu::CommandBuffer& cmd) {
                model::ops::norm_matvec(cmd, y.tensor(1, rows), w.matrix, input,
                                        {{in.sum.tensor(1, cols), false}, unused.range()}, 0);
            });
    }
});
}  // namespace
