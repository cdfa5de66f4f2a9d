// What `bench` measured, and how it is written: llama-bench's fields and formats, then ours. Pure.
#pragma once

#include "app/commands/bench_plan.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace app {

/// What is the same for every test of one run.
struct BenchSystem {
    std::string cpu_info, gpu_info, device_uuid, driver_name, driver_version, vk_api;
    std::string model_filename, model_type, path;
    uint64_t model_size = 0, model_n_params = 0;  // bytes of the weights; parameters
    uint32_t n_layers = 0, subgroup_size = 0;
    int64_t n_gpu_layers = -1;
    double copy_gb_per_s = 0;  // of a plain copy on this device
    double load_ms = 0;        // from the start of the command to a session that is ready
};

/// One test, repeated. Counts and sums are over all repetitions.
struct BenchResult {
    BenchTest test;         // n_ubatch: what the session took
    std::string test_time;  // "2026-11-25T19:52:10Z", when it began
    uint32_t tokens_in_flight = 1;
    std::vector<uint64_t> samples_ns;
    uint64_t n_kernels = 0;  // that exist: pipelines of the driver
    uint64_t n_dispatches = 0, n_levels = 0, n_layer_levels = 0, n_submits = 0;
    double bytes = 0;    // moved on the device, by the kernels' own account
    double host_ns = 0;  // processor time of the calling thread
    std::optional<uint64_t> memory_bytes, memory_peak_bytes;  // RssAnon + RssShmem of the process
    uint64_t device_bytes = 0;                                // allocated on the device
    std::optional<double> load_average;  // of the machine, over the last minute

    double avg_ns() const;
    double stddev_ns() const;                // of the sample, 0 for one repetition
    std::vector<double> samples_ts() const;  // tokens per second
    double avg_ts() const;                   // their mean, as llama-bench has it
    double stddev_ts() const;
    double gb_per_s() const;
    double median_ts() const;
    /// A sum over all repetitions as a share of one token.
    double per_token(double sum) const;
    uint64_t n_steps() const;  // of all repetitions: chunks of prompts and single tokens
};

struct BenchField {
    enum class Kind : uint8_t { text, whole, real, list };
    std::string_view name;
    std::string value;  // a number's or list's JSON; a text as it is
    Kind kind = Kind::text;
};

/// "tg32: 28.1 (27.5 to 28.4) tokens/s, captured 27.9 (27.2 to 28.3), -0.7 %; bytes +0.5 %,
/// dispatches +0.0 %": medians, lowest and highest.
std::string capture_line(const BenchResult& without, const BenchResult& with);

/// Every field of one result in the order they are written.
std::vector<BenchField> bench_fields(const BenchSystem& system, const BenchResult& result);

/// Writes results one by one in one format: begin(), row()..., end(), each the text to print.
class BenchWriter {
public:
    BenchWriter(BenchFormat format, const BenchSystem& system) : format_(format), system_(system) {}
    std::string begin() const;
    std::string row(const BenchResult& result);
    std::string end() const;

private:
    BenchFormat format_;
    const BenchSystem& system_;
    size_t n_rows_ = 0;
};

}  // namespace app
