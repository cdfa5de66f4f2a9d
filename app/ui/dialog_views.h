// What the dialogs over the panes keep while they are open.
#pragma once

#include <optional>
#include <string>

#include "app/ui/text/field_text.h"

namespace app::ui {

struct PaletteView {
    bool open = false;  // wanted with the next frame
    std::string query;
    int chosen = 0;
    bool focus = false;
};

struct SettingsView {
    bool open = false;
    std::string query;
    bool focus = false;
};

struct RecordView {
    bool show = false;  // opens the dialog
    std::string path;
};

/// The dialog a text is pasted into, to be read and scored.
struct TextDialogView {
    bool open = false;
    FieldText text;
    std::string path, problem;
};

struct PresetsView {
    std::string anchor_to;  // id of the widget that the menu stands above; empty: the button
    std::string name;       // of the preset to be saved
    std::optional<size_t> renaming;  // index
    std::string new_name;
    bool focus = false;
};

}  // namespace app::ui
