// TextSelection: the part of one message's text that is marked, to be copied. Pure: bytes of a text
// in UTF-8, no drawing.
#pragma once

#include <cstdint>
#include <string_view>

#include "app/ui/state/conversation.h"
#include "app/ui/text/text_layout.h"

namespace app::ui {

enum class SelectBy : uint8_t { character, word, paragraph };

/// The word (or the run of spaces or signs) around a byte.
TextRange word_around(std::string_view text, uint32_t at);
/// The line of text around a byte; empty lines and ends of lines are what separates.
TextRange paragraph_around(std::string_view text, uint32_t at);

class TextSelection {
public:
    /// A press of the button: the message, the place, and how often it was pressed in a row.
    void press(NodeId node, std::string_view text, uint32_t at, int clicks);
    /// The pointer with the button held.
    void drag(std::string_view text, uint32_t at);
    void select_all(NodeId node, std::string_view text);
    void clear() { *this = {}; }

    NodeId node() const { return node_; }
    TextRange range() const { return range_; }
    bool empty() const { return node_ == kNoNode || range_.empty(); }

private:
    TextRange unit(std::string_view text, uint32_t at) const;

    NodeId node_ = kNoNode;
    SelectBy by_ = SelectBy::character;
    TextRange anchor_, range_;
};

}  // namespace app::ui
