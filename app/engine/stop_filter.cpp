#include "app/engine/stop_filter.h"

#include <algorithm>
#include <utility>

namespace app {

StopFilter::StopFilter(std::vector<std::string> stop_texts) : stop_texts_(std::move(stop_texts)) {
    std::erase_if(stop_texts_, [](const std::string& text) { return text.empty(); });
}

std::string StopFilter::push(std::string_view text) {
    if (found_) {
        return {};
    }
    pending_ += text;
    size_t best_end = std::string::npos;
    size_t best_begin = 0;
    for (const std::string& stop : stop_texts_) {
        const size_t begin = pending_.find(stop);
        if (begin == std::string::npos) {
            continue;
        }
        const size_t end = begin + stop.size();
        if (end < best_end || (end == best_end && begin < best_begin)) {
            best_end = end;
            best_begin = begin;
        }
    }
    found_ = best_end != std::string::npos;
    const size_t n_shown = found_ ? best_begin : pending_.size() - held_back();
    std::string shown = pending_.substr(0, n_shown);
    pending_.erase(0, found_ ? pending_.size() : n_shown);
    return shown;
}

std::string StopFilter::flush() {
    return std::exchange(pending_, {});
}

/// Bytes at the end of pending_ that begin a stop text.
size_t StopFilter::held_back() const {
    size_t longest = 0;
    for (const std::string& stop : stop_texts_) {
        for (size_t n = std::min(stop.size() - 1, pending_.size()); n > longest; --n) {
            if (std::string_view(pending_).ends_with(std::string_view(stop).substr(0, n))) {
                longest = n;
                break;
            }
        }
    }
    return longest;
}

}  // namespace app
