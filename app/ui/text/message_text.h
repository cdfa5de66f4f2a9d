// MessageText: one message's text, parsed and laid out, kept from frame to frame. While the text
// only grows, what stands before its last block is neither parsed nor laid out again.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "app/ui/text/text_layout.h"

namespace app::ui {

struct MessageShape {
    float width = 0, wide = 0;  // pixels: of prose; of code and tables
    bool markdown = true;       // false: plain text
    bool growing = false;       // an answer that is being written
};

class MessageText {
public:
    /// True when something changed.
    bool update(const Gui& gui, std::string_view text, const MessageShape& shape);

    TextLayout& layout() { return layout_; }
    const TextLayout& layout() const { return layout_; }
    const std::string& source() const { return source_; }
    /// The source that a part of the layout's text stands for, with the marks around whole runs and
    /// blocks.
    std::string markdown_of(TextRange range) const;
    /// Bytes given to the parser so far, for tests and the benchmark.
    uint64_t parsed_bytes() const { return parsed_bytes_; }

private:
    void parse_all();
    void parse_tail(const Gui& gui);

    std::string source_;
    MessageShape shape_;
    float scale_ = 0;
    uint64_t fonts_ = 0;
    std::vector<Block> blocks_;
    size_t stable_end_ = 0;     // of the source: what comes before is parsed for good
    size_t stable_blocks_ = 0;  // and these are its blocks
    int stable_quotes_ = 0;     // numbers of quotes that they use
    uint64_t parsed_bytes_ = 0;
    TextLayout layout_;
};

}  // namespace app::ui
