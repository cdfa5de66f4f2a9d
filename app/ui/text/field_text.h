// FieldText: what a text field that wraps keeps between frames; see text_field.h.
#pragma once

#include <string>

namespace app::ui {

struct FieldText {
    std::string buffer;  // with soft breaks
    bool take_focus = false;
    bool caret_to_end = false;  // once it has the keyboard
    bool in_dialog = false;     // it is part of one, and may take the keyboard while that is open
};

}  // namespace app::ui
