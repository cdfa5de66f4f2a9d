// FieldText: what a text field that wraps keeps between frames; see text_field.h.
#pragma once

#include <cstdint>
#include <string>

namespace app::ui {

struct FieldText {
    /// What soft breaks depend on.
    struct Wrapped {
        float width = 0, scale = 0;  // 0: of no text
        uint64_t fonts = 0;
        bool operator==(const Wrapped&) const = default;
    };
    std::string buffer;  // with soft breaks
    Wrapped wrapped;     // how, where all of them are in place
    bool take_focus = false;
    bool active = false;        // it had the keyboard in the frame before
    int coming = 0;             // frames in which the keyboard, asked for, may still be on its way
    bool caret_to_end = false;  // once it has the keyboard
    bool in_dialog = false;     // it is part of one, and may take the keyboard while that is open
};

}  // namespace app::ui
