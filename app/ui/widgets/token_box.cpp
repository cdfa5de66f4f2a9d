// Tokens: their boxes, faces and marks; and menus.
#include <algorithm>
#include <cmath>

#include "app/ui/widgets/widgets.h"

namespace app::ui {

namespace {

float run_width(int spaces) {
    return 8 + 2 * float(std::min(spaces, 12) - 1);
}

void space_bracket(const Gui& gui, float x, float cy, float w, Color c, float alpha) {
    ImDrawList* draw = gui.draw();
    const float low = cy + gui.px(3.6f), high = cy + gui.px(1);
    draw->PathLineTo({x, high});
    draw->PathLineTo({x, low});
    draw->PathLineTo({x + w, low});
    draw->PathLineTo({x + w, high});
    draw->PathStroke(gui.color(c, alpha), 0, std::max(1.0f, gui.px(1.2f)));
}

}  // namespace

float face_width(const Gui& gui, const TokenFace& face, const TextStyle& style) {
    const float u = style.size / 12;
    if (face.only_spaces) {
        return gui.px(run_width(face.leading_spaces) * u);
    }
    float w = gui.width(style, face.text);
    if (face.leading_spaces > 0) {
        const float bracket = face.leading_spaces == 1 ? 3.5f : run_width(face.leading_spaces);
        w += gui.px((bracket + 2.5f) * u);
    }
    return w;
}

float draw_face(const Gui& gui, float x, float cy, const TokenFace& face, Color c,
                const TextStyle& style) {
    const float u = style.size / 12;
    if (face.only_spaces) {
        const float w = gui.px(run_width(face.leading_spaces) * u);
        space_bracket(gui, x + gui.px(0.5f), cy, w - gui.px(1), c, 1);
        return x + w;
    }
    if (face.leading_spaces > 0) {
        const float w = face.leading_spaces == 1 ? 3.5f : run_width(face.leading_spaces);
        space_bracket(gui, x, cy, gui.px(w * u), c, 0.6f);
        x += gui.px((w + 2.5f) * u);
    }
    return gui.text(with(style, c), x, cy, face.text);
}

float token_width(const Gui& gui, const TokenFace& face) {
    return std::round(std::max(face_width(gui, face) + gui.px(7), gui.px(14)));
}

void mark_row(const Gui& gui, const Rect& r, float radius, float width) {
    if (!gui.theme().dark) {
        const Rect outer{r.x - gui.px(1), r.y - gui.px(1), r.w + gui.px(2), r.h + gui.px(2)};
        gui.frame(outer, Color::row_text, radius + 1, width + 2);
    }
    gui.frame(r, Color::row, radius, width);
}

void mark_key(const Gui& gui, const Rect& r, float width) {
    const auto corners = [&](Color c, float stroke) {
        ImDrawList* draw = gui.draw();
        const float w = std::max(1.0f, gui.px(stroke));
        const float d = gui.px(width) / 2;
        const float leg_x = std::max(gui.px(3), std::min(gui.px(6), r.w * 0.3f));
        const float leg_y = std::max(gui.px(3), std::min(gui.px(6), r.h * 0.3f));
        for (int i = 0; i < 4; ++i) {
            const bool right = (i & 1) != 0, low = (i & 2) != 0;
            const float x = right ? r.right() - d : r.x + d, y = low ? r.bottom() - d : r.y + d;
            draw->PathLineTo({x, y + (low ? -leg_y : leg_y)});
            draw->PathLineTo({x, y});
            draw->PathLineTo({x + (right ? -leg_x : leg_x), y});
            draw->PathStroke(gui.color(c), 0, w);
        }
    };
    if (!gui.theme().dark) {
        corners(Color::key_text, width + 2);
    }
    corners(Color::key, width);
}

void mark_drawn(const Gui& gui, const Rect& r, float radius) {
    gui.frame(r, Color::accent, radius, 1.5f);
    ImDrawList* draw = gui.draw();
    const ImVec2 at{r.right() - gui.px(0.5f), r.y + gui.px(0.5f)};
    draw->AddCircleFilled(at, gui.px(4.2f), gui.color(Color::inspector));
    draw->AddCircleFilled(at, gui.px(3.1f), gui.color(Color::accent));
}

void draw_token(const Gui& gui, const Rect& r, const TokenFace& face, const TokenLook& look) {
    if (look.special) {
        gui.frame(r, Color::edge, 4);
    } else {
        gui.draw()->AddRectFilled({r.x, r.y}, {r.right(), r.bottom()}, Gui::rgb(look.background),
                                  gui.px(4));
    }
    if (look.row || look.key || look.drawn) {
        gui.fill(r, look.drawn ? Color::accent_bg : look.row ? Color::row_bg : Color::key_bg, 4);
    }
    if (look.bar > 0) {
        const float full = r.w - gui.px(6);
        gui.fill({r.x + gui.px(3), r.bottom() - gui.px(3), std::max(gui.px(1), full * look.bar),
                  gui.px(2)},
                 Color::surprise_bar, 1);
    }
    const float w = face_width(gui, face);
    const bool marked = look.row || look.key || look.drawn;
    const Color c = marked || look.shade > 0.5f ? Color::text
                    : !face.dim                 ? look.text
                    : look.shade > 0.1f         ? Color::text2
                                                : Color::text3;
    draw_face(gui, r.cx() - w / 2, r.cy() - gui.px(1), face, c);
    if (look.hovered && !marked) {
        gui.frame(r, Color::text3, 4, 2);
    }
    if (look.row) {
        mark_row(gui, r);
    }
    if (look.key) {
        mark_key(gui, r);
    }
    if (look.drawn) {
        mark_drawn(gui, r);
    }
}

// ---- menus ----

namespace {

bool begin_menu_at(Gui& gui, const char* name, ImVec2 at, ImVec2 pivot, ImGuiCond when,
                   float width) {
    ImGui::SetNextWindowPos({std::round(at.x), std::round(at.y)}, when, pivot);
    ImGui::SetNextWindowSize({width, 0});
    ImGui::PushStyleVar(ImGuiStyleVar_WindowPadding, {gui.px(6), gui.px(6)});
    ImGui::PushStyleVar(ImGuiStyleVar_PopupRounding, gui.px(10));
    ImGui::PushStyleVar(ImGuiStyleVar_ItemSpacing, {0, 0});
    const bool open = ImGui::BeginPopup(name, ImGuiWindowFlags_NoMove);
    if (!open) {
        ImGui::PopStyleVar(3);
    }
    return open;
}

}  // namespace

bool begin_menu(Gui& gui, const char* name, float x, float y, float width) {
    return begin_menu_at(gui, name, {x, y}, {0, 0}, ImGuiCond_Appearing, width);
}

bool begin_menu_above(Gui& gui, const char* name, float x, float y, float width) {
    // Each frame: it grows upwards.
    return begin_menu_at(gui, name, {x, y}, {0, 1}, ImGuiCond_Always, width);
}

void end_menu(Gui&) {
    ImGui::EndPopup();
    ImGui::PopStyleVar(3);
}

namespace {

Rect next_row(float height) {
    const ImVec2 at = ImGui::GetCursorScreenPos();
    return {at.x, at.y, ImGui::GetContentRegionAvail().x, height};
}

void take_row(const Rect& r) {
    ImGui::SetCursorScreenPos({r.x, r.y});
    ImGui::Dummy({r.w, r.h});
}

}  // namespace

bool menu_item(Gui& gui, std::string_view id, std::string_view label, std::string_view note,
               bool checked, Icon icon, bool enabled) {
    const Rect r = next_row(std::round(gui.px(30)));
    const Hit hit = gui.hit(id, r, "menu item", label, enabled);
    if (hit.hovered && enabled) {
        gui.fill(r, Color::hover, 6);
    }
    if (hit.focused) {
        gui.frame(r, Color::accent, 6, 2);
    }
    float x = r.x + gui.px(10);
    if (checked || icon != Icon::none) {
        gui.icon(checked ? Icon::check : icon, x + gui.px(7), r.cy(), 14, Color::text2);
    }
    x += gui.px(24);
    const float note_width = note.empty() ? 0 : gui.width(type::kNote, note) + gui.px(12);
    gui.text_fit(with(type::kControl, enabled ? Color::text : Color::text3), x, r.cy(),
                 r.right() - gui.px(10) - note_width - x, label);
    if (!note.empty()) {
        gui.text_right(type::kNote, r.right() - gui.px(10), r.cy(), note);
    }
    take_row(r);
    if (hit.clicked && enabled) {
        ImGui::CloseCurrentPopup();
    }
    return hit.clicked && enabled;
}

void menu_note(Gui& gui, std::string_view text, Color c) {
    const ImVec2 at = ImGui::GetCursorScreenPos();
    const float w = ImGui::GetContentRegionAvail().x - gui.px(20);
    const float h =
        gui.paragraph(with(type::kNote, c), at.x + gui.px(10), at.y + gui.px(4), w, 17, text);
    take_row({at.x, at.y, w + gui.px(20), h + gui.px(8)});
}

void menu_title(Gui& gui, std::string_view text) {
    const Rect r = next_row(std::round(gui.px(28)));
    gui.text(with(type::kTitle, Color::text2), r.x + gui.px(10), r.cy(), text);
    take_row(r);
}

void menu_separator(Gui& gui) {
    const Rect r = next_row(std::round(gui.px(9)));
    gui.hline(r.x, r.cy(), r.w);
    take_row(r);
}

}  // namespace app::ui
