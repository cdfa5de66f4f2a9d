#include <algorithm>
#include <cmath>
#include <utility>

#include <fmt/format.h>

#include "gpu/shader_source.h"
#include "model/fast_ops.h"
#include "model/ops.h"
#include "shaders/params.h"
#include "tests/op_test.h"
#include "tests/support/twins.h"

namespace {

using model::DType;
using model::ops::CoopmatTile;

/// A device may round to f16 towards zero: then each factor is off by at most 2^-10 of itself. The
/// last term is for sums in f32.
double bound(uint32_t cols) {
    return 2.01 * 0x1p-10 + cols * 0x1p-23;
}

/// Such an error is even over its range: a variance of 2^-20 / 3 for each factor, of which a
/// product has two. Its mean, half of 2^-10, has the number's own sign: together 2^-10 of the sum.
constexpr double kVariance = 2 * 0x1p-20 / 3 + 0x1p-20;

/// ref::matmul of f(w) and f(x)
template <class F>
std::vector<double> product_of(const F& f, const op_test::WeightMatrix& w,
                               const std::vector<float>& x) {
    const uint32_t rows = w.matrix.rows, cols = w.matrix.cols;
    std::vector<float> w_of(w.values);
    std::vector<double> x_of = op_test::as_doubles(x);
    std::ranges::transform(w_of, w_of.begin(), [&](float v) { return float(f(v)); });
    std::ranges::transform(x_of, x_of.begin(), f);
    std::vector<double> y(x.size() / cols * rows);
    ref::matmul(std::span<double>(y), w_of, rows, cols, std::span<const double>(x_of),
                x.size() / cols);
    return y;
}

/// Every number within what rounding can do at most, all of them within what it does on average.
void check_product(const std::vector<float>& device, const op_test::WeightMatrix& w,
                   const std::vector<float>& x) {
    const std::vector<double> y = product_of([](double v) { return v; }, w, x);
    const std::vector<double> size = product_of([](double v) { return std::abs(v); }, w, x);
    const std::vector<double> squares = product_of([](double v) { return v * v; }, w, x);
    REQUIRE(device.size() == y.size());
    size_t n_wrong = 0;
    double error = 0, power = 0;
    for (size_t i = 0; i < y.size(); ++i) {
        const double difference = std::abs(double(device[i]) - y[i]);
        n_wrong += !(difference <= bound(w.matrix.cols) * size[i]);
        error += difference * difference;
        power += squares[i];
    }
    CHECK(n_wrong == 0);
    if (y.size() >= 1000) {
        CHECK(error <= kVariance * power);
    }
}

/// Why the kernel cannot run here, or empty.
std::string obstacle() {
    const gpu::DeviceInfo& device = op_test::rig().device.info();
    if (device.matrix_shapes.empty()) {
        return device.name +
               " has no cooperative matrices of f16 and f32 (or validation layers that "
               "know them: try LAPIDARY_VALIDATE=0)";
    }
    if (!model::ops::coopmat_tile(device)) {
        return device.name + " has no room for a tile";
    }
    return gpu::find_shader("matmul_coopmat") ? "" : "built without it: an old glslang";
}

void skip_without_matrices() {
    if (const std::string why = obstacle(); !why.empty()) {
        SKIP(why);
    }
}

uint32_t whole_blocks(DType type, uint32_t wanted) {
    const uint32_t block = std::max(model::block_elements(type), params::kBlock);
    return (wanted + block - 1) / block * block;
}

struct Product {
    DType type;
    uint32_t rows, cols, n_tokens;
    uint32_t slab_rows = UINT32_MAX;
};

void run(const Product& c, const CoopmatTile& t, const std::vector<float>& x) {
    INFO(model::dtype_name(c.type)
         << " " << c.rows << " x " << c.cols << ", " << c.n_tokens << " tokens, slabs of "
         << c.slab_rows << "; " << t.subgroups << " subgroups, " << t.row_groups
         << " along rows, each " << t.rows << " x " << t.tokens << " of " << t.shape.m << "x"
         << t.shape.n << "x" << t.shape.k << ", SUBS " << t.subs);
    const op_test::WeightMatrix w(c.type, c.rows, c.cols, c.rows + c.cols, c.slab_rows);
    const op_test::Array x_array(x);
    const op_test::Array halves = op_test::Array::output(size_t{c.n_tokens} * c.cols / 2);
    const op_test::Array scales = op_test::Array::output(c.n_tokens);
    const op_test::Array y_array = op_test::Array::output(size_t{c.n_tokens} * c.rows);
    const model::ops::HalfRows x_halves{halves.range(), scales.range()};
    gpu::CommandBuffer& cmd = op_test::rig().cmd;
    model::ops::half_rows(cmd, x_halves, x_array.tensor(c.n_tokens, c.cols));
    model::ops::matmul_coopmat(cmd, y_array.tensor(c.n_tokens, c.rows), w.matrix, x_halves, t);
    cmd.finish();
    check_product(y_array.floats(), w, x);
}

void run(const Product& c, const CoopmatTile& t) {
    run(c, t, op_test::random_floats(size_t{c.n_tokens} * c.cols, c.cols));
}

CoopmatTile chosen() {
    return model::ops::coopmat_tile(op_test::rig().device.info()).value();
}

}  // namespace

