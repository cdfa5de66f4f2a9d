// The token strip: every id of the sequence, coloured by what the model thought of it.
#include <algorithm>
#include <cmath>
#include <utility>

#include <fmt/format.h>

#include "app/ui/panels/panels.h"

namespace app::ui {

namespace {

/// "no prediction": hatched, so that it is told from the lowest value without colour.
void draw_no_prediction(const Gui& gui, const Rect& r) {
    gui.frame(r, Color::text3, 3);
    for (float d = gui.px(5); d < r.w + r.h; d += gui.px(5)) {
        const float x0 = std::max(r.x, r.x + d - r.h), y0 = r.y + (d < r.h ? d : r.h);
        const float x1 = std::min(r.right(), r.x + d), y1 = r.y + (d > r.w ? d - r.w : 0);
        gui.draw()->AddLine({x0, y0}, {x1, y1}, gui.color(Color::text3, 0.55f), gui.whole(1));
    }
}

/// The scale with its ends, right-aligned; returns its left edge. Rank has four boxes with names.
float draw_scale(Gui& gui, const ColoringLegend& legend, float right, float cy, float ramp_w) {
    const float h = std::round(gui.px(10));
    if (legend.steps) {
        for (size_t i = kRankBuckets; i-- > 0;) {
            right = gui.text_right(type::kNote, right, cy, kRankNames[i]) - gui.px(5);
            const Rect box{std::round(right - gui.px(12)), std::round(cy - gui.px(5)), gui.px(12),
                           h};
            const float x = float(i) / float(kRankBuckets - 1);
            gui.draw()->AddRectFilled({box.x, box.y}, {box.right(), box.bottom()},
                                      Gui::rgb(gui.theme().token(legend.tone, x)));
            gui.frame(box, Color::edge);
            right = box.x - gui.px(10);
        }
        return right;
    }
    const float end = gui.text_right(type::kNote, right, cy, legend.high);
    const Rect ramp{std::round(end - gui.px(9) - ramp_w), std::round(cy - gui.px(5)),
                    std::round(ramp_w), h};
    for (int i = 0; i < 3; ++i) {
        const float x0 = ramp.x + ramp.w * float(i) / 3, x1 = ramp.x + ramp.w * float(i + 1) / 3;
        const ImU32 a = Gui::rgb(gui.theme().token(legend.tone, float(i) / 3));
        const ImU32 b = Gui::rgb(gui.theme().token(legend.tone, float(i + 1) / 3));
        gui.draw()->AddRectFilledMultiColor({x0, ramp.y}, {x1, ramp.bottom()}, a, b, b, a);
    }
    gui.frame(ramp, Color::edge);
    return gui.text_right(type::kNote, ramp.x - gui.px(8), cy, legend.low) - gui.px(14);
}

float scale_width(const Gui& gui, const ColoringLegend& legend, float ramp_w) {
    float w = 0;
    if (legend.steps) {
        for (const std::string_view name : kRankNames) {
            w += gui.width(type::kNote, name) + gui.px(27);
        }
        return w;
    }
    return gui.width(type::kNote, legend.low) + gui.width(type::kNote, legend.high) + ramp_w +
           gui.px(31);
}

/// What the colours tell, as a button that opens the other choices.
void draw_chooser(Panel& p, float right, float cy, std::string_view label) {
    Gui& gui = p.gui;
    const TextStyle style{Face::medium, 12, Color::text2};
    const float w = gui.width(style, label) + gui.px(32);
    const Rect r{std::round(right - w), std::round(cy - gui.px(12)), std::round(w), gui.px(24)};
    const Hit hit = gui.hit("strip.coloring", r, "button", label);
    gui.tooltip("What the colours of the tokens tell (C)");
    if (hit.hovered) {
        gui.fill(r, Color::hover, 7);
    }
    if (hit.focused) {
        gui.focus_ring(r, 7);
    }
    const float end = gui.text(style, r.x + gui.px(8), cy, label);
    gui.icon(Icon::chevron_down, end + gui.px(11), cy, 12, Color::text2);
    if (hit.clicked) {
        p.view.coloring_menu = true;
        p.view.menu_anchor = {r.x, r.bottom() + gui.px(2), 0, 0};
    }
}

/// Chooser, scale with unit, and what stands for "no prediction": as much as fits, the scale first.
void draw_legend(Panel& p, float left, float right, float cy) {
    Gui& gui = p.gui;
    const ColoringLegend& legend = legend_of(p.view.coloring);
    const std::string_view none = "no prediction";
    const float none_w = gui.width(type::kNote, none) + gui.px(40);
    const float chooser_w =
        gui.width({Face::medium, 12, Color::text2}, legend.title) + gui.px(32 + 8);
    const float short_w = gui.width({Face::medium, 12, Color::text2}, legend.name) + gui.px(40);
    const float room = right - left;
    for (const float ramp_w : {gui.px(120), gui.px(64)}) {
        const float scale_w = scale_width(gui, legend, ramp_w);
        const bool whole = chooser_w + scale_w <= room;
        if (!whole && short_w + scale_w > room) {
            continue;
        }
        const float own = whole ? chooser_w : short_w;
        if (own + scale_w + none_w <= room) {
            right = gui.text_right(type::kNote, right, cy, none) - gui.px(6);
            const Rect box{std::round(right - gui.px(16)), std::round(cy - gui.px(6)), gui.px(16),
                           gui.px(12)};
            draw_no_prediction(gui, box);
            right = box.x - gui.px(16);
        }
        const float at = draw_scale(gui, legend, right, cy, ramp_w);
        draw_chooser(p, at, cy, whole ? legend.title : legend.name);
        return;
    }
    draw_chooser(p, right, cy, legend.name);
}

void draw_title(Panel& p, const Rect& r, const Message& m) {
    Gui& gui = p.gui;
    const float cy = r.y + gui.px(18);
    float x = gui.text(type::kTitle, r.x + gui.px(16), cy, "Tokens");
    x += gui.px(14);
    const float w = badge_width(gui, Source::captured);
    badge(gui, "strip.badge", x + w, cy, Source::captured);
    x += w + gui.px(12);
    const size_t answer = m.answer_tokens();
    std::string counts = m.given
                             ? thousands(m.tokens.size()) + " of a text"
                             : fmt::format("{} prompt, {} answer",
                                           thousands(m.tokens.size() - answer), thousands(answer));
    if (!m.scored && m.state == AnswerState::prefill) {
        counts += ", being read";
    }
    x = gui.text(type::kNote, x, cy, counts);
    draw_legend(p, x + gui.px(16), r.right() - gui.px(16), cy);
}

TokenLook look_of(const Panel& p, const Message& m, const TokenInfo& token,
                  std::optional<uint32_t> key) {
    const Selection& s = p.state.selection;
    const uint32_t at = token.position;
    const TokenShade shade = shade_of(token, p.view.coloring);
    TokenLook look;
    look.special = token.control;
    look.shade = shade.x;
    look.background = p.gui.theme().token(legend_of(p.view.coloring).tone, shade.x);
    look.bar = token.control || shade.x < 0.004f ? 0 : shade.x;
    look.text = at < m.answer_begin && shade.x <= 0.5f ? Color::text2 : Color::text;
    look.row = s.position > 0 && at == s.query;
    look.drawn = at == s.position && !s.after_last;
    look.key = key && at == *key && !look.row;
    look.hovered = p.view.hovered_row() == at || p.view.hovered_key() == at;
    return look;
}

void hit_token(Panel& p, const TokenInfo& token, const Rect& box) {
    const Hit hit = p.gui.hit("token." + std::to_string(token.position), box, "token", token.text);
    if (hit.hovered) {
        p.view.next_hovered_position = token.position;
    }
    p.gui.tooltip(token_facts(token));
    if (!hit.clicked) {
        return;
    }
    if (ImGui::GetIO().KeyShift && token.position <= p.state.selection.query) {
        p.state.select_key(token.position);
    } else {
        p.state.select_position(token.position);
    }
}

}  // namespace

void draw_coloring_menu(Panel& p) {
    Gui& gui = p.gui;
    if (std::exchange(p.view.coloring_menu, false)) {
        ImGui::OpenPopup("coloring");
    }
    const Rect& at = p.view.menu_anchor;
    if (!begin_menu(gui, "coloring", at.x, at.y, gui.px(240))) {
        return;
    }
    for (size_t i = 0; i < kTokenColorings; ++i) {
        const auto coloring = TokenColoring(i);
        const ColoringLegend& legend = legend_of(coloring);
        if (menu_item(gui, "coloring." + std::to_string(i), legend.title, {},
                      p.view.coloring == coloring)) {
            p.view.coloring = coloring;
        }
    }
    end_menu(gui);
}

void draw_token_strip(Panel& p, const Rect& r) {
    Gui& gui = p.gui;
    const Message& m = *p.state.selected();
    draw_title(p, r, m);
    const float left = r.x + gui.px(16), right = r.right() - gui.px(15);
    // Reaches farther right than the tokens: a scroll bar stands beside them.
    const Rect rows{left - gui.px(4), r.y + gui.px(32), r.right() - gui.px(2) - left + gui.px(4),
                    gui.px(82)};
    ImGui::SetCursorScreenPos({rows.x, rows.y});
    ImGui::BeginChild("strip", {rows.w, rows.h}, 0, ImGuiWindowFlags_NoBackground);
    const bool outer = std::exchange(gui.scrolls, true);
    const float row_h = std::round(gui.px(26)), h = std::round(gui.px(22)),
                gap = std::round(gui.px(2));
    const RowLinks links = selected_links(p, 0.7f, 24);
    const auto key = p.state.selection.position > 0 ? effective_key(p, links) : std::nullopt;
    float x = left, y = rows.y + gui.px(3) - ImGui::GetScrollY();
    const float top = y;
    float selected_y = y;
    const Rect clip = gui.clip();
    for (const TokenInfo& token : m.tokens) {
        const TokenFace face = face_of(token);
        const float w = token_width(gui, face);
        const bool boundary = !m.given && token.position == m.answer_begin && token.position > 0;
        if (x + w + (boundary ? gui.px(8) : 0) > right && x > left) {
            x = left;
            y += row_h;
        }
        const bool shown = y + h >= clip.y && y <= clip.bottom();
        if (boundary) {
            gui.fill({std::round(x + gui.px(2)), y, gui.whole(2), h}, Color::text3, 1);
            x += gui.px(8);
        }
        const Rect box{std::round(x), y, w, h};
        if (shown) {
            hit_token(p, token, box);
            draw_token(gui, box, face, look_of(p, m, token, key));
            if (!shade_of(token, p.view.coloring).value && m.scored) {
                draw_no_prediction(gui, box);
            }
        }
        if (token.position == p.state.selection.position) {
            selected_y = y;
        }
        x = box.right() + gap;
    }
    if (m.state == AnswerState::writing) {
        gui.fill({std::round(x + gui.px(3)), y + gui.px(2), gui.whole(2), h - gui.px(4)},
                 Color::accent);
    }
    ImGui::SetCursorScreenPos({left, top});
    ImGui::Dummy({1, y + row_h - top});
    // The rows scroll to the selection: its row is kept the middle one.
    const float wanted = selected_y - top - row_h;
    if (ImGui::GetScrollMaxY() > 0 && !ImGui::IsWindowHovered()) {
        ImGui::SetScrollY(std::max(0.0f, wanted));
    }
    gui.scrolls = outer;
    ImGui::EndChild();
}

}  // namespace app::ui
