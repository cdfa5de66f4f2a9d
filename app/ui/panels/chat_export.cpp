// The dialog that saves a chat as a file.
#include <algorithm>
#include <cmath>
#include <utility>

#include "app/chats/chat_export.h"
#include "app/home_folder.h"
#include "app/ui/panels/panels.h"
#include "app/ui/text/text_field.h"

namespace app::ui {

namespace {

/// Named after the chat.
std::string suggested_path(const Panel& p) {
    return proposed_folder() + "/" + chat_file_name(p.state.chat().title()) +
           (p.view.chat_list.export_json ? ".json" : ".md");
}

void set_format(Panel& p, bool as_json) {
    ChatListView& v = p.view.chat_list;
    if (v.export_json != as_json) {
        const std::string from = v.export_json ? ".json" : ".md", to = as_json ? ".json" : ".md";
        v.export_json = as_json;
        if (v.export_path.ends_with(from)) {
            v.export_path.replace(v.export_path.size() - from.size(), from.size(), to);
        }
    }
}

}  // namespace

void draw_chat_export_dialog(Panel& p) {
    Gui& gui = p.gui;
    ChatListView& v = p.view.chat_list;
    const bool here = p.state.chat().info.content == ChatContent::here && !p.state.chat().empty();
    bool focus = false;
    if (v.show_export && here) {
        v.show_export = false;
        ImGui::OpenPopup("save chat");
        v.export_path = suggested_path(p);
        focus = true;
    }
    const ImVec2 size = ImGui::GetIO().DisplaySize;
    ImGui::SetNextWindowPos({size.x / 2, size.y * 0.4f}, ImGuiCond_Always, {0.5f, 0.5f});
    ImGui::SetNextWindowSize({std::min(gui.px(560), size.x - gui.px(16)), gui.px(194)});
    if (!begin_dialog(gui, "save chat")) {
        return;
    }
    const ImVec2 at = ImGui::GetCursorScreenPos();
    const float w = ImGui::GetContentRegionAvail().x;
    gui.text({Face::semibold, 16, Color::text}, at.x, at.y + gui.px(10),
             "Save this chat as a file");
    constexpr std::string_view kFormats[] = {"Markdown", "JSON"};
    const int chosen = segmented(gui, "save_chat.format", at.x + w, at.y + gui.px(10), kFormats,
                                 v.export_json ? 1 : 0);
    if (chosen >= 0) {
        set_format(p, chosen == 1);
    }
    gui.text_fit(type::kNote, at.x, at.y + gui.px(44), w,
                 v.export_json ? "All branches, to be brought back by dropping it on the window; "
                                 "without probabilities."
                               : "The messages that are visible now, to be read.");
    const Rect field{at.x, std::round(at.y + gui.px(62)), w, std::round(gui.px(34))};
    bool go = line_field(gui, "save_chat.path", field, v.export_path, "/path/to/chat.md",
                         gui.px(12), focus);
    go |= enter_presses_primary();
    const float cy = at.y + gui.px(132);
    const ButtonOptions primary{Look::primary}, quiet{Look::quiet};
    Rect taken;
    const float save_w = button_width(gui, "Save", primary);
    go |= button_at(gui, "save_chat.go", at.x + w - save_w, cy, "Save", primary, &taken);
    const float cancel_w = button_width(gui, "Cancel", quiet);
    const bool cancel =
        button_at(gui, "save_chat.cancel", taken.x - gui.px(8) - cancel_w, cy, "Cancel", quiet) ||
        ImGui::IsKeyPressed(ImGuiKey_Escape);
    if (go && !v.export_path.empty()) {
        p.later([path = v.export_path, as_json = v.export_json](UiState& s) {
            s.export_chat(path, as_json);
        });
    }
    if ((go && !v.export_path.empty()) || cancel) {
        ImGui::CloseCurrentPopup();
    }
    end_dialog();
}

}  // namespace app::ui
