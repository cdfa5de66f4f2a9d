#include <algorithm>

#include <fmt/format.h>

#include "model/ops.h"
#include "shaders/params.h"
#include "tests/op_test.h"
#include "tests/support/twins.h"

namespace {

using model::DType;

/// NMSE that rounding explains. A lane adds n = cols / 8 products of variance s^2; its k-th sum has
/// variance k s^2 and is rounded with variance at most k s^2 e^2 / 12, e = 2^-23. Over a lane that
/// is n^2 / 2 s^2 e^2 / 12, over eight lanes and relative to the result's 8 n s^2: n e^2 / 24. Four
/// times that, and a few roundings of products and lane sums.
double limit(size_t cols) {
    return 0x1p-46 * 4 * (static_cast<double>(cols) / 8 / 24 + 4);
}

/// `wanted` columns, or the next number above that is whole blocks.
uint32_t whole_blocks(DType type, uint32_t wanted) {
    const uint32_t block = model::block_elements(type);
    return (wanted + block - 1) / block * block;
}

void check_product(std::span<const float> y_device, const op_test::WeightMatrix& w,
                   std::span<const float> x, uint32_t n_tokens) {
    const size_t rows = w.matrix.rows, cols = w.matrix.cols;
    std::vector<float> y(n_tokens * rows);
    ref::matmul(std::span<float>(y), w.values, rows, cols, x, n_tokens);
    op_test::check_bits(y_device, y);
    std::vector<double> y64(y.size());
    ref::matmul(std::span<double>(y64), w.values, rows, cols,
                std::span<const double>(op_test::as_doubles(x)), n_tokens);
    op_test::check_close(y_device, y64, limit(cols));
}

/// Through the op, which chooses the kernel.
void run_op(DType type, uint32_t rows, uint32_t cols, uint32_t n_tokens,
            uint32_t slab_rows = UINT32_MAX) {
    INFO(model::dtype_name(type) << " " << rows << " x " << cols << ", " << n_tokens
                                 << " tokens, slabs of " << slab_rows);
    const op_test::WeightMatrix w(type, rows, cols, rows + cols, slab_rows);
    const std::vector<float> x = op_test::random_floats(size_t{n_tokens} * cols, cols);
    const op_test::Array x_array(x);
    const op_test::Array y_array = op_test::Array::output(size_t{n_tokens} * rows);
    gpu::CommandBuffer& cmd = op_test::rig().cmd;
    model::ops::matmul(cmd, y_array.tensor(n_tokens, rows), w.matrix,
                       x_array.tensor(n_tokens, cols));
    cmd.finish();
    check_product(y_array.floats(), w, x, n_tokens);
}

struct Variant {
    uint32_t workgroup, tokens, k_split, rows;  // spec constants 0, 2, 3, 4
};

/// One dispatch of a kernel that the op might choose elsewhere.
void run_variant(const Variant& v, DType type, uint32_t rows, uint32_t cols, uint32_t n_tokens) {
    INFO(model::dtype_name(type) << " " << rows << " x " << cols << ", " << n_tokens
                                 << " tokens; workgroup " << v.workgroup << ", TOKENS " << v.tokens
                                 << ", KSPLIT " << v.k_split << ", ROWS " << v.rows);
    const op_test::WeightMatrix w(type, rows, cols, rows + cols);
    const model::MatrixSlab& slab = w.matrix.slabs[0];
    const std::vector<float> x = op_test::random_floats(size_t{n_tokens} * cols, cols);
    const op_test::Array x_array(x);
    const op_test::Array y_array = op_test::Array::output(size_t{n_tokens} * rows);
    const params::Matmul push{.row_first = 0,
                              .row_end = rows,
                              .y_row_begin = 0,
                              .y_stride = rows,
                              .cols = cols,
                              .col_begin = 0,
                              .n_cols = cols,
                              .x_stride = cols,
                              .x_begin = 0,
                              .n_tokens = n_tokens};
    gpu::CommandBuffer& cmd = op_test::rig().cmd;
    cmd.dispatch(cmd.kernel("matmul", {v.workgroup, uint32_t(type), v.tokens, v.k_split, v.rows}),
                 {.x = (rows + v.workgroup * v.rows - 1) / (v.workgroup * v.rows),
                  .y = (n_tokens + v.tokens - 1) / v.tokens},
                 push, {slab.quants, slab.highs, slab.scales, x_array.range(), y_array.range()},
                 {.flops = 2.0 * rows * cols * n_tokens, .bytes = 0});
    cmd.finish();
    check_product(y_array.floats(), w, x, n_tokens);
}

}  // namespace

TEST_CASE("matmul, every type, one token and many, split or not") {
    for (const DType type : op_test::weight_types()) {
        const uint32_t cols = whole_blocks(type, 800);
        run_variant({32, 1, 1, 4}, type, 137, cols, 1);   // what the op asks for: a CPU
        run_variant({32, 1, 8, 1}, type, 137, cols, 1);   // a GPU
        run_variant({32, 4, 1, 4}, type, 137, cols, 13);  // many tokens
    }
}

