#include <fmt/format.h>

#include "model/fast_ops.h"
#include "tests/op_test_fast.h"

namespace {

using model::DType;
using op_test::ProductForm;

/// One form of the kernel, slab by slab.
void run_form(const ProductForm& wanted, DType type, uint32_t rows, uint32_t cols,
              uint32_t slab_rows = UINT32_MAX) {
    const ProductForm form = op_test::for_type(wanted, type);
    INFO(model::dtype_name(type) << " " << rows << " x " << cols << ", slabs of " << slab_rows
                                 << "; " << form.text());
    const op_test::WeightMatrix w(type, rows, cols, rows + cols, slab_rows);
    const std::vector<float> x = op_test::uneven_floats(cols, cols);
    const op_test::Array x_array(x);
    const op_test::Array y = op_test::Array::output(rows);
    gpu::CommandBuffer& cmd = op_test::rig().cmd;
    const gpu::Kernel& kernel =
        cmd.kernel("matvec", {form.workgroup(), uint32_t(type), cols, form.lanes, form.rows,
                              form.fixed, form.whole(), form.one_subgroup});
    for (const model::MatrixSlab& slab : w.matrix.slabs) {
        const params::Matvec push = op_test::matvec_push(form, slab);
        cmd.dispatch(kernel, {.x = op_test::matvec_groups(push)}, push,
                     {slab.quants, slab.highs, slab.scales, x_array.range(), y.range()}, {});
    }
    cmd.finish();
    op_test::check_product(y.floats(), w, op_test::as_doubles(x), form);
    CHECK(x_array.floats() == x);
}

/// Through the op, which chooses the form; the limit is that of the coarsest it may choose.
void run_op(DType type, uint32_t rows, uint32_t cols, uint32_t slab_rows = UINT32_MAX) {
    INFO("op, " << model::dtype_name(type) << " " << rows << " x " << cols << ", slabs of "
                << slab_rows);
    const op_test::WeightMatrix w(type, rows, cols, rows + cols, slab_rows);
    const std::vector<float> x = op_test::uneven_floats(cols, cols);
    const op_test::Array x_array(x);
    const op_test::Array y = op_test::Array::output(rows);
    gpu::CommandBuffer& cmd = op_test::rig().cmd;
    model::ops::matvec(cmd, y.tensor(1, rows), w.matrix, x_array.tensor(1, cols));
    cmd.finish();
    op_test::check_product(y.floats(), w, op_test::as_doubles(x),
                           op_test::for_type({.fixed = 1}, type));
}

}  // namespace

TEST_CASE("matvec, every type in floats and in fixed point") {
    for (const DType type : op_test::weight_types()) {
        const uint32_t cols = op_test::whole_columns(type, 800);
        run_form({.lanes = 4, .rows = 2, .fixed = 1}, type, 137, cols);
        run_form({.lanes = 2, .rows = 2, .fixed = 0, .subgroups = 2, .one_subgroup = 0}, type, 137,
                 cols);
    }
}

TEST_CASE("matvec, every form") {
    for (const ProductForm& form : op_test::product_forms()) {
        run_form(form, DType::q4_k, 131, 512);
        run_form(form, DType::q4_k, 1, 512);  // fewer rows than a tile: most teams idle
    }
}

TEST_CASE("matvec, small and odd shapes, several slabs") {
    run_op(DType::q8_0, 1, 32);
    run_op(DType::f32, 3, 32);
    run_op(DType::q8_0, 33, 288);
    run_op(DType::bf16, 5, 1152);
    run_op(DType::q6_k, 420, 256, 64);
    run_op(DType::q8_0, 420, 640, 224);
}

TEST_CASE("matvec, row lengths of the specification") {
    run_op(DType::q4_k, 640, 1024);
    run_op(DType::q6_k, 640, 2048);
    run_op(DType::q4_0, 40, 5376);
    run_op(DType::q4_k, 40, 21504);
    run_op(DType::q4_k, 40, 36864);  // longer than what most devices can share in a workgroup
    run_op(DType::f16, 40, 36864);
}

namespace {
const op_test::RegisterBench kBench("matvec", [](const op_test::BenchRun& run) {
    for (const DType type : op_test::weight_types()) {
        const uint32_t rows = 4096, cols = 2048;
        const op_test::WeightMatrix w(type, rows, cols, 1);
        const op_test::Array x(op_test::random_floats(cols, 2));
        const op_test::Array y = op_test::Array::output(rows);
        run(fmt::format("matvec {} {}x{}", model::dtype_name(type), rows, cols),
            [&](gpu::CommandBuffer& cmd) {
                model::ops::matvec(cmd, y.tensor(1, rows), w.matrix, x.tensor(1, cols));
            });
    }
});
}  // namespace
