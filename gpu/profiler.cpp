#include "gpu/profiler.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>
#include <vector>

namespace gpu {

void Profiler::add(std::string_view kernel, double ms, const Work& work) {
    auto found = times_.find(kernel);
    if (found == times_.end()) {
        found = times_.emplace(std::string(kernel), KernelTime{}).first;
    }
    KernelTime& time = found->second;
    time.n += 1;
    time.ms += ms;
    time.bytes += work.bytes;
    time.flops += work.flops;
}

std::string Profiler::table() const {
    std::vector<std::pair<std::string, KernelTime>> rows(times_.begin(), times_.end());
    std::stable_sort(rows.begin(), rows.end(),
                     [](const auto& a, const auto& b) { return a.second.ms > b.second.ms; });
    double total_ms = 0;
    for (const auto& [name, time] : rows) {
        total_ms += time.ms;
    }
    std::string out = fmt::format("{:<28}{:>9}{:>11}{:>8}{:>9}{:>10}\n", "kernel", "calls", "ms",
                                  "share", "GB/s", "GFLOP/s");
    for (const auto& [name, time] : rows) {
        const double ms = std::max(time.ms, 1e-9);
        out += fmt::format("{:<28}{:>9}{:>11.2f}{:>7.1f}%{:>9.2f}{:>10.2f}\n", name, time.n,
                           time.ms, 100 * time.ms / std::max(total_ms, 1e-9), time.bytes / ms / 1e6,
                           time.flops / ms / 1e6);
    }
    return out;
}

}  // namespace gpu