TEST_CASE("matmul, other tilings") {
    for (const uint32_t k_split : {1u, params::kMatmulLanes}) {
        for (const uint32_t rows : {1u, 2u}) {
            run_variant({8, 1, k_split, rows}, DType::q4_k, 131, 512, 1);
            run_variant({64, 1, k_split, rows}, DType::q4_k, 131, 512, 1);
            run_variant({32, 8, k_split, rows}, DType::q5_0, 131, 160, 9);
        }
    }
}

TEST_CASE("matmul, small and odd shapes") {
    for (const uint32_t n_tokens : {1u, 7u, 8u, 9u, 64u}) {
        run_op(DType::q8_0, 1, 32, n_tokens);
        run_op(DType::q8_0, 31, 64, n_tokens);
        run_op(DType::q8_0, 33, 288, n_tokens);
        run_op(DType::f32, 97, 4, n_tokens);     // less than a block
        run_op(DType::f16, 97, 36, n_tokens);    // a block and a piece
        run_op(DType::bf16, 5, 1148, n_tokens);  // ends within a block
    }
}

TEST_CASE("matmul, several slabs") {
    for (const uint32_t n_tokens : {1u, 3u}) {
        run_op(DType::q6_k, 420, 256, n_tokens, 64);
        run_op(DType::q8_0, 420, 640, n_tokens, 224);
    }
}

TEST_CASE("matmul, every row length of the specification") {
    // d, Q widths and ff of spec 1.2; rows do not change a sum, so there are few of them.
    for (const uint32_t cols :
         {640u,  1024u, 1152u, 2048u,  2304u,  2560u,  3072u,  3584u,  3840u,  4096u, 4608u,
          5376u, 6912u, 9216u, 10240u, 14336u, 15360u, 16384u, 21504u, 24576u, 36864u}) {
        const DType type = cols % 256 == 0 ? DType::q4_k : DType::q5_0;
        run_op(type, 40, cols, 1);
        run_op(type, 40, cols, 3);
    }
}

TEST_CASE("matmul, the shapes of Gemma 3 270M as it is quantized") {
    run_op(DType::q5_0, 1024, 640, 2);   // attn_q
    run_op(DType::q8_0, 256, 640, 2);    // attn_v
    run_op(DType::q4_k, 640, 1024, 2);   // attn_output
    run_op(DType::q5_0, 2048, 640, 2);   // ffn_gate
    run_op(DType::q6_k, 640, 2048, 2);   // ffn_down
    run_op(DType::q8_0, 16384, 640, 1);  // part of the head
}

TEST_CASE("matmul, one head's columns") {
    const uint32_t n_heads = 4, head_dim = 64, rows = 37, n_tokens = 5;
    const op_test::WeightMatrix w(DType::q4_k, rows, n_heads * head_dim, 9);
    const std::vector<float> x = op_test::random_floats(size_t{n_tokens} * n_heads * head_dim, 3);
    const op_test::Array x_array(x);
    const op_test::Array y_array = op_test::Array::output(size_t{n_tokens} * n_heads * rows);
    gpu::CommandBuffer& cmd = op_test::rig().cmd;
    model::ops::matmul_per_head(cmd, y_array.tensor(n_tokens, n_heads * rows), w.matrix,
                                x_array.tensor(n_tokens, n_heads * head_dim), n_heads);
    cmd.finish();
    std::vector<float> y(size_t{n_tokens} * n_heads * rows);
    for (uint32_t h = 0; h < n_heads; ++h) {
        std::vector<float> w_head, x_head, y_head(size_t{n_tokens} * rows);
        for (uint32_t r = 0; r < rows; ++r) {
            const float* from = w.values.data() + size_t{r * n_heads + h} * head_dim;
            w_head.insert(w_head.end(), from, from + head_dim);
        }
        for (uint32_t t = 0; t < n_tokens; ++t) {
            const float* from = x.data() + size_t{t * n_heads + h} * head_dim;
            x_head.insert(x_head.end(), from, from + head_dim);
        }
        ref::matmul(std::span<float>(y_head), w_head, rows, head_dim,
                    std::span<const float>(x_head), n_tokens);
        for (uint32_t t = 0; t < n_tokens; ++t) {
            std::copy_n(y_head.begin() + t * rows, rows, y.begin() + (t * n_heads + h) * rows);
        }
    }
    op_test::check_bits(y_array.floats(), y);
}

namespace {
const op_test::RegisterBench kBench("matmul", [](const op_test::BenchRun& run) {
    for (const DType type : op_test::weight_types()) {
        const uint32_t rows = 2048, cols = whole_blocks(type, 2048);
        const op_test::WeightMatrix w(type, rows, cols, 1);
        for (const uint32_t n_tokens : {1u, 64u}) {
            const op_test::Array x(op_test::random_floats(size_t{n_tokens} * cols, 2));
            const op_test::Array y = op_test::Array::output(size_t{n_tokens} * rows);
            run(fmt::format("matmul {} {}x{} {} tokens", model::dtype_name(type), rows, cols,
                            n_tokens),
                [&](gpu::CommandBuffer& cmd) {
                    model::ops::matmul(cmd, y.tensor(n_tokens, rows), w.matrix,
                                       x.tensor(n_tokens, cols));
                });
        }
    }
});
}  // namespace
