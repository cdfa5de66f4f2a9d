#include "app/ui/window/frame_log.h"

#include <algorithm>
#include <cmath>
#include <fstream>

#include <fmt/format.h>

namespace app::ui {

namespace {

double quantile(std::vector<double> values, double share) {
    if (values.empty()) {
        return 0;
    }
    std::sort(values.begin(), values.end());
    const double at = std::ceil(std::clamp(share, 0.0, 1.0) * double(values.size()));
    return values[std::min(size_t(std::max(at, 1.0)) - 1, values.size() - 1)];
}

}  // namespace

double FrameLog::ui_ms(double share) const {
    std::vector<double> values;
    for (const FrameTime& f : frames_) {
        values.push_back(f.ui_ms);
    }
    return quantile(std::move(values), share);
}

double FrameLog::total_ms(double share) const {
    std::vector<double> values;
    for (const FrameTime& f : frames_) {
        values.push_back(f.total_ms);
    }
    return quantile(std::move(values), share);
}

std::string FrameLog::summary() const {
    return fmt::format(
        "{} frames: p50 {:.2f} ms, p99 {:.2f} ms, most {:.2f} ms; in the window's own code p50 "
        "{:.2f} ms, p99 {:.2f} ms",
        frames_.size(), total_ms(0.5), total_ms(0.99), total_ms(1), ui_ms(0.5), ui_ms(0.99));
}

bool FrameLog::write(const std::string& path, std::string& problem) const {
    std::ofstream out(path, std::ios::trunc);
    out << "at_s,ui_ms,total_ms\n";
    for (const FrameTime& f : frames_) {
        out << fmt::format("{:.4f},{:.3f},{:.3f}\n", f.at_s, f.ui_ms, f.total_ms);
    }
    if (!out.flush()) {
        problem = "The frame log could not be written to " + path + ".";
        return false;
    }
    return true;
}

}  // namespace app::ui
