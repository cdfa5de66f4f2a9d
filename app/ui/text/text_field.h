// A text field that wraps its lines. Dear ImGui's multi-line field does not, so soft breaks are
// kept in the buffer as "\r\n": the carriage return is never drawn, and typed line breaks are "\n"
// alone.
#pragma once

#include <string>
#include <string_view>

#include "app/ui/view.h"

namespace app::ui {

/// What was typed: without the soft breaks.
std::string typed_text(const FieldText& field);
void set_text(FieldText& field, std::string_view text);
/// Puts the characters typed in this frame behind the text, the caret behind them; false: none.
bool append_typed(FieldText& field);
/// Lines that the text takes, for the height of the field.
int line_count(const FieldText& field);

struct FieldResult {
    bool submitted = false;  // Enter (Shift+Enter makes a new line)
    bool cancelled = false;  // Escape
    bool focused = false;
};
/// enter_sends false: Enter makes a new line and Ctrl+Enter submits.
FieldResult text_field(Gui& gui, std::string_view id, const Rect& r, FieldText& field,
                       std::string_view placeholder, bool enter_sends = true);
/// One line, stock field in our clothes.
bool line_field(Gui& gui, std::string_view id, const Rect& r, std::string& text,
                std::string_view placeholder, float text_left, bool take_focus = false);

}  // namespace app::ui
