// What lies over the panes: errors, the open dialog, shortcuts.
#include <algorithm>
#include <array>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <system_error>

#include "app/ui/panels/panels.h"
#include "app/ui/text_field.h"

namespace app::ui {

float draw_trouble(Panel& p, const Rect& r) {
    if (!p.state.trouble) {
        return 0;
    }
    Gui& gui = p.gui;
    const Trouble& t = *p.state.trouble;
    const float w = std::min(r.w - gui.px(32), gui.px(720));
    const TextStyle message{Face::medium, 14, Color::text};
    const float text_w = w - gui.px(64);
    const float h1 = gui.paragraph(message, 0, 0, text_w, 20, t.message, true);
    const float h2 =
        t.hint.empty() ? 0 : gui.paragraph(type::kNote, 0, 0, text_w, 18, t.hint, true);
    const Rect card{std::round(r.cx() - w / 2), r.y + gui.px(12), w,
                    std::round(h1 + h2 + gui.px(70))};
    gui.card(card, Color::card, Color::edge, 10);
    gui.fill({card.x, card.y + gui.px(10), gui.px(3), card.h - gui.px(20)}, Color::error, 1.5f);
    gui.icon(Icon::warning, card.x + gui.px(26), card.y + gui.px(24), 16, Color::error);
    const float x = card.x + gui.px(46);
    gui.paragraph(message, x, card.y + gui.px(14), text_w, 20, t.message);
    gui.paragraph(type::kNote, x, card.y + gui.px(18) + h1, text_w, 18, t.hint);
    const float cy = card.bottom() - gui.px(26);
    Rect taken{0, 0, 0, 0};
    button_at(gui, "trouble.copy", x, cy, "Copy", {Look::outline, Icon::copy}, &taken);
    if (ImGui::IsItemClicked() || ImGui::IsItemActivated()) {
        ImGui::SetClipboardText((t.message + "\n" + t.hint).c_str());
        p.view.say("Copied");
    }
    if (!p.state.ready() && !p.state.loading() &&
        button_at(gui, "trouble.shipped", taken.right() + gui.px(8), cy, "Open the shipped model",
                  {Look::outline}, &taken)) {
        p.later([path = std::string(), device = p.view.device, n = p.state.n_ctx](UiState& s) {
            s.open_model(path, device, n);
        });
        return card.h;
    }
    if (button_at(gui, "trouble.open", taken.right() + gui.px(8), cy, "Open a model…",
                  {Look::outline, Icon::folder}, &taken)) {
        p.view.show_open = true;
    }
    const float height = card.bottom() - r.y + gui.px(8);
    if (icon_button(gui, "trouble.close", card.right() - gui.px(22), card.y + gui.px(22),
                    Icon::close, "Close this message")) {
        p.state.trouble.reset();
    }
    return height;
}

namespace {

struct Shortcut {
    std::string_view keys, what;
};
constexpr std::array<Shortcut, 26> kShortcuts = {{
    {"Enter", "send the message"},
    {"Shift Enter", "new line"},
    {"Esc", "stop, follow again, close"},
    {"Ctrl N", "new chat"},
    {"Ctrl B", "list of chats"},
    {"Ctrl F", "search all chats"},
    {"Ctrl [ ]", "previous, next chat"},
    {"Shift F2", "rename the chat"},
    {"Ctrl Shift D", "delete the chat"},
    {"Ctrl O", "open a model"},
    {"Ctrl R", "write another answer"},
    {"Ctrl Shift C", "copy the last answer"},
    {"F2", "show or hide the inspector"},
    {"1 2 3 4", "inspector tabs"},
    {"← →", "previous, next token"},
    {"Home End", "first, last token"},
    {"↑ ↓", "layer"},
    {"[ ]", "head"},
    {"B", "branch with the opened token"},
    {"G", "BOS: raw, gutter, renormalised"},
    {"+ − 0", "zoom the matrix, show it whole"},
    {"/", "find a token in the vocabulary"},
    {"Ctrl + Ctrl − Ctrl 0", "text size"},
    {"Tab", "next control"},
    {"F1", "this list"},
    {"Ctrl Q", "quit"},
}};

constexpr ImGuiWindowFlags kDialog = ImGuiWindowFlags_NoTitleBar | ImGuiWindowFlags_NoResize |
                                     ImGuiWindowFlags_NoMove | ImGuiWindowFlags_NoSavedSettings;

}  // namespace

bool begin_dialog(Gui& gui, const char* name) {
    ImGui::PushStyleVar(ImGuiStyleVar_WindowPadding, {gui.px(24), gui.px(20)});
    ImGui::PushStyleVar(ImGuiStyleVar_PopupRounding, gui.px(12));
    ImGui::PushStyleVar(ImGuiStyleVar_WindowRounding, gui.px(12));
    const bool open = ImGui::BeginPopupModal(name, nullptr, kDialog);
    if (!open) {
        ImGui::PopStyleVar(3);
    }
    return open;
}

void end_dialog() {
    ImGui::EndPopup();
    ImGui::PopStyleVar(3);
}

void draw_shortcuts(Panel& p) {
    Gui& gui = p.gui;
    if (p.view.show_shortcuts) {
        ImGui::OpenPopup("shortcuts");
        p.view.show_shortcuts = false;
    }
    const ImVec2 size = ImGui::GetIO().DisplaySize;
    const float row = gui.px(28);
    const float wanted_h = gui.px(72) + row * float((kShortcuts.size() + 1) / 2);
    const ImVec2 dialog{std::min(gui.px(760), size.x - gui.px(16)),
                        std::min(wanted_h + gui.px(40), size.y - gui.px(16))};
    ImGui::SetNextWindowPos({size.x / 2, size.y / 2}, ImGuiCond_Always, {0.5f, 0.5f});
    ImGui::SetNextWindowSize(dialog);
    if (begin_dialog(gui, "shortcuts")) {
        const ImVec2 at = ImGui::GetCursorScreenPos();
        const float w = ImGui::GetContentRegionAvail().x;
        gui.scrolls = true;
        gui.text({Face::semibold, 16, Color::text}, at.x, at.y + gui.px(10), "Keyboard shortcuts");
        const bool two = w > gui.px(560);
        const size_t per = two ? (kShortcuts.size() + 1) / 2 : kShortcuts.size();
        float bottom = at.y;
        for (size_t i = 0; i < kShortcuts.size(); ++i) {
            const float x = at.x + float(i / per) * (w / 2 + gui.px(8));
            const float cy = at.y + gui.px(50) + float(i % per) * row;
            key_cap(gui, x, cy, kShortcuts[i].keys);
            const float text_x = x + gui.px(two ? 128 : 140);
            gui.text_fit(type::kNote, text_x, cy,
                         (two ? x + w / 2 - gui.px(16) : at.x + w) - text_x, kShortcuts[i].what);
            bottom = std::max(bottom, cy + row / 2);
        }
        ImGui::SetCursorScreenPos(at);
        ImGui::Dummy({1, bottom - at.y});
        if (icon_button(gui, "shortcuts.close", at.x + w - gui.px(12), at.y + gui.px(10),
                        Icon::close, "Close (Esc)") ||
            ImGui::IsKeyPressed(ImGuiKey_Escape) || ImGui::IsKeyPressed(ImGuiKey_F1, false)) {
            ImGui::CloseCurrentPopup();
        }
        gui.scrolls = false;
        end_dialog();
    }
}

namespace {

std::string expand_home(const std::string& path) {
    const char* home = std::getenv("HOME");
    return home != nullptr && path.compare(0, 2, "~/") == 0 ? home + path.substr(1) : path;
}

/// Opens it when there is something to open; else says what is wrong.
bool open_path(Panel& p, const std::string& typed) {
    std::string path = expand_home(typed);
    const size_t end = path.find_last_not_of(" \t\r\n");
    path.resize(end == std::string::npos ? 0 : end + 1);
    std::error_code error;
    if (path.empty() || !std::filesystem::exists(path, error)) {
        p.view.path_problem = path.empty()
                                  ? "Type or paste the path of a .gguf file or a model folder."
                                  : "There is no such file or folder.";
        return false;
    }
    p.view.path_problem.clear();
    p.later([path = std::string(path), device = p.view.device, n = p.state.n_ctx](UiState& s) {
        s.open_model(path, device, n);
    });
    return true;
}

}  // namespace

void draw_open_dialog(Panel& p) {
    Gui& gui = p.gui;
    bool focus = false;
    if (p.view.show_open) {
        ImGui::OpenPopup("open");
        p.view.show_open = false;
        p.view.path_problem.clear();
        focus = true;
    }
    const ImVec2 size = ImGui::GetIO().DisplaySize;
    ImGui::SetNextWindowPos({size.x / 2, size.y * 0.4f}, ImGuiCond_Always, {0.5f, 0.5f});
    ImGui::SetNextWindowSize({std::min(gui.px(560), size.x - gui.px(16)), gui.px(206)});
    if (begin_dialog(gui, "open")) {
        const ImVec2 at = ImGui::GetCursorScreenPos();
        const float w = ImGui::GetContentRegionAvail().x;
        gui.text({Face::semibold, 16, Color::text}, at.x, at.y + gui.px(10), "Open a model");
        gui.text_fit(
            type::kNote, at.x, at.y + gui.px(38), w,
            "Path of a .gguf file or a Hugging Face folder. Dropping it on the window works too.");
        const Rect field{at.x, std::round(at.y + gui.px(56)), w, std::round(gui.px(34))};
        bool go = line_field(gui, "open.path", field, p.view.path_field, "/path/to/model.gguf",
                             gui.px(12), focus);
        if (!p.view.path_problem.empty()) {
            gui.icon(Icon::warning, at.x + gui.px(8), at.y + gui.px(108), 14, Color::error);
            gui.text_fit(with(type::kNote, Color::error), at.x + gui.px(22), at.y + gui.px(108),
                         w - gui.px(22), p.view.path_problem);
        }
        const float cy = at.y + gui.px(144);
        const ButtonOptions primary{Look::primary};
        const float open_w = button_width(gui, "Open", primary);
        Rect taken;
        go |= button_at(gui, "open.go", at.x + w - open_w, cy, "Open", primary, &taken);
        const ButtonOptions quiet{Look::quiet};
        const float cancel_w = button_width(gui, "Cancel", quiet);
        const bool cancel =
            button_at(gui, "open.cancel", taken.x - gui.px(8) - cancel_w, cy, "Cancel", quiet) ||
            ImGui::IsKeyPressed(ImGuiKey_Escape);
        if ((go && open_path(p, p.view.path_field)) || cancel) {
            ImGui::CloseCurrentPopup();
        }
        end_dialog();
    }
}

}  // namespace app::ui
