#include <cmath>

#include <fmt/format.h>

#include "model/ops.h"
#include "tests/op_test.h"
#include "tests/support/twins.h"

namespace {

using model::DType;

void run_case(DType type, uint32_t rows, uint32_t dim, const std::vector<uint32_t>& tokens,
              uint32_t slab_rows = UINT32_MAX) {
    INFO(model::dtype_name(type) << " " << rows << " x " << dim << ", " << tokens.size()
                                 << " tokens, slabs of " << slab_rows);
    const op_test::WeightMatrix table(type, rows, dim, dim + uint32_t(type), slab_rows);
    const auto n_tokens = static_cast<uint32_t>(tokens.size());
    const op_test::Array ids(tokens);
    const op_test::Array y_array = op_test::Array::output(size_t{n_tokens} * dim);
    const float scale = std::sqrt(static_cast<float>(dim));
    gpu::CommandBuffer& cmd = op_test::rig().cmd;
    model::ops::embed(cmd, y_array.tensor(n_tokens, dim), table.matrix,
                      ids.tensor(1, n_tokens, DType::i32), scale);
    cmd.finish();

    std::vector<float> y(size_t{n_tokens} * dim);
    ref::embed<float>(y, table.values, dim, tokens, scale);
    op_test::check_bits(y_array.floats(), y);
    std::vector<double> y64(y.size());
    ref::embed<double>(y64, table.values, dim, tokens, static_cast<double>(scale));
    op_test::check_close(y_array.floats(), y64, 1e-13);
}

}  // namespace

TEST_CASE("embed") {
    for (const DType type : op_test::weight_types()) {
        const uint32_t block = model::block_elements(type);
        run_case(type, 70, block == 256 ? 768 : 96, {69, 0, 1, 31, 32, 33, 63, 64, 5, 5});
        run_case(type, 97, block == 256 ? 256 : 32, {96});
        run_case(type, 97, block == 256 ? 512 : 160, {96, 3, 32, 33, 64, 95}, 32);
        run_case(type, 97, block == 256 ? 512 : 160, {96, 3, 32, 33, 64, 95}, 64);
    }
}

TEST_CASE("embed, every hidden size") {
    for (const uint32_t dim :
         {640u, 1152u, 2048u, 2304u, 2560u, 3072u, 3584u, 3840u, 4608u, 5376u}) {
        for (const DType type : {DType::q8_0, DType::q6_k, DType::f16, DType::bf16, DType::q4_0}) {
            if (dim % model::block_elements(type) == 0) {
                run_case(type, 40, dim, {39, 0, 17});
            }
        }
    }
}

TEST_CASE("embed, plain types with rows of no whole block") {
    for (const DType type : {DType::f32, DType::f16, DType::bf16}) {
        run_case(type, 33, 4, {32, 1});
        run_case(type, 33, 36, {32, 0, 31});
        run_case(type, 33, 1148, {32, 0, 31});
    }
}

namespace {
const op_test::RegisterBench kBench("embed", [](const op_test::BenchRun& run) {
    const op_test::WeightMatrix table(DType::q8_0, 1024, 640, 1);
    for (const uint32_t n_tokens : {1u, 256u}) {
        const op_test::Array ids(std::vector<uint32_t>(n_tokens, 3));
        const op_test::Array y = op_test::Array::output(size_t{n_tokens} * 640);
        run(fmt::format("embed Q8_0 {} tokens of 640", n_tokens), [&](gpu::CommandBuffer& cmd) {
            model::ops::embed(cmd, y.tensor(n_tokens, 640), table.matrix,
                              ids.tensor(1, n_tokens, DType::i32), 25.0f);
        });
    }
});
}  // namespace