TEST_CASE("matmul_coopmat, a tile that the device has room for, or none") {
    const auto tile = [](std::vector<gpu::MatrixShape> shapes, uint32_t shared_bytes,
                         uint32_t workgroup, gpu::DeviceType type = gpu::DeviceType::discrete) {
        gpu::DeviceInfo device;
        device.type = type;
        device.matrix_shapes = std::move(shapes);
        device.matrix_subgroup_size = 32;
        device.max_shared_bytes = shared_bytes;
        device.max_workgroup_size = workgroup;
        return model::ops::coopmat_tile(device);
    };
    const gpu::MatrixShape small{16, 16, 16}, large{32, 32, 16}, flat{16, 8, 16};
    // The largest was taken whatever the device allowed.
    CHECK_FALSE(tile({}, 48 << 10, 1024));
    CHECK(tile({large, small}, 96 << 10, 1024)->shape == large);
    CHECK(model::ops::coopmat_shared_bytes(*tile({large}, 96 << 10, 1024)) == 69'632);
    CHECK(model::ops::coopmat_shared_bytes(*tile({large}, 48 << 10, 1024)) == 44'032);
    CHECK(model::ops::coopmat_shared_bytes(*tile({small}, 48 << 10, 1024)) == 26'624);
    CHECK(tile({large, small}, 48 << 10, 1024)->shape == small);  // rather than a smaller tile
    for (const gpu::MatrixShape& shape : {small, large, flat}) {
        for (const uint32_t shared_bytes : {12u << 10, 16u << 10, 32u << 10, 48u << 10}) {
            for (const uint32_t workgroup : {32u, 128u, 1024u}) {
                CAPTURE(shape.m, shape.n, shared_bytes, workgroup);
                const auto t = tile({shape}, shared_bytes, workgroup);
                REQUIRE(t);
                CHECK(t->shape == shape);
                CHECK(t->subgroups % t->row_groups == 0);
                CHECK(model::ops::coopmat_shared_bytes(*t) <= shared_bytes);
                CHECK(32 * t->subgroups <= workgroup);
            }
        }
    }
    CHECK_FALSE(tile({large}, 8 << 10, 1024));
    CHECK_FALSE(tile({small}, 48 << 10, 16));
    CHECK(tile({small}, 32 << 10, 1024, gpu::DeviceType::cpu)->subgroups == 1);
}

TEST_CASE("matmul_coopmat, the tiles of a device with little room") {
    skip_without_matrices();
    const gpu::MatrixShape shape = chosen().shape;
    const Product product{DType::q5_0, 150, 544, 70};  // 17 sub-blocks: the last step is half empty
    run(product,
        {.shape = shape, .subgroups = 8, .row_groups = 4, .rows = 1, .tokens = 2, .subs = 2});
    run(product,
        {.shape = shape, .subgroups = 4, .row_groups = 2, .rows = 1, .tokens = 2, .subs = 2});
    run(product,
        {.shape = shape, .subgroups = 4, .row_groups = 2, .rows = 1, .tokens = 1, .subs = 2});
    run(product, {.shape = shape, .rows = 1, .tokens = 1});
}

TEST_CASE("matmul_coopmat, every type") {
    skip_without_matrices();
    for (const DType type : op_test::weight_types()) {
        run({type, 137, whole_blocks(type, 800), 45}, chosen());
    }
}

TEST_CASE("matmul_coopmat, every shape of the device, several subgroups, wider steps") {
    skip_without_matrices();
    for (const gpu::MatrixShape& shape : op_test::rig().device.info().matrix_shapes) {
        run({DType::q4_k, 70, 512, 40},
            {.shape = shape, .subgroups = 4, .row_groups = 2, .rows = 2, .tokens = 4, .subs = 1});
        run({DType::q5_0, 70, 160, 40},  // 5 sub-blocks: the last step is half empty
            {.shape = shape, .subgroups = 2, .row_groups = 1, .rows = 1, .tokens = 2, .subs = 2});
        run({DType::f32, 33, 96, 9},
            {.shape = shape, .subgroups = 2, .row_groups = 2, .rows = 1, .tokens = 1, .subs = 2});
    }
}

TEST_CASE("matmul_coopmat, small and odd shapes") {
    skip_without_matrices();
    for (const uint32_t n_tokens : {1u, 7u, 8u, 33u, 64u, 130u}) {
        run({DType::q8_0, 1, 32, n_tokens}, chosen());
        run({DType::q8_0, 31, 64, n_tokens}, chosen());
        run({DType::bf16, 67, 288, n_tokens}, chosen());
    }
}

TEST_CASE("matmul_coopmat, several slabs") {
    skip_without_matrices();
    run({DType::q6_k, 420, 256, 3, 64}, chosen());
    run({DType::q8_0, 420, 640, 37, 224}, chosen());
}

TEST_CASE("matmul_coopmat, the shapes of Gemma 3 270M as it is quantized") {
    skip_without_matrices();
    run({DType::q5_0, 1024, 640, 20}, chosen());
    run({DType::q8_0, 256, 640, 20}, chosen());
    run({DType::q4_k, 640, 1024, 20}, chosen());
    run({DType::q5_0, 2048, 640, 20}, chosen());
    run({DType::q6_k, 640, 2048, 20}, chosen());
}

TEST_CASE("matmul_coopmat, activations far outside f16 and rows of zeros") {
    skip_without_matrices();
    const Product c{DType::q8_0, 48, 256, 12};
    std::vector<float> x = op_test::random_floats(size_t{c.n_tokens} * c.cols, 7);
    for (uint32_t t = 0; t < c.n_tokens; ++t) {
        // 2^-120, 2^-100, ..., 2^100; one element a thousand times the rest, as Gemma has them
        for (uint32_t i = 0; i < c.cols; ++i) {
            float& value = x[size_t{t} * c.cols + i];
            value = std::ldexp(i == 9 ? 1000 * value : value, 20 * int(t) - 120);
            value = t == 4 ? 0 : value;
        }
    }
    run(c, chosen(), x);
}

namespace {
const op_test::RegisterBench kBench("matmul_coopmat", [](const op_test::BenchRun& bench) {
    if (!obstacle().empty()) {
        return;
    }
    for (const DType type : {DType::q4_k, DType::q5_0, DType::q6_k, DType::f16}) {
        const uint32_t rows = 2048, cols = 640, n_tokens = 128;
        const op_test::WeightMatrix w(type, rows, whole_blocks(type, cols), 1);
        const op_test::Array x(op_test::random_floats(size_t{n_tokens} * w.matrix.cols, 2));
        const op_test::Array halves = op_test::Array::output(size_t{n_tokens} * w.matrix.cols / 2);
        const op_test::Array scales = op_test::Array::output(n_tokens);
        const op_test::Array y = op_test::Array::output(size_t{n_tokens} * rows);
        bench(fmt::format("matmul_coopmat {} {}x{} {} tokens", model::dtype_name(type), rows,
                          w.matrix.cols, n_tokens),
              [&](gpu::CommandBuffer& cmd) {
                  const model::ops::HalfRows x_halves{halves.range(), scales.range()};
                  model::ops::half_rows(cmd, x_halves, x.tensor(n_tokens, w.matrix.cols));
                  model::ops::matmul_coopmat(cmd, y.tensor(n_tokens, rows), w.matrix, x_halves,
                                             chosen());
              });
    }
});
}  // namespace
