// StopFilter: ends an answer at a stop text, and never lets a part of one be seen.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace app {

/// Text that may be the beginning of a stop text is held back until it is known not to be one. The
/// stop text that is complete first ends the answer; of several that end there, the longest.
class StopFilter {
public:
    /// Empty texts are ignored.
    explicit StopFilter(std::vector<std::string> stop_texts);

    /// Text that may be shown now. After found(): nothing more.
    std::string push(std::string_view text);
    /// What was held back, at the end of an answer that no stop text ended.
    std::string flush();
    bool found() const { return found_; }

private:
    size_t held_back() const;

    std::vector<std::string> stop_texts_;
    std::string pending_;
    bool found_ = false;
};

}  // namespace app
