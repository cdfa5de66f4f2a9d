// The token strip: every id of the sequence with its surprise.
#include <algorithm>
#include <cmath>
#include <utility>

#include <fmt/format.h>

#include "app/ui/panels/panels.h"

namespace app::ui {

namespace {

void draw_title(Panel& p, const Rect& r, const Message& m) {
    Gui& gui = p.gui;
    const float cy = r.y + gui.px(18);
    float x = gui.text(type::kTitle, r.x + gui.px(16), cy, "Tokens");
    x += gui.px(14);
    const float w = badge_width(gui, Source::captured);
    badge(gui, "strip.badge", x + w, cy, Source::captured);
    x += w + gui.px(12);
    const size_t answer = m.tokens.size() - std::min<size_t>(m.answer_begin, m.tokens.size());
    std::string counts =
        fmt::format("{} prompt, {} answer", thousands(m.tokens.size() - answer), thousands(answer));
    if (!m.scored && m.state == AnswerState::prefill) {
        counts += ", being read";
    }
    x = gui.text(type::kNote, x, cy, counts);

    const float right = r.right() - gui.px(16);
    const float end = right - gui.width(type::kNote, "8 nats");
    const float ramp_x = end - gui.px(9) - gui.px(120);
    const float label = ramp_x - gui.px(16) -
                        gui.width({Face::medium, 12, Color::text2}, "Surprise, −ln p") - gui.px(12);
    if (label < x + gui.px(16)) {
        return;
    }
    gui.text(type::kNote, end, cy, "8 nats");
    const Rect ramp{std::round(ramp_x), std::round(cy - gui.px(5)), std::round(gui.px(120)),
                    std::round(gui.px(10))};
    for (int i = 0; i < 3; ++i) {
        const float x0 = ramp.x + ramp.w * float(i) / 3, x1 = ramp.x + ramp.w * float(i + 1) / 3;
        const ImU32 a = Gui::rgb(gui.theme().surprise(8.0f * float(i) / 3));
        const ImU32 b = Gui::rgb(gui.theme().surprise(8.0f * float(i + 1) / 3));
        gui.draw()->AddRectFilledMultiColor({x0, ramp.y}, {x1, ramp.bottom()}, a, b, b, a);
    }
    gui.frame(ramp, Color::edge);
    gui.text_right(type::kNote, ramp.x - gui.px(8), cy, "0");
    gui.text({Face::medium, 12, Color::text2}, label, cy, "Surprise, −ln p");
}

TokenLook look_of(const Panel& p, const Message& m, const TokenInfo& token,
                  std::optional<uint32_t> key) {
    const Selection& s = p.state.selection;
    const uint32_t at = token.position;
    TokenLook look;
    look.special = token.control;
    const bool known = token.rank >= 0;
    look.background = p.gui.theme().surprise(known ? -token.logprob : 0);
    look.bar = known && !token.control ? std::clamp(-token.logprob / 8, 0.0f, 1.0f) : 0;
    look.bar = look.bar < 0.004f ? 0 : look.bar;
    look.text = at < m.answer_begin && -token.logprob < 5 ? Color::text2 : Color::text;
    look.row = s.position > 0 && at == s.query;
    look.drawn = at == s.position;
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
        const bool boundary = token.position == m.answer_begin && token.position > 0;
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
