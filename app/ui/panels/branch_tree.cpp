// All branches of the chat side by side: one row each, in as many columns as it takes to have every
// one of them on the screen, so that any is one click away.
#include <algorithm>
#include <cmath>
#include <utility>

#include <fmt/format.h>

#include "app/ui/actions.h"
#include "app/ui/state/branch_tree.h"

namespace app::ui {

namespace {

constexpr float kRowHeights[] = {30, 24, 19};  // the first that fits
constexpr float kMinColumn = 210;

struct Grid {
    float row = 0, column = 0;
    size_t rows = 1, columns = 1;
};

/// Nothing scrolls as long as there is a height at which everything fits.
Grid grid_of(const Gui& gui, size_t n, float w, float h) {
    Grid grid;
    const auto most = std::max<size_t>(1, size_t(w / gui.px(kMinColumn)));
    for (const float row : kRowHeights) {
        grid.row = std::round(gui.px(row));
        grid.rows = std::max<size_t>(1, size_t(h / grid.row));
        grid.columns = std::max<size_t>(1, (n + grid.rows - 1) / grid.rows);
        if (grid.columns <= most) {
            break;
        }
    }
    if (grid.columns > most) {  // the list scrolls
        grid.columns = most;
        grid.rows = (n + most - 1) / most;
    }
    grid.column = std::floor(w / float(grid.columns));
    return grid;
}

bool draw_row(Panel& p, const BranchRow& row, const Rect& r) {
    Gui& gui = p.gui;
    const Conversation& chat = p.state.chat();
    const Message& m = chat.at(row.id);
    const std::string label = branch_label(chat, row.id, 120);
    const Hit hit = gui.hit("branch." + std::to_string(row.id), r, "row", label, !p.state.busy());
    gui.tooltip(one_line(m.text, 300));
    const bool chosen = row.id == p.state.selection.branch;
    if (chosen || hit.hovered) {
        gui.fill(r, chosen ? Color::accent_bg : Color::hover, 6);
    }
    if (hit.focused) {
        gui.focus_ring(r, 6);
    }
    const float step = std::min(gui.px(14), r.w * 0.05f);
    const float x = r.x + gui.px(8) + step * float(std::min(row.depth, 8));
    for (int d = 0; d < std::min(row.depth, 8); ++d) {
        gui.vline(std::round(r.x + gui.px(13) + step * float(d)), r.y, r.h, Color::edge);
    }
    const bool user = m.role == model::Role::user;
    const Color c = row.shown ? Color::accent : Color::text3;
    gui.icon(user       ? Icon::chat
             : m.branch ? Icon::branch
             : m.edited ? Icon::pencil
                        : Icon::dot,
             x + gui.px(7), r.cy(), user || m.branch || m.edited ? 13.0f : 8.0f, c);
    const std::string count = user ? "" : thousands(m.tokens.size());
    const bool with_count = !user && !m.tokens.empty() && r.w > gui.px(260);
    const float right = with_count
                            ? gui.text_right(type::kValue, r.right() - gui.px(8), r.cy(), count)
                            : r.right() - gui.px(4);
    gui.text_fit({user ? Face::medium : Face::regular, 13, row.shown ? Color::text : Color::text2},
                 x + gui.px(20), r.cy(), right - x - gui.px(28), label);
    return hit.clicked;
}

/// True when one was chosen.
bool draw_rows(Panel& p, const std::vector<BranchRow>& rows, const Rect& r) {
    Gui& gui = p.gui;
    ImGui::SetCursorScreenPos({r.x, r.y});
    ImGui::BeginChild("branch rows", {r.w, r.h}, 0, ImGuiWindowFlags_NoBackground);
    const bool outer = std::exchange(gui.scrolls, true);
    const Grid grid = grid_of(gui, rows.size(), r.w, r.h);
    const float top = r.y - ImGui::GetScrollY();
    bool chosen = false;
    for (size_t i = 0; i < rows.size(); ++i) {
        const Rect at{std::round(r.x + grid.column * float(i / grid.rows)),
                      top + grid.row * float(i % grid.rows), grid.column - gui.px(8),
                      grid.row - gui.px(2)};
        if (at.bottom() < r.y || at.y > r.bottom()) {
            continue;
        }
        if (draw_row(p, rows[i], at)) {
            p.later([id = rows[i].id](UiState& s) { s.show_branch(id); });
            chosen = true;
        }
    }
    ImGui::SetCursorScreenPos({r.x, top});
    ImGui::Dummy({1, grid.row * float(std::min(grid.rows, rows.size()))});
    gui.scrolls = outer;
    ImGui::EndChild();
    return chosen;
}

}  // namespace

void branch_with(Panel& p, uint32_t position, TokenId id) {
    p.later([id, position](UiState& s) { s.branch(position, id); });
    p.view.open_candidate.reset();
    p.view.scroll_to_bottom = true;
    p.view.say(fmt::format("Branched at position {}", position),
               {"Undo", [](UiState& s) { s.leave_branch(); }});
}

void draw_branch_tree(Panel& p) {
    Gui& gui = p.gui;
    if (std::exchange(p.view.show_branches, false)) {
        ImGui::OpenPopup("branches");
    }
    const ImVec2 size = ImGui::GetIO().DisplaySize;
    ImGui::SetNextWindowPos({size.x / 2, size.y / 2}, ImGuiCond_Always, {0.5f, 0.5f});
    ImGui::SetNextWindowSize({size.x - gui.px(48), size.y - gui.px(48)});
    if (!begin_dialog(gui, "branches")) {
        return;
    }
    const std::vector<BranchRow> rows = branch_rows(p.state.chat());
    const ImVec2 at = ImGui::GetCursorScreenPos();
    const ImVec2 room = ImGui::GetContentRegionAvail();
    const float x = gui.text({Face::semibold, 16, Color::text}, at.x, at.y + gui.px(10),
                             "Branches of this chat");
    const auto n = size_t(std::count_if(rows.begin(), rows.end(), [&](const BranchRow& row) {
        return p.state.chat().at(row.id).children.empty();
    }));
    gui.registry().bind("branches.count", double(n), std::to_string(n));
    gui.text_fit(type::kNote, x + gui.px(14), at.y + gui.px(11), at.x + room.x - x - gui.px(60),
                 fmt::format("{} in all; the bright ones are what the chat shows. Going back: {}",
                             n, action_keys("branch.back")));
    const bool close = icon_button(gui, "branches.close", at.x + room.x - gui.px(12),
                                   at.y + gui.px(10), Icon::close, "Close (Esc)", true, 24);
    const Rect list{at.x, std::round(at.y + gui.px(34)), room.x, room.y - gui.px(34)};
    if (draw_rows(p, rows, list) || close || ImGui::IsKeyPressed(ImGuiKey_Escape)) {
        ImGui::CloseCurrentPopup();
    }
    end_dialog();
}

}  // namespace app::ui
