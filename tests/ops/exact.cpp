// shaders/exact.h: how near to the true values, and the same bits on the device and on the CPU.
#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include <fmt/format.h>

#include "model/quant.h"
#include "shaders/exact.h"
#include "shaders/params.h"
#include "tests/op_test.h"
#include "tests/support/worst.h"

namespace {

constexpr uint32_t kProbes = 9;
constexpr const char* kNames[kProbes] = {"rcp",  "div",  "rsqrt",   "exp", "log",
                                         "tanh", "gelu", "softcap", "half"};

/// Random over `decades` powers of ten around 1, both signs where asked.
std::vector<float> over_decades(size_t n, uint64_t seed, float decades, bool both_signs) {
    support::Random random(seed);
    std::vector<float> values(n);
    for (float& value : values) {
        value = std::pow(10.0f, (random.uniform() - 0.5f) * decades);
        if (both_signs && random.below(2) == 0) {
            value = -value;
        }
    }
    return values;
}

std::array<uint32_t, kProbes> twin(float a, float b) {
    const auto bits = [](float value) { return std::bit_cast<uint32_t>(value); };
    return {
        bits(exact::exact_rcp(b)),  bits(exact::exact_div(a, b)),      bits(exact::exact_rsqrt(b)),
        bits(exact::exact_exp(a)),  bits(exact::exact_log(b)),         bits(exact::exact_tanh(a)),
        bits(exact::exact_gelu(a)), bits(exact::exact_softcap(a, 50)), exact::exact_half_bits(a)};
}

/// Distance of y from the true value in units of the true value's last place.
double ulps(float y, double truth) {
    const double magnitude = std::max(std::abs(truth), 0x1p-126);
    const double ulp = std::ldexp(1.0, std::ilogb(magnitude) - 23);
    return std::abs(static_cast<double>(y) - truth) / ulp;
}

struct Accuracy {
    const char* name;
    double bound;
    float low, high;
    float (*function)(float);
    double (*truth)(double);
};

double true_gelu(double u) {
    return 0.5 * u *
           (1 + std::tanh(std::sqrt(2 / 3.14159265358979323846) * (u + 0.044715 * u * u * u)));
}

}  // namespace

TEST_CASE("exact.h is within these units in the last place of the true values") {
    const Accuracy functions[] = {
        {"rcp", 1.5, 1e-30f, 1e30f, exact::exact_rcp, [](double x) { return 1 / x; }},
        {"rsqrt", 1.8, 1e-30f, 1e30f, exact::exact_rsqrt,
         [](double x) { return 1 / std::sqrt(x); }},
        {"exp", 1.1, -80, 80, exact::exact_exp, [](double x) { return std::exp(x); }},
        {"log", 1.0, 1e-30f, 1e30f, exact::exact_log, [](double x) { return std::log(x); }},
        {"tanh", 1.6, -20, 20, exact::exact_tanh, [](double x) { return std::tanh(x); }},
        {"tanh, small", 0.6, -1e-3f, 1e-3f, exact::exact_tanh,
         [](double x) { return std::tanh(x); }},
    };
    for (const Accuracy& f : functions) {
        support::Random random(7);
        double worst = 0;
        float at = 0;
        for (int i = 0; i < 1 << 20; ++i) {
            const float u = random.uniform();
            const float x = f.low > 0 ? std::exp(std::log(f.low) * (1 - u) + std::log(f.high) * u)
                                      : f.low + (f.high - f.low) * u;
            const double error = ulps(f.function(x), f.truth(static_cast<double>(x)));
            at = error <= worst ? at : x;
            support::widen(worst, error);
        }
        fmt::print("exact {:<12} at most {:.2f} ulp (at {:a})\n", f.name, worst, at);
        INFO(f.name << " at " << at);
        CHECK(worst <= f.bound);
    }
}

