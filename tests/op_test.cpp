#include "tests/support/model_writer.h"  // first: its CHECK is that of gpu/base.h

#include "tests/op_test.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <map>

#include <fmt/format.h>
#include <catch2/catch_session.hpp>

#include "gpu/copy_rate.h"
#include "gpu/profiler.h"
#include "model/quant.h"
#include "model/repack.h"
#include "tests/support/parallel.h"

namespace op_test {
namespace {

constexpr size_t kGuardBytes = 256;  // no device asks for more alignment between ranges

std::vector<std::byte> poison(size_t n_bytes) {
    const std::vector<uint32_t> words(n_bytes / 4, kPoison);
    const auto bytes = std::as_bytes(std::span(words));
    return {bytes.begin(), bytes.end()};
}

bool benchmarking = false;

}  // namespace

// With validation, unless the environment says how much.
Rig::Rig()
    : device({.validate = benchmarking                       ? 0
                          : std::getenv("LAPIDARY_VALIDATE") ? -1
                                                             : 2}),
      kernels(device),
      cmd(device, kernels) {}

Rig& rig() {
    static Rig the_rig;
    return the_rig;
}

Array::Array(std::span<const std::byte> bytes)
    : buffer_(std::make_unique<gpu::Buffer>(rig().device,
                                            2 * kGuardBytes + (bytes.size() + 3) / 4 * 4,
                                            gpu::Memory::device, "test array")),
      range_(buffer_->range().slice(kGuardBytes, (bytes.size() + 3) / 4 * 4)) {
    std::vector<std::byte> all = poison(buffer_->size());
    std::copy(bytes.begin(), bytes.end(), all.begin() + kGuardBytes);
    gpu::upload(rig().device, buffer_->range(), all);
}

Array Array::output(size_t n_words) {
    return Array(std::vector<uint32_t>(n_words, kPoison));
}

model::Tensor Array::tensor(uint32_t rows, uint32_t dim, model::DType dtype) const {
    return {"test",
            dtype,
            {rows, dim},
            range_.slice(0, uint64_t{rows} * dim * model::block_bytes(dtype))};
}

std::vector<std::byte> Array::bytes() const {
    std::vector<std::byte> all(buffer_->size());
    gpu::download(rig().device, all, buffer_->range());
    const std::vector<std::byte> guard = poison(kGuardBytes);
    INFO("guard bands before and after an array of " << range_.size << " bytes");
    CHECK(std::equal(guard.begin(), guard.end(), all.begin()));
    CHECK(std::equal(guard.begin(), guard.end(), all.end() - kGuardBytes));
    return {all.begin() + kGuardBytes, all.end() - kGuardBytes};
}

void check_bits(std::span<const float> device, std::span<const float> twin) {
    REQUIRE(device.size() == twin.size());
    if (std::memcmp(device.data(), twin.data(), twin.size_bytes()) == 0) {
        SUCCEED();
        return;
    }
    size_t n = 0, first = 0;
    for (size_t i = device.size(); i-- > 0;) {
        if (std::bit_cast<uint32_t>(device[i]) != std::bit_cast<uint32_t>(twin[i])) {
            n++;
            first = i;
        }
    }
    FAIL_CHECK(fmt::format("{} of {} differ; element {}: device {:a}, twin {:a}", n, device.size(),
                           first, device[first], twin[first]));
}

void check_close(std::span<const float> device, std::span<const double> twin, double limit) {
    REQUIRE(device.size() == twin.size());
    double error = 0, power = 0;
    size_t not_finite = 0;
    for (size_t i = 0; i < twin.size(); ++i) {
        const double difference = static_cast<double>(device[i]) - twin[i];
        not_finite += !std::isfinite(device[i]);
        error += difference * difference;
        power += twin[i] * twin[i];
    }
    CHECK(not_finite == 0);
    CHECK(error <= limit * power);
}

std::vector<float> random_floats(size_t n, uint64_t seed, float deviation) {
    support::Random random(seed);
    std::vector<float> values(n);
    for (float& value : values) {
        value = deviation * random.normal();
    }
    return values;
}

std::vector<double> as_doubles(std::span<const float> values) {
    return {values.begin(), values.end()};
}

std::vector<uint16_t> as_halves(std::span<const float> values) {
    std::vector<uint16_t> halves;
    halves.reserve(values.size());
    for (const float value : values) {
        halves.push_back(model::float_to_half(value));
    }
    return halves;
}

std::vector<float> rounded_to_half(std::vector<float> values) {
    for (float& value : values) {
        value = model::half_to_float(model::float_to_half(value));
    }
    return values;
}

WeightMatrix::WeightMatrix(model::DType dtype, uint32_t rows, uint32_t cols, uint64_t seed,
                           uint32_t slab_rows) {
    matrix = {.name = "test", .dtype = dtype, .rows = rows, .cols = cols, .slabs = {}};
    const auto bytes = support::random_blocks(dtype, uint64_t{rows} * cols, 0.5f, seed);
    const std::span<const std::byte> file(reinterpret_cast<const std::byte*>(bytes.data()),
                                          bytes.size());
    values.resize(size_t{rows} * cols);
    model::dequantize(values, dtype, file);
    const uint64_t row_bytes = model::row_bytes(dtype, cols);
    for (uint32_t begin = 0; begin < rows; begin += slab_rows) {
        const uint32_t n = std::min(slab_rows, rows - begin);
        const model::PlaneBytes sizes = model::plane_bytes(dtype, n, cols);
        std::vector<uint32_t> quants(sizes.quants / 4), highs(sizes.highs / 4),
            scales(sizes.scales / 4);
        model::repack({quants, highs, scales}, dtype,
                      file.subspan(begin * row_bytes, n * row_bytes), n, cols);
        highs.resize(std::max<size_t>(highs.size(), 1));
        scales.resize(std::max<size_t>(scales.size(), 1));
        const gpu::Range quants_range = planes_.emplace_back(quants).range();
        const gpu::Range highs_range = planes_.emplace_back(highs).range();
        const gpu::Range scales_range = planes_.emplace_back(scales).range();
        matrix.slabs.push_back({begin, n, quants_range, highs_range, scales_range});
    }
}

std::vector<model::DType> weight_types() {
    std::vector<model::DType> types;
    for (uint8_t type = 0; type <= uint8_t(model::DType::iq4_xs); ++type) {
        types.push_back(static_cast<model::DType>(type));
    }
    return types;
}

namespace {

using BenchFunction = void (*)(const BenchRun& run);

std::map<std::string, BenchFunction>& benches() {
    static std::map<std::string, BenchFunction> all;
    return all;
}

struct Measured {
    std::string kernel;
    double ms = 0, gb_per_s = 0, gflop_per_s = 0;
    double spread = 0;  // (third quartile - first) / median of the time
};

/// Of a run the kernel that took the most time; of the runs the median.
Measured measure(const std::function<void(gpu::CommandBuffer&)>& record) {
    constexpr size_t kRuns = 11;
    gpu::CommandBuffer& cmd = rig().cmd;
    record(cmd);  // makes the kernel
    cmd.finish();
    std::vector<Measured> runs;
    for (size_t i = 0; i < kRuns; ++i) {
        gpu::Profiler profiler;
        cmd.set_profiler(&profiler);
        record(cmd);
        cmd.finish();
        cmd.set_profiler(nullptr);
        Measured run;
        for (const auto& [name, time] : profiler.by_kernel()) {
            if (time.ms > run.ms) {
                run = {.kernel = name,
                       .ms = time.ms,
                       .gb_per_s = time.bytes / time.ms / 1e6,
                       .gflop_per_s = time.flops / time.ms / 1e6};
            }
        }
        runs.push_back(run);
    }
    std::sort(runs.begin(), runs.end(), [](const auto& a, const auto& b) { return a.ms < b.ms; });
    Measured median = runs[kRuns / 2];
    median.spread = (runs[kRuns * 3 / 4].ms - runs[kRuns / 4].ms) / std::max(median.ms, 1e-9);
    return median;
}

/// Prints a row per case and, where a file is given, appends it there: one header per file.
class BenchTable {
public:
    BenchTable(double copy_rate, const std::string& csv) : copy_rate_(copy_rate) {
        fmt::print("{}: a plain copy moves {:.2f} GB/s\n", rig().device.info().name, copy_rate);
        fmt::print("{:<52} {:>10} {:>8} {:>8} {:>8} {:>9}\n", "case", "ms", "spread", "GB/s",
                   "of copy", "GFLOP/s");
        if (!csv.empty()) {
            file_.open(csv, std::ios::app);
            if (file_ && file_.tellp() == 0) {
                file_ << "device,driver,case,kernel,ms,spread,gb_per_s,of_copy,gflop_per_s\n";
            }
        }
    }

