#include <algorithm>
#include <initializer_list>
#include <utility>

#include <fmt/format.h>

#include "model/fast_ops.h"
#include "model/ops/dispatch.h"
#include "tests/op_test_fast.h"

namespace {

using model::DType;
using op_test::ProductForm;

/// x as a kernel takes it: fixed point by fix_rows, which has a test of its own.
struct Codes {
    Codes(const op_test::Array& x, uint32_t n_tokens, uint32_t cols)
        : codes(op_test::Array::output(size_t{n_tokens} * cols / 2)),
          scales(op_test::Array::output(size_t{n_tokens} * cols / params::kBlock)) {
        const uint32_t n_subs = n_tokens * (cols / params::kBlock);
        gpu::CommandBuffer& cmd = op_test::rig().cmd;
        cmd.dispatch(cmd.kernel("fix_rows", {model::ops::kElementwiseGroup}),
                     model::ops::elementwise_groups(n_subs),
                     params::Elementwise{.n = n_subs, .value = 0},
                     {x.range(), codes.range(), scales.range()}, {});
    }
    op_test::Array codes, scales;
};

void run_form(const ProductForm& wanted, uint32_t tokens, DType type, uint32_t rows, uint32_t cols,
              uint32_t n_tokens, uint32_t slab_rows = UINT32_MAX) {
    const ProductForm form = op_test::for_type(wanted, type);
    INFO(model::dtype_name(type) << " " << rows << " x " << cols << ", slabs of " << slab_rows
                                 << ", " << n_tokens << " tokens; TOKENS " << tokens << ", "
                                 << form.text());
    const op_test::WeightMatrix w(type, rows, cols, rows + cols, slab_rows);
    const std::vector<float> x = op_test::uneven_floats(size_t{n_tokens} * cols, cols);
    const op_test::Array x_array(x);
    const Codes fixed(x_array, n_tokens, cols);
    const op_test::Array y = op_test::Array::output(size_t{n_tokens} * rows);
    gpu::CommandBuffer& cmd = op_test::rig().cmd;
    const gpu::Kernel& kernel =
        cmd.kernel("matmul_tile", {form.workgroup(), uint32_t(type), cols, form.lanes, form.rows,
                                   tokens, form.fixed, form.whole()});
    // In two dispatches, as a long product is cut. Both bind everything: where rows are not whole
    // steps of the device's alignment, a range may not begin with the second one's first token.
    const uint32_t cut = std::min(tokens, n_tokens);
    for (const model::MatrixSlab& slab : w.matrix.slabs) {
        for (const auto& [begin, end] : {std::pair(0u, cut), std::pair(cut, n_tokens)}) {
            if (begin == end) {
                continue;
            }
            const params::MatmulTile push{.n_rows = slab.n_rows,
                                          .y_begin = slab.row_begin,
                                          .y_stride = rows,
                                          .token_begin = begin,
                                          .token_end = end,
                                          .n_tiles = (slab.n_rows + form.rows - 1) / form.rows,
                                          .tiles_per_group = form.tiles_per_group};
            cmd.dispatch(kernel,
                         {.x = (push.n_tiles + push.tiles_per_group - 1) / push.tiles_per_group,
                          .y = (end - begin + tokens - 1) / tokens},
                         push,
                         {slab.quants, slab.highs, slab.scales,
                          form.fixed != 0 ? fixed.codes.range() : x_array.range(),
                          form.fixed != 0 ? fixed.scales.range() : x_array.range(), y.range()},
                         {});
        }
    }
    cmd.finish();
    op_test::check_product(y.floats(), w, op_test::as_doubles(x), form);
}

/// Through the op, which chooses the form, or another kernel where the device multiplies floats.
void run_op(DType type, uint32_t rows, uint32_t cols, uint32_t n_tokens,
            uint32_t slab_rows = UINT32_MAX) {
    INFO("op, " << model::dtype_name(type) << " " << rows << " x " << cols << ", slabs of "
                << slab_rows << ", " << n_tokens << " tokens");
    const op_test::WeightMatrix w(type, rows, cols, rows + cols, slab_rows);
    const std::vector<float> x = op_test::uneven_floats(size_t{n_tokens} * cols, cols);
    const op_test::Array x_array(x);
    const op_test::Array y = op_test::Array::output(size_t{n_tokens} * rows);
    // Scratch for more rows than there are, as a session's is.
    const op_test::Array codes = op_test::Array::output(size_t{n_tokens + 3} * cols / 2);
    const op_test::Array scales = op_test::Array::output(size_t{n_tokens + 3} * cols / 32);
    gpu::CommandBuffer& cmd = op_test::rig().cmd;
    const model::ops::ProductInput in = model::ops::product_input(
        cmd, x_array.tensor(n_tokens, cols), {codes.range(), scales.range()}, {type});
    model::ops::product(cmd, y.tensor(n_tokens, rows), w.matrix, in);
    cmd.finish();
    op_test::check_product(y.floats(), w, op_test::as_doubles(x),
                           op_test::for_type({.fixed = 1}, type));
}

}  // namespace

