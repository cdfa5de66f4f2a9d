// The harness of the op tests: arrays on the device with guard bands, comparison with the two twins
// (tests/support/twins.h), and benchmarks.
//
//   op_tests                       every case; one op: op_tests "[#rms_norm]"
//   op_tests --bench [op] [--csv FILE]
//                                  median GPU time and its spread, GB/s by the case's own bytes,
//                                  and the share of a plain copy measured on this device at the
//                                  start
//
// Each case runs under synchronisation validation where the layers are installed and
// LAPIDARY_VALIDATE does not say otherwise.
#pragma once

#include <cstdint>
#include <cstring>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "gpu/buffer.h"
#include "gpu/command_buffer.h"
#include "gpu/kernel.h"
#include "model/tensor.h"
#include "tests/support/catch.h"
#include "tests/support/random.h"

namespace op_test {

/// The device of this process.
struct Rig {
    Rig();
    gpu::Device device;
    gpu::KernelCache kernels;
    gpu::CommandBuffer cmd;
};
Rig& rig();

/// What output memory holds before the kernel runs: a NaN that no kernel makes.
inline constexpr uint32_t kPoison = 0xffc0dead;

/// Device memory between two guard bands.
class Array {
public:
    /// Holds these bytes.
    explicit Array(std::span<const std::byte> bytes);
    template <class T>
    explicit Array(const std::vector<T>& values) : Array(std::as_bytes(std::span(values))) {}
    /// Holds n poisoned 32-bit words.
    static Array output(size_t n_words);

    gpu::Range range() const { return range_; }
    model::Tensor tensor(uint32_t rows, uint32_t dim, model::DType dtype = model::DType::f32) const;

    /// What is there now; fails the test when a guard band was touched.
    std::vector<std::byte> bytes() const;
    template <class T>
    std::vector<T> get() const {
        const std::vector<std::byte> raw = bytes();
        std::vector<T> values(raw.size() / sizeof(T));
        std::memcpy(values.data(), raw.data(), raw.size());
        return values;
    }
    std::vector<float> floats() const { return get<float>(); }

private:
    std::unique_ptr<gpu::Buffer> buffer_;  // ranges point to it
    gpu::Range range_;
};

/// Same bits, everywhere; the failure names the first difference.
void check_bits(std::span<const float> device, std::span<const float> twin);
/// No NaN or infinity, and sum (a - b)^2 <= limit * sum b^2.
void check_close(std::span<const float> device, std::span<const double> twin, double limit);

/// n values, normally distributed with this deviation.
std::vector<float> random_floats(size_t n, uint64_t seed, float deviation = 1);
std::vector<double> as_doubles(std::span<const float> values);
/// Two f16 a word, as the caches hold them.
std::vector<uint16_t> as_halves(std::span<const float> values);
std::vector<float> rounded_to_half(std::vector<float> values);

/// A weight matrix on the device, in slabs of at most `slab_rows` rows, and its numbers.
struct WeightMatrix {
    WeightMatrix(model::DType dtype, uint32_t rows, uint32_t cols, uint64_t seed,
                 uint32_t slab_rows = UINT32_MAX);

    model::Matrix matrix;
    std::vector<float> values;  // [rows, cols]

private:
    std::vector<Array> planes_;
};

/// The fifteen weight types.
std::vector<model::DType> weight_types();

/// Registers what --bench runs for one op: the function calls run(case, record) for each case.
using BenchRun = std::function<void(const std::string& name,
                                    const std::function<void(gpu::CommandBuffer&)>& record)>;
struct RegisterBench {
    RegisterBench(const char* op, void (*function)(const BenchRun& run));
};

}  // namespace op_test