    void add(const std::string& name, const Measured& m) {
        const double share = m.gb_per_s / copy_rate_;
        fmt::print("{:<52} {:>10.4f} {:>7.0f}% {:>8.2f} {:>7.0f}% {:>9.2f}\n", name, m.ms,
                   100 * m.spread, m.gb_per_s, 100 * share, m.gflop_per_s);
        if (file_.is_open()) {
            const gpu::DeviceInfo& device = rig().device.info();
            file_ << fmt::format("\"{}\",\"{} {}\",\"{}\",{},{:.6f},{:.4f},{:.4f},{:.4f},{:.4f}\n",
                                 device.name, device.driver_name, device.driver_version, name,
                                 m.kernel, m.ms, m.spread, m.gb_per_s, share, m.gflop_per_s);
        }
        n_rows_++;
    }

    size_t n_rows() const { return n_rows_; }
    bool failed() const { return file_.is_open() && !file_; }

private:
    double copy_rate_;
    std::ofstream file_;
    size_t n_rows_ = 0;
};

int run_benches(const std::string& only, const std::string& csv) {
    benchmarking = true;
    if (!only.empty() && !benches().contains(only)) {
        fmt::print(stderr, "op_tests: no benchmark is called '{}'; there are", only);
        for (const auto& [op, function] : benches()) {
            fmt::print(stderr, " {}", op);
        }
        fmt::print(stderr, "\n");
        return 1;
    }
    BenchTable table(gpu::measure_copy_rate(rig().device, rig().kernels), csv);
    for (const auto& [op, function] : benches()) {
        if (only.empty() || only == op) {
            function([&](const std::string& name,
                         const std::function<void(gpu::CommandBuffer&)>& record) {
                table.add(name, measure(record));
            });
        }
    }
    if (table.failed()) {
        fmt::print(stderr, "op_tests: {} could not be written\n", csv);
    }
    return table.n_rows() == 0 || table.failed() ? 1 : 0;
}

}  // namespace

RegisterBench::RegisterBench(const char* op, BenchFunction function) {
    benches().emplace(op, function);
}

}  // namespace op_test

int main(int argc, char** argv) {
    std::string only, csv;
    bool bench = false;
    for (int i = 1; i < argc; ++i) {
        const std::string arg = argv[i];
        if (arg == "--bench") {
            bench = true;
        } else if (bench && arg == "--csv" && i + 1 < argc) {
            csv = argv[++i];
        } else if (bench) {
            only = arg;
        }
    }
    if (bench) {
        return op_test::run_benches(only, csv);
    }
    return Catch::Session().run(argc, argv);
}
