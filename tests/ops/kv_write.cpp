#include <cmath>

#include <fmt/format.h>

#include "model/ops.h"
#include "model/quant.h"
#include "tests/op_test.h"
#include "tests/support/twins.h"

namespace {

using model::DType;

/// Every kind of number f16 knows: normal, subnormal, ties, overflow, zero.
std::vector<float> difficult_floats(size_t n, uint64_t seed) {
    support::Random random(seed);
    std::vector<float> values(n);
    for (size_t i = 0; i < n; ++i) {
        const float normal = random.normal();
        switch (i % 6) {
            case 0:
                values[i] = normal;
                break;
            case 1:
                values[i] = normal * 1e4f;
                break;
            case 2:
                values[i] = normal * 1e-5f;
                break;
            case 3:
                values[i] = normal * 1e-8f;
                break;
            case 4:
                values[i] = std::round(normal * 512) / 1024 + 1.0f / 2048;
                break;  // ties
            default:
                values[i] = 0;
                break;
        }
    }
    return values;
}

void run_case(DType type, uint32_t n_tokens, uint32_t width, uint32_t capacity, uint32_t position) {
    INFO(model::dtype_name(type) << " " << n_tokens << " x " << width << " at " << position
                                 << " of " << capacity);
    std::vector<float> x = difficult_floats(size_t{n_tokens} * width, width);
    const bool half = type == DType::f16;
    const size_t words = size_t{capacity} * width / (half ? 2 : 1);
    const op_test::Array x_array(x);
    const op_test::Array dst = op_test::Array::output(words);
    gpu::CommandBuffer& cmd = op_test::rig().cmd;
    model::ops::kv_write(cmd, dst.tensor(capacity, width, type), x_array.tensor(n_tokens, width),
                         position);
    cmd.finish();

    const std::vector<float> before = x;
    if (half) {
        ref::round_to_half(std::span(x));
    }
    op_test::check_bits(x_array.floats(), x);
    std::vector<std::byte> expected = op_test::Array::output(words).bytes();
    for (uint32_t t = 0; t < n_tokens; ++t) {
        const size_t slot = (position + t) % capacity;
        const std::vector<float> row(x.begin() + std::ptrdiff_t(size_t{t} * width),
                                     x.begin() + std::ptrdiff_t(size_t{t + 1} * width));
        const std::vector<uint16_t> halves = op_test::as_halves(row);
        const size_t row_bytes = size_t{width} * (half ? 2u : 4u);
        std::memcpy(expected.data() + slot * row_bytes,
                    half ? static_cast<const void*>(halves.data()) : row.data(), row_bytes);
    }
    CHECK(dst.bytes() == expected);
    // The other twin: model/quant.cpp rounds in its own way.
    size_t different = 0;
    for (size_t i = 0; i < x.size() && half; ++i) {
        different += x[i] != model::half_to_float(model::float_to_half(before[i]));
    }
    CHECK(different == 0);
}

}  // namespace

TEST_CASE("kv_write") {
    for (const DType type : {DType::f16, DType::f32}) {
        // Widths Hkv * hd of spec 1.2.
        for (const uint32_t width : {256u, 1024u, 2048u, 4096u}) {
            run_case(type, 1, width, 8, 5);
            run_case(type, 3, width, 8, 0);
        }
        run_case(type, 7, 22, 11, 30);       // wraps; width smaller than a workgroup
        run_case(type, 11, 2, 11, 1000003);  // as many as fit, far on
        run_case(type, 64, 32, 80, 77);
        run_case(type, 1, 1022, 3, 2);
    }
}

namespace {
const op_test::RegisterBench kBench("kv_write", [](const op_test::BenchRun& run) {
    for (const uint32_t n_tokens : {1u, 256u}) {
        const op_test::Array x(op_test::random_floats(size_t{n_tokens} * 1024, 1));
        const op_test::Array dst = op_test::Array::output(size_t{512} * 512);
        run(fmt::format("kv_write {} tokens of 1024", n_tokens), [&](gpu::CommandBuffer& cmd) {
            model::ops::kv_write(cmd, dst.tensor(512, 1024, DType::f16), x.tensor(n_tokens, 1024),
                                 300);
        });
    }
});
}  // namespace
