// The inspector: its head, how its columns share the room, and what its panels have in common.
#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

#include <fmt/format.h>

#include "app/ui/panels/panels.h"

namespace app::ui {

RowLinks selected_links(const Panel& p, float share, size_t max_links) {
    const UiState& s = p.state;
    if (!s.selected_in_cache() || !s.matrix.is(s.selection.layer, s.selection.head)) {
        return {};
    }
    return row_links(s.matrix, s.selection.query, share, max_links);
}

std::optional<uint32_t> effective_key(const Panel& p, const RowLinks& links) {
    const Selection& s = p.state.selection;
    if (p.view.hovered_position && *p.view.hovered_position <= s.query) {
        return p.view.hovered_position;
    }
    if (s.key) {
        return s.key;
    }
    return links.links.empty() ? std::nullopt : std::optional(links.links.front().key);
}

TokenFace face_of(const TokenInfo& token) {
    return token_face(token.text, token.bytes, token.control);
}

std::string token_facts(const TokenInfo& token) {
    std::string out = fmt::format("{}  id {}\nposition {}",
                                  one_line(token_words(token.text, token.bytes, token.control), 40),
                                  token.id, token.position);
    if (token.rank >= 0) {
        out += fmt::format("\nprobability {}, rank {}\nsurprise {} nats, entropy {} nats",
                           percent(std::exp(double(token.logprob))), token.rank + 1,
                           fixed(-double(token.logprob), 2), fixed(double(token.entropy), 2));
    } else {
        out += token.position == 0 ? "\nno prediction: nothing stands before it"
                                   : "\nprobability not computed";
    }
    return out;
}

void draw_layer_sign(const Gui& gui, float x, float cy, bool global, Color c) {
    ImDrawList* draw = gui.draw();
    const float a = gui.px(10), y = cy - a / 2;
    if (global) {
        draw->AddTriangleFilled({x, y}, {x + a, y + a}, {x, y + a}, gui.color(c));
    } else {
        const ImVec2 band[4] = {{x, y}, {x + a, y + a}, {x + a / 2, y + a}, {x, y + a / 2}};
        draw->AddConvexPolyFilled(band, 4, gui.color(c));
    }
}

void draw_not_captured(Panel& p, const Rect& r, std::string_view id, const std::string& reason) {
    Gui& gui = p.gui;
    const std::string base(id);
    const float w = std::min(r.w - gui.px(16), gui.px(300));
    const Rect at{r.x + gui.px(4), r.y + gui.px(8), w, 0};
    badge(gui, base + ".not_captured", at.x + badge_width(gui, Source::not_captured),
          at.y + gui.px(9), Source::not_captured);
    const TextStyle style{Face::regular, 13, Color::text};
    const float h = gui.paragraph(style, at.x, at.y + gui.px(26), w, 20, reason);
    // One sequence, one button, in the first panel that lacks it.
    if (p.state.can_restore() && !std::exchange(p.view.restore_offered, true) &&
        button_at(
            gui, base + ".restore", at.x, at.y + gui.px(46) + h, "Compute it again",
            {Look::outline, Icon::refresh, {}, "Reads this sequence again; writes nothing"})) {
        p.later([](UiState& s) { s.restore_selected(); });
    }
}

namespace {

/// As much of it as fits right of `left`.
void step_keys(Panel& p, float left, float& right, float cy, uint32_t last) {
    Gui& gui = p.gui;
    if (right - left < gui.px(170)) {
        return;
    }
    const bool all = right - left > gui.px(300);
    if (!all) {
        right += gui.px(26);
    }
    const Selection& s = p.state.selection;
    const uint32_t at = s.position;
    const bool can_next = at < last || (p.state.has_row_after_last() && !s.after_last);
    if (all && icon_button(gui, "step.last", right - gui.px(12), cy, Icon::last, "Last token (End)",
                           can_next, 24)) {
        p.state.select_position(int64_t(last) + 1);  // the row after it, where there is one
    }
    if (icon_button(gui, "step.next", right - gui.px(38), cy, Icon::chevron_right, "Next token (→)",
                    can_next, 24)) {
        p.state.select_position(s.step() + 1);
    }
    const std::string text =
        s.after_last ? fmt::format("after {}", last) : fmt::format("{} / {}", at, last);
    gui.registry().bind("step.position", at, text);
    const TextStyle style{Face::mono_medium, 12, Color::text};
    const float x = gui.text_right(style, right - gui.px(56), cy, text);
    const float label =
        all && !s.after_last ? gui.text_right(type::kNote, x - gui.px(8), cy, "position") : x;
    if (icon_button(gui, "step.previous", label - gui.px(18), cy, Icon::chevron_left,
                    "Previous token (←)", at > 0, 24)) {
        p.state.select_position(s.step() - 1);
    }
    if (all && icon_button(gui, "step.first", label - gui.px(44), cy, Icon::first,
                           "First token (Home)", at > 0, 24)) {
        p.state.select_position(0);
    }
    right = label - gui.px(all ? 64 : 38);
}

/// How the head gives way: Live to its sign, then the tabs to shorter words.
struct HeadFit {
    std::array<std::string_view, 4> tabs{"Overview", "Attention", "Next token", "Layers"};
    float tab_pad = 20;  // design pixels
    bool live_word = true;
    float live_w = 0, end = 0;  // of Live; where the tabs and the buttons behind them end
};

constexpr float kHeadButtons = 58;

HeadFit fit_head(const Gui& gui, const Rect& r, std::string_view live) {
    HeadFit fit;
    const auto measure = [&] {
        fit.end = r.x + gui.px(16 + kHeadButtons);
        for (const std::string_view tab : fit.tabs) {
            fit.end += gui.width(type::kControl, tab) + gui.px(fit.tab_pad + 3);
        }
        fit.live_w = fit.live_word ? gui.width(type::kControl, live) + gui.px(36) : gui.px(26);
        return fit.end + gui.px(4) + fit.live_w <= r.right() - gui.px(16);
    };
    if (!measure()) {
        fit.live_word = false;
    }
    if (!measure()) {
        fit.tabs[2] = "Next";
        fit.tab_pad = 14;
        measure();
    }
    return fit;
}

void draw_tabs(Panel& p, const Rect& r, const HeadFit& fit) {
    Gui& gui = p.gui;
    constexpr std::array<std::string_view, 4> kIds = {"tab.overview", "tab.attention",
                                                      "tab.next_token", "tab.layers"};
    const float cy = std::round(r.cy());
    float x = r.x + gui.px(16);
    for (size_t i = 0; i < kIds.size(); ++i) {
        const float w = gui.width(type::kControl, fit.tabs[i]) + gui.px(fit.tab_pad);
        const Rect tab{std::round(x), cy - gui.px(13), std::round(w), gui.px(26)};
        const Hit hit = gui.hit(kIds[i], tab, "tab", fit.tabs[i]);
        gui.tooltip(fmt::format("Press {}", i + 1));
        const bool on = size_t(p.view.tab) == i;
        if (on || hit.hovered) {
            gui.fill(tab, on ? Color::raised : Color::hover, 7);
        }
        if (hit.focused) {
            gui.focus_ring(tab, 7);
        }
        gui.text(with(type::kControl, on ? Color::text : Color::text2),
                 tab.x + gui.px(fit.tab_pad / 2), cy, fit.tabs[i]);
        if (hit.clicked) {
            p.view.tab = Tab(i);
        }
        x += w + gui.px(3);
    }
    const std::string no_text = p.state.text_obstacle();
    if (icon_button(gui, "inspector.text", x + gui.px(14), cy, Icon::lines,
                    no_text.empty() ? "Score and inspect a text of your own (Ctrl T)" : no_text,
                    no_text.empty(), 24)) {
        begin_text(p);
    }
    if (icon_button(gui, "inspector.branches", x + gui.px(42), cy, Icon::branch,
                    "All branches of this chat (Ctrl Shift B)", true, 24)) {
        p.view.show_branches = true;
    }
}

/// Returns its left edge.
float draw_live(Panel& p, const Rect& r, const HeadFit& fit, std::string_view label) {
    Gui& gui = p.gui;
    const float cy = std::round(r.cy());
    const bool locked = p.state.selection.locked;
    const Rect live{std::round(r.right() - gui.px(16) - fit.live_w), cy - gui.px(13),
                    std::round(fit.live_w), gui.px(26)};
    const Hit hit = gui.hit("step.live", live, "toggle", label);
    gui.tooltip(locked ? "Go live: follow the last token again (Esc)"
                       : "Live: the selection follows the last token");
    gui.card(live, locked ? (hit.hovered ? Color::hover : Color::card) : Color::accent_bg,
             locked ? Color::edge : Color::accent, 7);
    gui.icon(locked ? Icon::ring : Icon::dot, live.x + gui.px(13), cy, 14, Color::accent);
    if (fit.live_word) {
        gui.text(type::kControl, live.x + gui.px(24), cy, label);
    }
    if (hit.clicked && locked) {
        p.state.go_live();
    }
    return live.x;
}

}  // namespace

void draw_inspector_head(Panel& p, const Rect& r) {
    Gui& gui = p.gui;
    const float cy = std::round(r.cy());
    const bool locked = p.state.selection.locked;
    const std::string_view label = locked ? "Go live" : "Live";
    const HeadFit fit = fit_head(gui, r, label);
    draw_tabs(p, r, fit);
    const Message* m = p.state.selected();
    if (m == nullptr || m->tokens.empty()) {
        return;
    }
    float right = draw_live(p, r, fit, label) - gui.px(12);
    step_keys(p, fit.end, right, cy, uint32_t(m->tokens.size()) - 1);
    const float need = gui.width(type::kNote, "selection locked") + gui.px(30);
    if (locked && right - need > fit.end) {
        const float at = gui.text_right(type::kNote, right, cy, "selection locked");
        gui.icon(Icon::lock, at - gui.px(11), cy, 13, Color::text2);
    }
}

float next_token_height(const Panel& p, int rows) {
    return p.gui.px(163 + 26 * float(rows));
}
float sampler_height(const Panel& p) {
    return p.gui.px(34 + 26 * kSamplerRows);
}

namespace {

void draw_right_column(Panel& p, const Rect& r) {
    Gui& gui = p.gui;
    ImGui::SetCursorScreenPos({r.x, r.y});
    ImGui::BeginChild("right", {r.w, r.h}, 0, ImGuiWindowFlags_NoBackground);
    const bool outer = std::exchange(gui.scrolls, true);
    const float lens_min = gui.px(124);
    float y = r.y - ImGui::GetScrollY();
    const float top = y;
    const float fixed_part = next_token_height(p, 0) + sampler_height(p) + lens_min;
    const int rows = std::clamp(int((r.h - fixed_part - gui.px(12)) / gui.px(26)), 3, 8);
    const float h = next_token_height(p, rows) + (p.view.open_candidate ? gui.px(34) : 0);
    draw_next_token(p, {r.x, y, r.w, h}, false);
    y += h;
    draw_sampler(p, {r.x, y, r.w, sampler_height(p)});
    y += sampler_height(p) + gui.px(8);
    const float lens = std::max(lens_min, std::min(gui.px(200), r.bottom() - y - gui.px(8)));
    draw_lens(p, {r.x, y, r.w, lens}, false);
    y += lens;
    ImGui::SetCursorScreenPos({r.x, top});
    ImGui::Dummy({1, y - top});
    gui.scrolls = outer;
    ImGui::EndChild();
}

float heads_column_width(const Panel& p, float room) {
    const uint32_t heads = p.state.ready() ? std::max(p.state.model->n_heads, 1u) : 4;
    const float wanted = p.gui.px(16 + 38 + 16) + float(heads) * p.gui.px(33);
    return std::clamp(wanted, p.gui.px(203), std::max(p.gui.px(203), room * 0.4f));
}

/// Below this width the columns of a tab do not fit beside each other.
bool narrow(const Panel& p, float width) {
    return width < p.gui.px(430);
}

void draw_columns(Panel& p, const Rect& r) {
    Gui& gui = p.gui;
    if (narrow(p, r.w)) {  // one at a time
        p.view.tab == Tab::overview ? draw_heads(p, r) : draw_head(p, r);
        return;
    }
    const float heads = std::round(heads_column_width(p, r.w));
    const bool wide = r.w >= gui.px(860);
    const bool both = p.view.tab == Tab::overview && wide;
    const float right = both ? std::round(gui.px(289)) : 0;
    draw_heads(p, {r.x, r.y, heads, r.h});
    gui.vline(r.x + heads, r.y, r.h);
    const Rect middle{r.x + heads + gui.whole(1), r.y, r.w - heads - gui.whole(1) - right, r.h};
    draw_head(p, middle);
    if (both) {
        gui.vline(middle.right(), r.y, r.h);
        draw_right_column(p, {middle.right() + gui.whole(1), r.y, right - gui.whole(1), r.h});
    }
}

void draw_next_tab(Panel& p, const Rect& r) {
    Gui& gui = p.gui;
    if (narrow(p, r.w)) {
        const float top = r.h - sampler_height(p) - gui.px(8);
        draw_next_token(p, {r.x, r.y, r.w, top}, true);
        draw_sampler(p, {r.x, r.y + top + gui.px(8), r.w, sampler_height(p)});
        return;
    }
    const float left = std::round(std::max(r.w - gui.px(330), r.w * 0.5f));
    draw_next_token(p, {r.x, r.y, left, r.h}, true);
    gui.vline(r.x + left, r.y, r.h);
    // Six lower, so that its title is on the line of the title beside it.
    draw_sampler(p, {r.x + left + gui.whole(1), r.y + gui.px(6), r.w - left - gui.whole(1),
                     sampler_height(p)});
}

/// What a tab needs below the token strip to show all of its parts.
float needed_height(const Panel& p, float width) {
    const float next = next_token_height(p, 5) + p.gui.px(p.view.open_candidate ? 34 : 0);
    switch (p.view.tab) {
        case Tab::overview:
        case Tab::attention:
            return p.gui.px(460);
        case Tab::next_token:
            return narrow(p, width) ? next + sampler_height(p) + p.gui.px(8)
                                    : std::max(next, sampler_height(p));
        case Tab::layers:
            break;
    }
    return p.gui.px(300);
}

void draw_inspector_body(Panel& p, const Rect& r, float strip_h) {
    Gui& gui = p.gui;
    const Rect strip{r.x, r.y, r.w, strip_h};
    draw_token_strip(p, strip);
    gui.hline(strip.x, strip.bottom() - gui.whole(1), strip.w);
    const Rect body{r.x, strip.bottom(), r.w, r.bottom() - strip.bottom()};
    switch (p.view.tab) {
        case Tab::overview:
        case Tab::attention:
            draw_columns(p, body);
            break;
        case Tab::next_token:
            draw_next_tab(p, body);
            break;
        case Tab::layers:
            draw_lens(p, body, true);
            break;
    }
}

}  // namespace

void draw_inspector(Panel& p, const Rect& r) {
    Gui& gui = p.gui;
    gui.fill(r, Color::inspector);
    gui.vline(r.x, r.y, r.h);
    const Rect head{r.x + gui.whole(1), r.y, r.w - gui.whole(1), std::round(gui.px(41))};
    draw_inspector_head(p, head);
    gui.hline(head.x, head.bottom() - gui.whole(1), head.w);
    const Message* m = p.state.selected();
    const Rect body{head.x, head.bottom(), head.w, r.bottom() - head.bottom()};
    if (m == nullptr || m->tokens.empty()) {
        const bool waiting = m != nullptr && p.state.busy();
        gui.text_centred(with(type::kBody, Color::text2), body.cx(), body.y + body.h * 0.42f,
                         waiting ? "Reading the prompt" : "Nothing has been computed yet");
        gui.text_centred(with(type::kNote, Color::text3), body.cx(),
                         body.y + body.h * 0.42f + gui.px(28),
                         "Attention and probabilities appear here while the answer is written.");
        return;
    }
    // Less room than the tab needs: all of it scrolls, nothing vanishes.
    const float strip_h = std::round(gui.px(119));
    const float needed = strip_h + std::round(needed_height(p, body.w));
    if (body.h >= needed) {
        draw_inspector_body(p, body, strip_h);
        return;
    }
    ImGui::SetCursorScreenPos({body.x, body.y});
    ImGui::BeginChild("inspector", {body.w, std::max(body.h, 1.0f)}, 0,
                      ImGuiWindowFlags_NoBackground);
    const bool outer = std::exchange(gui.scrolls, true);
    const float top = body.y - ImGui::GetScrollY();
    draw_inspector_body(p, {body.x, top, body.w - ImGui::GetStyle().ScrollbarSize, needed},
                        strip_h);
    ImGui::SetCursorScreenPos({body.x, top});
    ImGui::Dummy({1, needed});
    gui.scrolls = outer;
    ImGui::EndChild();
}

}  // namespace app::ui