TEST_CASE("exact div is within 1.5 units in the last place") {
    const std::vector<float> a = over_decades(1 << 20, 1, 20, true);
    const std::vector<float> b = over_decades(1 << 20, 2, 20, false);
    double worst = 0;
    for (size_t i = 0; i < a.size(); ++i) {
        support::widen(worst, ulps(exact::exact_div(a[i], b[i]),
                                   static_cast<double>(a[i]) / static_cast<double>(b[i])));
    }
    fmt::print("exact div          at most {:.2f} ulp\n", worst);
    CHECK(worst <= 1.5);
}

TEST_CASE("exact gelu is within 2e-7 of max(1, |u|)") {
    // For negative u the sum 1 + tanh cancels, so the error is absolute, not relative.
    double worst = 0;
    for (int i = -1 << 19; i < 1 << 19; ++i) {
        const float u = static_cast<float>(i) * 0x1p-15f;
        const double error =
            std::abs(static_cast<double>(exact::exact_gelu(u)) - true_gelu(static_cast<double>(u)));
        support::widen(worst, error / std::max(1.0, std::abs(static_cast<double>(u))));
    }
    fmt::print("exact gelu         at most {:.2e} of max(1, |u|)\n", worst);
    CHECK(worst <= 2e-7);
}

TEST_CASE("exact.h at the edges") {
    CHECK(exact::exact_exp(0) == 1);
    CHECK(exact::exact_exp(-80.01f) == 0);
    CHECK(exact::exact_exp(-1e30f) == 0);
    CHECK(exact::exact_exp(1e30f) == exact::exact_exp(80));
    CHECK(exact::exact_exp(-80) >= std::numeric_limits<float>::min());
    CHECK(exact::exact_log(1) == 0);
    CHECK(exact::exact_tanh(1e4f) == 1);
    CHECK(exact::exact_tanh(-1e4f) == -1);
    CHECK(exact::exact_tanh(0) == 0);
    CHECK(exact::exact_gelu(-1e4f) == 0);
    CHECK(exact::exact_gelu(1e4f) == 1e4f);
    // Scores of 100 with a cap of 50 (spec 11, 9).
    CHECK(std::abs(static_cast<double>(exact::exact_softcap(100, 50)) - 48.201379) <= 4e-6);
}

TEST_CASE("every half comes back from its float, and halves are rounded as quant.cpp rounds") {
    size_t wrong = 0;
    for (uint32_t half = 0; half < 0x10000; ++half) {
        const float value = model::half_to_float(static_cast<uint16_t>(half));
        if (!std::isnan(value)) {
            wrong += exact::exact_half_bits(value) != half;
        }
    }
    CHECK(wrong == 0);
    support::Random random(3);
    for (int i = 0; i < 1 << 20; ++i) {
        const auto value = std::bit_cast<float>(static_cast<uint32_t>(random.next()));
        if (!std::isnan(value)) {
            wrong += exact::exact_half_bits(value) != model::float_to_half(value);
        }
    }
    CHECK(wrong == 0);
}

TEST_CASE("exact.h has the same bits on the device, 65,536 random inputs over ten decades") {
    constexpr uint32_t n = 65536;
    const std::vector<float> a = over_decades(n, 11, 10, true);
    const std::vector<float> b = over_decades(n, 12, 10, false);
    const op_test::Array a_array(a), b_array(b);
    const op_test::Array out = op_test::Array::output(size_t{n} * kProbes);
    gpu::CommandBuffer& cmd = op_test::rig().cmd;
    cmd.dispatch(cmd.kernel("exact_probe", {64}), {.x = n / 64}, params::Elementwise{n, 0},
                 {a_array.range(), b_array.range(), out.range()}, {.flops = 1e3 * n, .bytes = 0});
    cmd.finish();
    const auto bits = out.get<uint32_t>();
    std::array<size_t, kProbes> different{};
    for (size_t i = 0; i < n; ++i) {
        const auto expected = twin(a[i], b[i]);
        for (size_t f = 0; f < kProbes; ++f) {
            different[f] += bits[i * kProbes + f] != expected[f];
        }
    }
    for (size_t f = 0; f < kProbes; ++f) {
        INFO(kNames[f]);
        CHECK(different[f] == 0);
    }
}
