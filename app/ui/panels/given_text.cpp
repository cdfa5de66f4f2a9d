// A text that is read and scored, not answered: the dialog it is pasted into, its tokens in the
// colours of the strip, its score.
#include <algorithm>
#include <cmath>
#include <utility>

#include <fmt/format.h>

#include "app/ui/actions.h"
#include "app/ui/state/text_file.h"
#include "app/ui/text/text_field.h"

namespace app::ui {

namespace {

/// Backgrounds behind the tokens that are in view.
void draw_token_colors(Panel& p, const Message& m, const TextLayout& layout, float x, float y) {
    Gui& gui = p.gui;
    const Rect clip = gui.clip();
    const uint32_t first = layout.byte_at(gui, 0, clip.y - y - gui.px(30)).value_or(0);
    const uint32_t last = layout.byte_at(gui, layout.width(), clip.bottom() - y + gui.px(30))
                              .value_or(uint32_t(m.text.size()));
    const TokenTone tone = legend_of(p.view.coloring).tone;
    for (size_t i = m.answer_begin; i < std::min(m.tokens.size(), m.text_end.size()); ++i) {
        const uint32_t begin = i == m.answer_begin ? 0 : m.text_end[i - 1], end = m.text_end[i];
        const TokenShade shade = shade_of(m.tokens[i], p.view.coloring);
        if (end < first || begin > last || shade.x < 0.004f) {
            continue;
        }
        const ImU32 back = Gui::rgb(gui.theme().token(tone, shade.x));
        for (const Rect& r : layout.find(gui, begin, end)) {
            gui.draw()->AddRectFilled({std::round(x + r.x), std::round(y + r.y + gui.px(1))},
                                      {std::round(x + r.right()), std::round(y + r.bottom())}, back,
                                      gui.px(3));
        }
    }
}

/// "41 tokens, perplexity 10.115, 2.3140 nats per token": as much as fits.
void draw_score(Panel& p, const Message& m, float x, float cy, float room) {
    Gui& gui = p.gui;
    const TextScore score = score_of(m.tokens);
    if (score.n_scored == 0) {
        return;
    }
    const double mean = score.nll / double(score.n_scored);
    gui.registry().bind("text.nll", score.nll, fixed(score.nll, 3));
    gui.registry().bind("text.mean", mean, fixed(mean, 4));
    gui.registry().bind("text.perplexity", score.perplexity, fixed(score.perplexity, 3));
    const std::string brief = fmt::format(
        "{} {}  ·  perplexity {}  ·  {} nats per token", thousands(m.tokens.size()),
        m.tokens.size() == 1 ? "token" : "tokens", fixed(score.perplexity, 3), fixed(mean, 4));
    gui.text_choice(type::kNote, x, cy, room,
                    {fmt::format("{}, {} in all", brief, fixed(score.nll, 2)), brief,
                     fmt::format("perplexity {}", fixed(score.perplexity, 3))});
}

/// True when the text is to be read now.
bool take_text(Panel& p) {
    TextDialogView& v = p.view.text_dialog;
    v.problem = p.state.text_obstacle();  // what is loaded may have gone since the dialog opened
    if (!v.problem.empty()) {
        return false;
    }
    std::string text = typed_text(v.text);
    if (text.empty()) {
        const auto read = read_text_file(trimmed(v.path), v.problem);
        if (!read) {
            return false;
        }
        text = *read;
    }
    p.later([text = std::move(text)](UiState& s) { s.read_text(text); });
    set_text(v.text, "");
    p.view.inspector = true;
    return true;
}

}  // namespace

float draw_given_text(Panel& p, NodeId id, float x, float y, float column) {
    Gui& gui = p.gui;
    const Message& m = p.state.chat().at(id);
    const float cy = y + gui.px(12);
    float at = gui.text(with(type::kTitle, Color::text2), x, cy, "Text");
    if (m.state == AnswerState::prefill) {
        const std::string what =
            m.prefill_total > 0 ? fmt::format("reading {} / {}", m.prefill_done, m.prefill_total)
                                : "reading";
        gui.draw()->AddCircleFilled({at + gui.px(14), cy}, gui.px(3.5f), gui.color(Color::accent));
        at = gui.text(type::kNote, at + gui.px(23), cy, what);
    } else {
        draw_score(p, m, at + gui.px(12), cy, x + column - at - gui.px(12));
    }
    y += gui.px(28);
    if (m.state == AnswerState::failed) {
        y = draw_failure(p, id, x, y, column);
    }
    MessageText& text = message_text(p, id, column, column);
    draw_token_colors(p, m, text.layout(), x, y);
    draw_message_text(p, id, text, x, y);
    if (p.view.inspector && p.state.selection.branch == id) {
        draw_text_marks(p, m, text.layout(), x, y);
    }
    return y + text.layout().height() + gui.px(24);
}

void draw_given_foot(Panel& p, const Rect& r) {
    Gui& gui = p.gui;
    gui.card(r, Color::card, Color::edge, 12);
    const std::string no_text = p.state.text_obstacle();
    const ButtonOptions another{
        Look::outline,
        Icon::lines,
        {},
        no_text.empty() ? std::string_view("Paste or load another text (Ctrl T)") : no_text,
        no_text.empty()};
    const float w = button_width(gui, "Another text", another);
    const float right = r.right() - gui.px(12) - w;
    if (p.state.busy()) {
        const ButtonOptions stop{Look::outline, Icon::stop, "Esc", "Stop reading",
                                 !p.state.stopping};
        const float stop_w = button_width(gui, "Stop", stop);
        if (button_at(gui, "composer.stop", r.right() - gui.px(12) - stop_w, r.cy(), "Stop",
                      stop)) {
            p.state.stop();
        }
    } else if (button_at(gui, "text.another", right, r.cy(), "Another text", another)) {
        begin_text(p);
    }
    gui.icon(Icon::lock, r.x + gui.px(22), r.cy(), 13, Color::text2);
    gui.text_choice(type::kNote, r.x + gui.px(38), r.cy(), right - r.x - gui.px(50),
                    {"This text is read only: click a token to look into it", "Read only"});
}

void begin_text(Panel& p) {
    const std::string obstacle = p.state.text_obstacle();
    if (obstacle.empty()) {
        p.view.text_dialog.open = true;
    } else {
        p.view.say(obstacle);
    }
}

void draw_text_dialog(Panel& p) {
    Gui& gui = p.gui;
    TextDialogView& v = p.view.text_dialog;
    if (std::exchange(v.open, false)) {
        ImGui::OpenPopup("read text");
        v.problem.clear();  // the text stays until it is taken: Escape loses nothing
        v.text.take_focus = v.text.in_dialog = true;
    }
    const ImVec2 size = ImGui::GetIO().DisplaySize;
    ImGui::SetNextWindowPos({size.x / 2, size.y * 0.45f}, ImGuiCond_Always, {0.5f, 0.5f});
    ImGui::SetNextWindowSize(
        {std::min(gui.px(680), size.x - gui.px(16)), std::min(gui.px(460), size.y - gui.px(16))});
    if (!begin_dialog(gui, "read text")) {
        return;
    }
    const ImVec2 at = ImGui::GetCursorScreenPos();
    const ImVec2 room = ImGui::GetContentRegionAvail();
    gui.text({Face::semibold, 16, Color::text}, at.x, at.y + gui.px(10),
             "Score and inspect a text");
    gui.text_fit(type::kNote, at.x, at.y + gui.px(38), room.x,
                 "The model reads it as it stands, without a chat's frame, and writes nothing.");
    const Rect card{at.x, std::round(at.y + gui.px(56)), room.x, room.y - gui.px(156)};
    gui.card(card, Color::card, Color::edge, 8);
    bool go = text_field(gui, "text.field", card.inset(gui.px(12), gui.px(8)), v.text,
                         "Paste a text here; Ctrl Enter scores it", false)
                  .submitted;
    const float line = card.bottom() + gui.px(12);
    gui.text(type::kNote, at.x, line + gui.px(17), "or a file");
    const float label = gui.width(type::kNote, "or a file") + gui.px(12);
    go |= line_field(gui, "text.path",
                     {at.x + label, std::round(line), room.x - label, std::round(gui.px(34))},
                     v.path, "/path/to/text.txt", gui.px(12));
    const float cy = at.y + room.y - gui.px(16);
    const ButtonOptions quiet{Look::quiet};
    const ButtonOptions primary{Look::primary, Icon::none, {}, "Score it (Ctrl Enter)"};
    Rect taken;
    const float go_w = button_width(gui, "Score it", primary);
    go |= enter_presses_primary();
    go |= button_at(gui, "text.go", at.x + room.x - go_w, cy, "Score it", primary, &taken);
    const float cancel_w = button_width(gui, "Cancel", quiet);
    const bool cancel = button_at(gui, "text.cancel", taken.x - gui.px(8) - cancel_w, cy, "Cancel",
                                  quiet, &taken) ||
                        ImGui::IsKeyPressed(ImGuiKey_Escape);
    gui.text_fit(with(type::kNote, Color::error), at.x, cy, taken.x - at.x - gui.px(12), v.problem);
    if ((go && take_text(p)) || cancel) {
        ImGui::CloseCurrentPopup();
    }
    end_dialog();
}

}  // namespace app::ui
