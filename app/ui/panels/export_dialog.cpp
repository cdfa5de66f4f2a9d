// The dialog that writes one view of the inspector to a file.
#include <algorithm>
#include <array>
#include <cmath>
#include <filesystem>

#include <fmt/format.h>

#include "app/home_folder.h"
#include "app/output_file.h"
#include "app/ui/panels/panels.h"
#include "app/ui/text/text_field.h"
#include "app/ui/view_data.h"

namespace app::ui {

namespace {

constexpr std::array<std::string_view, 5> kViewNames = {"Matrix", "Heads", "Tokens", "Next token",
                                                        "Layers"};
constexpr std::array<std::string_view, 6> kFormats = {"PNG", "SVG", "CSV", "JSON", "NPZ", "HTML"};
constexpr int kPng = 0, kSvg = 1, kHtml = 5;
constexpr std::array<const char*, 6> kEndings = {".png", ".svg", ".csv", ".json", ".npz", ".html"};

/// The path with the chosen format's ending.
void match_ending(ExportView& e) {
    for (const char* ending : kEndings) {
        if (e.path.ends_with(ending)) {
            e.path.resize(e.path.size() - std::string_view(ending).size());
            break;
        }
    }
    e.path += kEndings[size_t(e.format)];
}

/// A name for the view and the format under which nothing lies yet.
void propose(ExportView& e) {
    std::error_code error;
    const std::string base = e.folder + "/lapidary-" + std::string(kExportViews[size_t(e.view)]);
    e.path = base;
    match_ending(e);
    for (int i = 2; std::filesystem::exists(e.path, error); ++i) {
        e.path = base + "-" + std::to_string(i);
        match_ending(e);
    }
    e.proposed = e.path;
}

/// After another view or format was chosen.
void follow_choice(ExportView& e) {
    if (e.path == e.proposed) {
        propose(e);
    } else {
        match_ending(e);
    }
}

/// Where it is written: a bare name lies in the proposed folder, a name without one of the endings
/// gets the chosen format's.
void complete_path(ExportView& e) {
    e.path = trimmed(e.path);
    const std::filesystem::path typed(e.path);
    if (typed.filename().empty()) {
        return;  // a folder: writing says so
    }
    if (!typed.has_parent_path()) {
        e.path = (std::filesystem::path(e.folder) / typed).string();
    }
    if (!typed.has_extension()) {
        e.path += kEndings[size_t(e.format)];
    }
}

void open_dialog(Panel& p) {
    ExportView& e = p.view.exporting;
    e.show = false;
    e.problem.clear();
    const int wanted = p.view.tab == Tab::next_token ? 3 : p.view.tab == Tab::layers ? 4 : 0;
    e.view = wanted;
    const std::string before = std::filesystem::path(e.path).parent_path().string();
    e.folder = before.empty() ? proposed_folder() : before;
    propose(e);
    ImGui::OpenPopup("export");
}

/// True when the file is there.
bool write(Panel& p) {
    ExportView& e = p.view.exporting;
    ViewExport data = view_data(p.state, kExportViews[size_t(e.view)]);
    data.dark = e.theme == 1;
    if (data.empty()) {
        e.problem = "This view has no data now: nothing was captured.";
        return false;
    }
    complete_path(e);
    // The world's errors are values in the window's thread.
    const std::string why =
        try_write_export(data, ExportFormat(e.format), e.path, uint32_t(e.scale) + 1);
    e.problem = why;
    if (why.empty()) {
        p.view.say("Written to " + one_line(e.path, 400));
    }
    return why.empty();
}

}  // namespace

void draw_export_dialog(Panel& p) {
    Gui& gui = p.gui;
    ExportView& e = p.view.exporting;
    bool focus = false;
    if (e.show) {
        open_dialog(p);
        focus = true;
    }
    const ImVec2 size = ImGui::GetIO().DisplaySize;
    ImGui::SetNextWindowPos({size.x / 2, size.y * 0.4f}, ImGuiCond_Always, {0.5f, 0.5f});
    ImGui::SetNextWindowSize({std::min(gui.px(560), size.x - gui.px(16)), gui.px(328)});
    if (!begin_dialog(gui, "export")) {
        return;
    }
    const ImVec2 at = ImGui::GetCursorScreenPos();
    const float w = ImGui::GetContentRegionAvail().x;
    gui.text({Face::semibold, 16, Color::text}, at.x, at.y + gui.px(10), "Export a view");
    const auto row = [&](const char* label, float y) {
        gui.text(with(type::kControl, Color::text2), at.x, at.y + gui.px(y), label);
        return at.y + gui.px(y);
    };
    if (const int v = segmented(gui, "export.view", at.x + w, row("View", 50), kViewNames, e.view);
        v >= 0) {
        e.view = v;
        follow_choice(e);
    }
    if (const int f =
            segmented(gui, "export.format", at.x + w, row("Format", 88), kFormats, e.format);
        f >= 0) {
        e.format = f;
        follow_choice(e);
    }
    constexpr std::array<std::string_view, 2> kScales = {"1x", "2x"};
    if (e.format == kPng) {
        if (const int s =
                segmented(gui, "export.scale", at.x + w, row("Pixels", 126), kScales, e.scale);
            s >= 0) {
            e.scale = s;
        }
    }
    constexpr std::array<std::string_view, 2> kThemes = {"light", "dark"};
    if (e.format == kPng || e.format == kSvg || e.format == kHtml) {
        if (const int t =
                segmented(gui, "export.theme", at.x + w, row("Colours", 164), kThemes, e.theme);
            t >= 0) {
            e.theme = t;
        }
    }
    const Rect field{at.x, std::round(at.y + gui.px(186)), w, std::round(gui.px(34))};
    bool go = line_field(gui, "export.path", field, e.path, "/path/to/file", gui.px(12), focus);
    if (!e.problem.empty()) {
        gui.icon(Icon::warning, at.x + gui.px(8), at.y + gui.px(238), 14, Color::error);
        gui.text_fit(with(type::kNote, Color::error), at.x + gui.px(22), at.y + gui.px(238),
                     w - gui.px(22), e.problem);
    }
    go |= enter_presses_primary();
    const float cy = at.y + gui.px(270);
    const ButtonOptions primary{Look::primary};
    Rect taken;
    go |= button_at(gui, "export.go", at.x + w - button_width(gui, "Export", primary), cy, "Export",
                    primary, &taken);
    const ButtonOptions quiet{Look::quiet};
    const bool cancel =
        button_at(gui, "export.cancel", taken.x - gui.px(8) - button_width(gui, "Cancel", quiet),
                  cy, "Cancel", quiet) ||
        ImGui::IsKeyPressed(ImGuiKey_Escape);
    if ((go && write(p)) || cancel) {
        ImGui::CloseCurrentPopup();
    }
    end_dialog();
}

}  // namespace app::ui
