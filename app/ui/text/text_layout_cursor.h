// Shared by the files that make a TextLayout: where the next line goes, how a run looks.
#pragma once

#include "app/ui/text/text_layout.h"

namespace app::ui {

struct TextLayout::Cursor {
    float y = 0;  // top of the current line
    float x = 0, left = 0, right = 0;
    float line_height = 24, line_size = 16;
    float narrow = 0;  // the first line ends this much earlier
    bool in_line = false;
    int table = -1;
    bool card = false;  // inside a code card: no fill behind the words
};

TextStyle run_style(const Block& block, const Run& run);

}  // namespace app::ui
