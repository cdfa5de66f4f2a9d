// The list of chats in the opened rail: new, search with hits, rows by last use, rename, delete
// with undo.
#include <algorithm>
#include <cmath>
#include <ctime>
#include <utility>

#include <fmt/format.h>

#include "app/ui/panels/panels.h"
#include "app/ui/text/text_field.h"

namespace app::ui {

void begin_rename(Panel& p, size_t index) {
    if (index < p.state.chats.size() && !p.state.chats[index].info.deleted) {
        ChatListView& v = p.view.chat_list;
        p.view.rail_open = true;
        v.search.clear();
        v.renaming = index;
        v.name = p.state.chats[index].title();
        v.focus_name = true;
    }
}

static std::string deletion_of(size_t index) {
    return "deletion of " + std::to_string(index);
}

void delete_with_undo(Panel& p, size_t index) {
    if (index >= p.state.chats.size() || p.state.chats[index].info.deleted) {
        return;
    }
    const std::string title = one_line(p.state.chats[index].title(), 40);
    p.later([index](UiState& s) { s.delete_chat(index); });
    p.view.say(title.empty() ? "Chat deleted" : "“" + title + "” deleted",
               {"Undo", [index](UiState& s) { s.undelete_chat(index); }, deletion_of(index)});
}

void bring_back_deleted(Panel& p) {
    if (!p.state.deleted_chats.empty()) {
        const size_t index = p.state.deleted_chats.back();
        p.later([index](UiState& s) { s.undelete_chat(index); });
        p.view.toasts.withdraw(deletion_of(index));
    }
}

namespace {

constexpr float kRow = 34, kHit = 62;

void draw_new(Panel& p, const Rect& top) {
    Gui& gui = p.gui;
    const std::string obstacle = p.state.replay_obstacle();
    const bool can = !p.state.busy() && !p.state.chat().empty() && obstacle.empty();
    const Hit fresh = gui.hit("rail.new", top, "button", "New chat", can);
    gui.tooltip(obstacle);
    const bool lit = fresh.hovered && obstacle.empty();
    gui.card(top, lit ? Color::hover : Color::card, Color::edge, 7);
    if (fresh.focused) {
        gui.focus_ring(top, 7);
    }
    const Color ink = obstacle.empty() ? Color::text : Color::text3;
    gui.icon(Icon::plus, top.x + gui.px(18), top.cy(), 14, ink);
    gui.text(with(type::kControl, ink), top.x + gui.px(32), top.cy(), "New chat");
    key_cap(gui, top.right() - gui.px(8) - key_cap_width(gui, "Ctrl N"), top.cy(), "Ctrl N");
    if (fresh.clicked) {
        p.view.fold_list_over();
        p.later([](UiState& s) { s.new_chat(); });
    }
}

void draw_name_field(Panel& p, const Rect& row, size_t index) {
    ChatListView& v = p.view.chat_list;
    const bool focus = std::exchange(v.focus_name, false);
    const bool entered =
        line_field(p.gui, "rail.name", row, v.name, "Name of the chat", p.gui.px(10), focus);
    const bool left = !focus && ImGui::IsItemDeactivated();
    if (entered || (left && !p.gui.escape_used)) {
        p.later([index, name = v.name](UiState& s) { s.rename_chat(index, name); });
    }
    if (entered || left) {
        v.renaming.reset();
    }
}

void draw_row(Panel& p, const Rect& row, size_t index) {
    Gui& gui = p.gui;
    ChatListView& v = p.view.chat_list;
    if (v.renaming == index) {
        draw_name_field(p, row, index);
        return;
    }
    const Conversation& c = p.state.chats[index];
    const bool current = index == p.state.current_chat;
    const std::string base = "rail.chat." + std::to_string(index), title = c.title();
    const Hit hit = gui.hit(base, row, "list item", title, true, true);
    const bool pointed = hit.hovered || (v.open_menu && v.menu_chat == index);
    if (hit.hovered || hit.focused) {
        v.under_pointer = index;
    }
    if (current || pointed) {
        gui.fill(row, current ? Color::list_selection : Color::hover, 7);
    }
    if (hit.focused) {
        gui.focus_ring(row.inset(gui.px(3), gui.px(3)), 5);
    }
    const float room = row.w - gui.px(current || pointed ? 42 : 20);
    gui.text_fit(with(type::kControl, current ? Color::text : Color::text2), row.x + gui.px(10),
                 row.cy(), room, title.empty() ? "Untitled" : title);
    if (current || pointed) {
        if (icon_button(gui, base + ".more", row.right() - gui.px(17), row.cy(), Icon::more,
                        "Rename, export, delete", true, 24)) {
            v.menu_chat = index;
            v.open_menu = true;
            v.menu_anchor = {row.right() - gui.px(20), row.bottom(), 0, 0};
        }
    }
    if (hit.double_clicked) {
        begin_rename(p, index);
    } else if (hit.clicked) {
        p.view.fold_list_over();
        p.later([index](UiState& s) { s.show_chat(index); });
    }
}

/// Rows by last use under their days; returns the y below the last one.
float draw_rows(Panel& p, float x, float y, float w) {
    Gui& gui = p.gui;
    const std::time_t now = std::time(nullptr);
    const Rect seen = gui.clip();
    std::string_view group;
    for (const size_t index : p.state.listed_chats()) {
        const std::string_view day =
            chat_group(std::time_t(p.state.chats[index].info.used_at), now);
        if (day != group) {
            y += group.empty() ? 0 : gui.px(10);
            group = day;
            if (y + gui.px(24) > seen.y && y < seen.bottom()) {
                gui.text(with(type::kNote, Color::text2), x + gui.px(8), y + gui.px(10), day);
            }
            y += gui.px(26);
        }
        const Rect row{x, std::round(y), w, std::round(gui.px(30))};
        if (row.bottom() > seen.y && row.y < seen.bottom()) {
            draw_row(p, row, index);
        }
        y += gui.px(kRow);
    }
    return y;
}

/// Where a snippet is shown from, so that the first thing found in it lies within the room: as many
/// of the words before it as take at most half of that.
size_t snippet_start(const Gui& gui, const SearchHit& hit, float room) {
    size_t start = 0;
    const size_t found = hit.marks.empty() ? 0 : hit.marks.front().first;
    const std::string_view text = hit.snippet;
    while (start < found && gui.width(type::kNote, text.substr(start, found - start)) > room / 2) {
        const size_t space = text.find(' ', start);
        start = space < found ? space + 1 : found;
    }
    return start;
}

/// One line of the place where it was found, what was found in the accent's colour.
void draw_snippet(Panel& p, const SearchHit& hit, float x, float cy, float room) {
    Gui& gui = p.gui;
    const float end = x + room;
    size_t at = snippet_start(gui, hit, room);
    if (at > 0) {
        x = gui.text(with(type::kNote, Color::text2), x, cy, "… ");
    }
    const auto piece = [&](size_t to, Color color) {
        if (to > at && x < end - gui.px(8)) {
            const std::string_view part = std::string_view(hit.snippet).substr(at, to - at);
            bool cut = false;
            x = gui.text_fit(with(type::kNote, color), x, cy, end - x, part, &cut);
            x = cut ? end : x;
        }
        at = std::max(at, to);
    };
    for (const auto& [begin, stop] : hit.marks) {
        piece(begin, Color::text2);
        piece(stop, Color::accent);
    }
    piece(hit.snippet.size(), Color::text2);
}

/// "2/3": the second of three versions, as the pager above a message counts them; of several
/// branchings one after the other.
std::string version_words(const SearchHit& hit) {
    std::string out;
    for (const auto& [version, n] : hit.versions) {
        out += fmt::format("{}{}/{}", out.empty() ? "" : " ", version, n);
    }
    return out.size() <= 15 ? out : "… " + out.substr(out.rfind(' ', out.size() - 8) + 1);
}

float draw_hits(Panel& p, float x, float y, float w) {
    Gui& gui = p.gui;
    const ChatSearch& search = p.state.file.search;
    const Rect seen = gui.clip();
    const std::string head =
        !p.state.replay_obstacle().empty() ? "Chats are not searched in a recording's window"
        : !p.state.file.readable           ? "The chats' file cannot be read"
        : search.hits.empty()              ? (search.waiting ? "Searching" : "Nothing was found")
        : search.hits.size() >= HistoryThreads::kMaxHits
            ? "The newest " + thousands(search.hits.size()) + " messages"
            : thousands(search.hits.size()) + (search.hits.size() == 1 ? " message" : " messages");
    y += gui.px(8) + gui.paragraph(with(type::kNote, Color::text2), x + gui.px(8), y + gui.px(1),
                                   w - gui.px(16), 18, head);
    for (size_t i = 0; i < search.hits.size(); ++i) {
        const SearchHit& found = search.hits[i];
        const Rect row{x, std::round(y), w, std::round(gui.px(kHit - 4))};
        if (row.bottom() > seen.y && row.y < seen.bottom()) {
            const Hit hit = gui.hit("rail.hit." + std::to_string(i), row, "list item",
                                    one_line(found.snippet, 60));
            if (!found.versions.empty()) {
                gui.tooltip("In a branch of this chat: version " + version_words(found));
            }
            if (hit.hovered) {
                gui.fill(row, Color::hover, 7);
            }
            if (hit.focused) {
                gui.focus_ring(row.inset(gui.px(3), gui.px(3)), 5);
            }
            const float left = row.x + gui.px(10), room = row.w - gui.px(20);
            const std::string versions = version_words(found);
            const float right = gui.text_right(with(type::kValue, Color::text2), left + room,
                                               row.y + gui.px(17), versions) -
                                gui.px(versions.empty() ? 0 : 8);
            gui.text_fit(type::kControl, left, row.y + gui.px(17), right - left, found.chat_title);
            draw_snippet(p, found, left, row.y + gui.px(40), room);
            if (hit.clicked) {
                p.view.fold_list_over();
                p.later([found](UiState& s) { s.open_hit(found); });
            }
        }
        y += gui.px(kHit);
    }
    return y;
}

}  // namespace

void draw_chat_list(Panel& p, const Rect& r) {
    Gui& gui = p.gui;
    ChatListView& v = p.view.chat_list;
    const float x = r.x + gui.px(12), w = r.w - gui.px(24);
    v.under_pointer.reset();
    draw_new(p, {x, r.y + gui.px(52), w, gui.px(32)});
    const Rect field{x, std::round(r.y + gui.px(92)), w, std::round(gui.px(32))};
    ImGui::SetNextItemAllowOverlap();  // its button lies on it
    line_field(gui, "rail.search_text", field, v.search, "Search all chats", gui.px(30),
               std::exchange(v.focus_search, false));
    gui.icon(Icon::search, field.x + gui.px(16), field.cy(), 13, Color::text2);
    if (!v.search.empty() && icon_button(gui, "rail.search_clear", field.right() - gui.px(16),
                                         field.cy(), Icon::close, "Back to the list", true, 24)) {
        v.search.clear();
    }
    p.state.search_chats(v.search);
    const float foot = gui.px(84);
    const Rect list{r.x, field.bottom() + gui.px(10), r.w - gui.whole(1),
                    r.bottom() - foot - field.bottom() - gui.px(10)};
    if (list.h > gui.px(20)) {
        ImGui::SetCursorScreenPos({list.x, list.y});
        ImGui::BeginChild(v.search.empty() ? "chats" : "hits", {list.w, list.h}, 0,
                          ImGuiWindowFlags_NoBackground);
        gui.scrolls = true;
        const float top = list.y - ImGui::GetScrollY() + gui.px(6);
        const float end = v.search.empty() ? draw_rows(p, x, top, w) : draw_hits(p, x, top, w);
        ImGui::SetCursorScreenPos({list.x, top});
        ImGui::Dummy({1, std::max(end - top, 1.0f)});
        gui.scrolls = false;
        ImGui::EndChild();
    }
}

void draw_chat_menu(Panel& p) {
    Gui& gui = p.gui;
    ChatListView& v = p.view.chat_list;
    if (std::exchange(v.open_menu, false)) {
        ImGui::OpenPopup("chat");
    }
    if (!begin_menu(gui, "chat", v.menu_anchor.x, v.menu_anchor.y, gui.px(230))) {
        return;
    }
    if (menu_item(gui, "chat_menu.rename", "Rename", "F2", false, Icon::pencil)) {
        begin_rename(p, v.menu_chat);
    }
    if (menu_item(gui, "chat_menu.export", "Save as a file…", "Ctrl S", false, Icon::arrow_down)) {
        p.later([index = v.menu_chat](UiState& s) { s.show_chat(index); });
        v.show_export = true;
    }
    if (v.menu_chat == p.state.current_chat &&
        menu_item(gui, "chat_menu.record", "Record the shown answer…", "Ctrl Shift E", false,
                  Icon::none, p.state.recording_obstacle().empty())) {
        p.view.recording.show = true;
    }
    if (v.menu_chat == p.state.current_chat && menu_item(gui, "chat_menu.system", "System prompt…",
                                                         {}, false, Icon::none, !p.state.busy())) {
        v.show_system = true;
    }
    if (menu_item(gui, "chat_menu.delete", "Delete", "Ctrl Shift D", false, Icon::trash)) {
        delete_with_undo(p, v.menu_chat);
    }
    end_menu(gui);
}

namespace {

constexpr float kUnsavedIcon = 22, kUnsavedLine = 17;

std::string unsaved_text(const Panel& p) {
    return "Not saved: " + p.state.file.problem->message;
}

}  // namespace

float unsaved_height(const Panel& p, float room) {
    const Gui& gui = p.gui;
    return std::ceil(gui.paragraph(type::kNote, 0, 0, room - gui.px(kUnsavedIcon), kUnsavedLine,
                                   unsaved_text(p), true)) +
           gui.px(8);
}

void draw_unsaved(Panel& p, const Rect& r) {
    Gui& gui = p.gui;
    const std::string text = unsaved_text(p);
    gui.hit("unsaved", r, "note", text);
    gui.tooltip(p.state.file.problem->message + "\n" + p.state.file.problem->hint);
    gui.icon(Icon::warning, r.x + gui.px(8), r.y + gui.px(kUnsavedLine / 2), 13, Color::row_text);
    gui.paragraph(with(type::kNote, Color::row_text), r.x + gui.px(kUnsavedIcon), r.y,
                  r.w - gui.px(kUnsavedIcon), kUnsavedLine, text);
}

}  // namespace app::ui
