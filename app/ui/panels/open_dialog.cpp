// The dialog that opens a model or a recording: a path, and what is on this computer already.
#include <algorithm>
#include <cmath>
#include <filesystem>
#include <system_error>

#include <fmt/format.h>

#include "app/home_folder.h"
#include "app/ui/panels/panels.h"
#include "app/ui/text/text_field.h"

namespace app::ui {

namespace {

// Stands where a problem would, but is none.
constexpr std::string_view kLooking = "Looking through this folder, too.";

/// A folder that is no model itself is looked through, now and in later sessions.
bool add_folder(Panel& p, const std::string& path) {
    std::error_code error;
    if (p.view.models.library == nullptr || !std::filesystem::is_directory(path, error) ||
        std::filesystem::exists(path + "/config.json", error)) {
        return false;
    }
    std::vector<std::string>& folders = p.view.config.model_folders;
    const std::string whole = std::filesystem::absolute(path, error).string();
    if (std::ranges::count(folders, whole) == 0) {
        folders.push_back(whole);
    }
    p.view.models.library->search(folders);
    p.view.path_problem = kLooking;
    return true;
}

/// True when something is being opened; else what is wrong is said.
bool open_path(Panel& p, const std::string& typed) {
    std::string path = expand_home(typed);
    const size_t end = path.find_last_not_of(" \t\r\n");
    path.resize(end == std::string::npos ? 0 : end + 1);
    std::error_code error;
    if (path.empty() || !std::filesystem::exists(path, error)) {
        p.view.path_problem =
            path.empty() ? "Type or paste the path of a .gguf file, a model folder or a recording."
                         : "There is no such file or folder.";
        return false;
    }
    if (add_folder(p, path)) {
        return false;
    }
    p.view.path_problem.clear();
    open_model_at(p, path);
    return true;
}

constexpr float kRow = 50;

void draw_folders(Panel& p, float x, float cy, float w) {
    Gui& gui = p.gui;
    const LibraryFacts& facts = p.view.models.facts();
    std::string note = facts.searching ? "looking…" : "";
    if (!facts.searching && p.view.models.n_foreign() > 0) {
        note = fmt::format("{} of other families are not listed", p.view.models.n_foreign());
    }
    if (!facts.searching && !facts.problem.empty()) {
        note = "Not finished: " + one_line(facts.problem, 60);
    }
    gui.text(with(type::kTitle, Color::text2), x, cy, "On this computer");
    gui.text_right(type::kNote, x + w - gui.px(34), cy, note);
    if (icon_button(gui, "open.search", x + w - gui.px(12), cy, Icon::refresh, "Look again",
                    !facts.searching, 24)) {
        p.view.models.library->search(p.view.config.model_folders);
    }
}

/// True when one was opened.
bool draw_found(Panel& p, const Rect& r) {
    Gui& gui = p.gui;
    bool opened = false;
    ImGui::SetCursorScreenPos({r.x, r.y});
    if (ImGui::BeginChild("open.list", {r.w, r.h}, ImGuiChildFlags_None)) {
        gui.scrolls = true;
        const std::vector<ModelsView::Row>& rows = p.view.models.rows(p.view.device);
        const ImVec2 at = ImGui::GetCursorScreenPos();
        const float w = ImGui::GetContentRegionAvail().x - gui.px(4);
        if (rows.empty()) {
            gui.paragraph(type::kNote, at.x, at.y + gui.px(6), w, 18,
                          "Nothing was found in the folders of Hugging Face, Ollama, LM Studio and "
                          "llama.cpp. Type a folder above to look through it, too.");
        }
        for (size_t i = 0; i < rows.size(); ++i) {
            const Rect row{at.x, std::round(at.y + gui.px(kRow) * float(i)), w,
                           std::round(gui.px(kRow - 6))};
            opened |= draw_model_row(p, fmt::format("open.found.{}", i), row, rows[i]);
        }
        ImGui::SetCursorScreenPos(at);
        ImGui::Dummy({1, gui.px(kRow) * float(std::max<size_t>(rows.size(), 1))});
        gui.scrolls = false;
    }
    ImGui::EndChild();
    return opened;
}

}  // namespace

void open_model_at(Panel& p, const std::string& path) {
    p.later([path, device = p.view.device, n = p.state.n_ctx](UiState& s) {
        s.open_model(path, device, n);
    });
}

bool draw_model_row(Panel& p, const std::string& id, const Rect& row, const ModelsView::Row& m) {
    Gui& gui = p.gui;
    gui.fill(row, gui.theme().dark ? Color::hover : Color::hover, 10);
    gui.gem(row.x + gui.px(24), row.cy(), 18);
    const bool is_open = p.state.model && p.state.model->path == m.path;
    const std::string label = is_open ? "Open now" : "Open";
    const ButtonOptions look{
        Look::outline, Icon::none, {}, m.path, m.can_open && !is_open && !p.state.loading()};
    const float right = row.right() - gui.px(10) - button_width(gui, label, look);
    const float x = row.x + gui.px(44), w = right - x - gui.px(12);
    gui.text_fit({Face::medium, 14, m.can_open ? Color::text : Color::text3}, x,
                 row.cy() - gui.px(9), w, m.name);
    const std::string note = m.room.empty() ? m.facts : m.facts + ", " + m.room;
    gui.text_fit(with(type::kNote, m.fits ? Color::text2 : Color::row_text), x,
                 row.cy() + gui.px(10), w, note);
    const bool clicked = button_at(gui, id, right, row.cy(), label, look);
    if (clicked) {
        open_model_at(p, m.path);
    }
    return clicked;
}

void draw_open_dialog(Panel& p) {
    Gui& gui = p.gui;
    bool focus = false;
    if (p.view.show_open) {
        ImGui::OpenPopup("open");
        p.view.show_open = false;
        p.view.path_problem.clear();
        focus = true;
    }
    const bool lists = p.view.models.library != nullptr;
    const ImVec2 size = ImGui::GetIO().DisplaySize;
    const float height = std::min(gui.px(lists ? 500 : 206), size.y - gui.px(16));
    ImGui::SetNextWindowPos({size.x / 2, size.y * (lists ? 0.5f : 0.4f)}, ImGuiCond_Always,
                            {0.5f, 0.5f});
    ImGui::SetNextWindowSize({std::min(gui.px(560), size.x - gui.px(16)), height});
    if (!begin_dialog(gui, "open")) {
        return;
    }
    const ImVec2 at = ImGui::GetCursorScreenPos();
    const float w = ImGui::GetContentRegionAvail().x;
    gui.text({Face::semibold, 16, Color::text}, at.x, at.y + gui.px(10),
             "Open a model or a recording");
    gui.text_choice(type::kNote, at.x, at.y + gui.px(38), w,
                    {"Path of a .gguf file, a Hugging Face folder, a recording (.lapidary), or a "
                     "folder to look through.",
                     "A .gguf file, a .lapidary recording, or a folder"});
    const Rect field{at.x, std::round(at.y + gui.px(56)), w, std::round(gui.px(34))};
    bool go = line_field(gui, "open.path", field, p.view.path_field,
                         "/path/to/model.gguf or talk.lapidary", gui.px(12), focus);
    if (!p.view.path_problem.empty()) {
        const bool wrong = p.view.path_problem != kLooking;
        gui.icon(wrong ? Icon::warning : Icon::info, at.x + gui.px(8), at.y + gui.px(108), 14,
                 wrong ? Color::error : Color::text2);
        gui.text_fit(with(type::kNote, wrong ? Color::error : Color::text2), at.x + gui.px(22),
                     at.y + gui.px(108), w - gui.px(22), p.view.path_problem);
    }
    go |= enter_presses_primary();
    bool opened = false;
    if (lists) {
        draw_folders(p, at.x, at.y + gui.px(136), w);
        const float top = at.y + gui.px(156), bottom = at.y + height - gui.px(92);
        opened = bottom > top && draw_found(p, {at.x, top, w, bottom - top});
    }
    const float cy = at.y + height - gui.px(62);
    const ButtonOptions primary{Look::primary};
    const float open_w = button_width(gui, "Open", primary);
    Rect taken;
    go |= button_at(gui, "open.go", at.x + w - open_w, cy, "Open", primary, &taken);
    const ButtonOptions quiet{Look::quiet};
    const float cancel_w = button_width(gui, "Cancel", quiet);
    const bool cancel =
        button_at(gui, "open.cancel", taken.x - gui.px(8) - cancel_w, cy, "Cancel", quiet) ||
        ImGui::IsKeyPressed(ImGuiKey_Escape);
    if ((go && open_path(p, p.view.path_field)) || cancel || opened) {
        ImGui::CloseCurrentPopup();
    }
    end_dialog();
}

}  // namespace app::ui
