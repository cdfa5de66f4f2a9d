#include <cmath>

#include <fmt/format.h>

#include "model/ops.h"
#include "tests/op_test.h"
#include "tests/support/twins.h"

namespace {

void run_case(uint32_t n_tokens, uint32_t n_heads, uint32_t head_dim, uint32_t position,
              double theta, double factor) {
    INFO(n_tokens << " tokens, " << n_heads << " x " << head_dim << " at " << position);
    const size_t n = size_t{n_tokens} * n_heads * head_dim;
    std::vector<float> x = op_test::random_floats(n, n + position);
    const std::vector<float> table =
        ref::rope_table<float>(position, n_tokens, head_dim, theta, factor);
    const op_test::Array x_array(x), table_array(table);
    gpu::CommandBuffer& cmd = op_test::rig().cmd;
    model::ops::rope(cmd, x_array.tensor(n_tokens, n_heads * head_dim),
                     table_array.tensor(n_tokens, head_dim), n_heads);
    cmd.finish();

    std::vector<double> x64 = op_test::as_doubles(x);
    const params::Rope p{n_heads, head_dim};
    ref::rope<float>(x, table, p);
    op_test::check_bits(x_array.floats(), x);
    ref::rope<double>(x64, ref::rope_table<double>(position, n_tokens, head_dim, theta, factor), p);
    op_test::check_close(x_array.floats(), x64, 1e-13);
}

}  // namespace

TEST_CASE("rope") {
    for (const auto& [n_heads, head_dim] :
         {std::pair{1u, 256u}, {4u, 256u}, {8u, 256u}, {16u, 256u}, {16u, 128u}, {32u, 128u}}) {
        run_case(1, n_heads, head_dim, 0, 1e4, 1);
        run_case(1, n_heads, head_dim, 8191, 1e6, 1);
        run_case(3, n_heads, head_dim, 131069, 1e6, 8);
    }
    run_case(17, 3, 22, 5, 1e4, 1);   // a prime number of pairs, smaller than a workgroup
    run_case(5, 2, 1024, 7, 1e4, 1);  // several workgroups a head
    run_case(256, 4, 32, 0, 1e4, 1);
}

TEST_CASE("rope rotates halves, not neighbours") {
    // The toy vector of spec 2.6.
    const op_test::Array x(std::vector<float>{1, 2, 3, 4});
    const op_test::Array table(ref::rope_table<float>(3, 1, 4, 1e4, 1));
    gpu::CommandBuffer& cmd = op_test::rig().cmd;
    model::ops::rope(cmd, x.tensor(1, 4), table.tensor(1, 4), 1);
    cmd.finish();
    const std::vector<double> expected = {-1.4133525, 1.8791181, -2.8288575, 4.0581911};
    const std::vector<float> y = x.floats();
    for (size_t i = 0; i < 4; ++i) {
        CHECK(std::abs(static_cast<double>(y[i]) - expected[i]) <= 5e-7);
    }
}

TEST_CASE("rope frequencies have the values of the specification") {
    const auto frequency = [](double theta, double factor, uint32_t i) {
        // sin(angle) ~ angle is too crude: the table's own angle comes back through atan2.
        const std::vector<double> table = ref::rope_table<double>(1, 1, 256, theta, factor);
        return std::atan2(table[size_t{2} * i + 1], table[size_t{2} * i]);
    };
    const auto close = [](double a, double b) { return std::abs(a - b) <= 5e-9 * b; };
    CHECK(close(frequency(1e4, 1, 1), 0.930572041));
    CHECK(close(frequency(1e4, 1, 64), 0.01));
    CHECK(close(frequency(1e4, 1, 127), 1.07460783e-4));
    CHECK(close(frequency(1e6, 1, 127), 1.11397386e-6));
    CHECK(close(frequency(1e6, 8, 1), 0.112210892));
}

namespace {
const op_test::RegisterBench kBench("rope", [](const op_test::BenchRun& run) {
    for (const uint32_t n_tokens : {1u, 256u}) {
        const op_test::Array x(op_test::random_floats(size_t{n_tokens} * 8 * 256, 1));
        const op_test::Array table(ref::rope_table<float>(0, n_tokens, 256, 1e4, 1));
        run(fmt::format("rope {} tokens, 8 heads of 256", n_tokens), [&](gpu::CommandBuffer& cmd) {
            model::ops::rope(cmd, x.tensor(n_tokens, 8 * 256), table.tensor(n_tokens, 256), 8);
        });
    }
});
}  // namespace
