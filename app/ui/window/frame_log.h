// FrameLog: how long each frame took, for the hidden option --frame-log and the window's benchmark.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace app::ui {

struct FrameTime {
    double at_s = 0;      // since the program's clock began
    double ui_ms = 0;     // events taken in, panels drawn into lists
    double total_ms = 0;  // and handed to the display, with the wait for an image
};

class FrameLog {
public:
    void add(const FrameTime& frame) { frames_.push_back(frame); }
    void clear() { frames_.clear(); }
    size_t size() const { return frames_.size(); }
    /// Share 0..1 of the frames took at most this long; 0 when there are none.
    double ui_ms(double share) const;
    double total_ms(double share) const;
    /// "640 frames: p50 3.1 ms, p99 8.2 ms, most 9.9 ms (of it in the window's own code …)"
    std::string summary() const;
    /// CSV: at_s,ui_ms,total_ms.
    bool write(const std::string& path, std::string& problem) const;

private:
    std::vector<FrameTime> frames_;
};

}  // namespace app::ui