TEST_CASE("matmul_tile, every type") {
    uint32_t n = 0;
    for (const DType type : op_test::weight_types()) {
        run_form({.lanes = 4, .rows = 2, .fixed = n % 2}, 1 + n % 2, type, 37,
                 op_test::whole_columns(type, 256), 5);
        n++;
    }
}

TEST_CASE("matmul_tile, every form") {
    uint32_t n = 0;
    for (const ProductForm& form : op_test::product_forms()) {
        if (n % 3 != 2) {
            run_form(form, 1u << (n % 4 % 3), DType::q4_k, 131, 512, 7);
        }
        n++;
    }
}

TEST_CASE("matmul_tile, small and odd shapes, several slabs, real sizes") {
    run_op(DType::q8_0, 1, 32, 1);
    run_op(DType::q8_0, 33, 288, 3);
    run_op(DType::q6_k, 420, 256, 3, 64);
    run_op(DType::q8_0, 420, 640, 5, 224);
    run_op(DType::f16, 37, 640, 3);
    run_op(DType::q5_0, 1024, 640, 65);
    run_op(DType::q4_0, 40, 5376, 2);
    run_op(DType::q4_k, 40, 36864, 2);
}

TEST_CASE("matmul_tile, x is converted for the weights that read it, not for others") {
    using model::ops::ProductKind;
    const uint32_t rows = 3, cols = 64;
    const op_test::Array x(op_test::random_floats(rows * cols, 1));
    const op_test::Array codes = op_test::Array::output(rows * cols / 2);
    const op_test::Array scales = op_test::Array::output(rows * cols / 32);
    gpu::CommandBuffer& cmd = op_test::rig().cmd;
    // Dispatches that the conversion takes.
    const auto converted = [&](ProductKind kind, std::initializer_list<DType> weights) {
        const uint64_t before = cmd.stats().n_dispatches;
        const model::ops::ProductInput in = model::ops::product_input(
            cmd, x.tensor(rows, cols), {codes.range(), scales.range(), kind}, weights);
        const uint64_t n = cmd.stats().n_dispatches - before;
        CHECK(in.codes.empty() == (n == 0));
        return n;
    };
    // Plain numbers' rows were converted, too, and nothing read the codes.
    for (const DType plain : {DType::f32, DType::f16, DType::bf16}) {
        CHECK(converted(ProductKind::fixed, {plain, plain}) == 0);
        CHECK(converted(ProductKind::exact, {plain}) == 0);
    }
    CHECK(converted(ProductKind::fixed, {DType::q4_k}) == 1);
    CHECK(converted(ProductKind::fixed, {DType::f32, DType::f16, DType::q6_k}) == 1);
    CHECK(converted(ProductKind::exact, {DType::q4_k}) == 0);
    CHECK(converted(ProductKind::coopmat, {DType::f32}) == 0);
    if (!op_test::rig().device.info().matrix_shapes.empty()) {  // half_rows needs f16
        CHECK(converted(ProductKind::coopmat, {DType::f16}) == 1);
        CHECK(converted(ProductKind::coopmat, {DType::f32, DType::q4_k}) == 1);
    }
    cmd.finish();
}

namespace {
const op_test::RegisterBench kBench("matmul_tile", [](const op_test::BenchRun& run) {
    for (const DType type : op_test::weight_types()) {
        const uint32_t rows = 1024, cols = 1024, n_tokens = 64;
        const op_test::WeightMatrix w(type, rows, cols, 1);
        const op_test::Array x(op_test::random_floats(size_t{n_tokens} * cols, 2));
        const op_test::Array y = op_test::Array::output(size_t{n_tokens} * rows);
        const op_test::Array codes = op_test::Array::output(size_t{n_tokens} * cols / 2);
        const op_test::Array scales = op_test::Array::output(size_t{n_tokens} * cols / 32);
        run(fmt::format("product {} {}x{} {} tokens", model::dtype_name(type), rows, cols,
                        n_tokens),
            [&](gpu::CommandBuffer& cmd) {
                const model::ops::ProductInput in = model::ops::product_input(
                    cmd, x.tensor(n_tokens, cols), {codes.range(), scales.range()}, {type});
                model::ops::product(cmd, y.tensor(n_tokens, rows), w.matrix, in);
            });
    }
});
}  // namespace
