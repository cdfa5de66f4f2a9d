// Through the layers: what the model would say after each layer, or between its attention and its
// MLP (final norm, output matrix and cap applied to the residual there).
#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

#include <fmt/format.h>

#include "app/ui/panels/panels.h"
#include "app/ui/widgets/format.h"

namespace app::ui {

namespace {

bool have_lens(const Panel& p) {
    const Lens& lens = p.state.lens;
    return p.state.selected_in_cache() && p.state.selection.position > 0 &&
           p.state.lens_is_here() && !lens.layers.empty() && !lens.ids.empty();
}

std::string missing_reason(const Panel& p) {
    if (!p.state.selected_in_cache()) {
        return p.state.not_in_cache_reason();
    }
    if (p.state.selection.position == 0) {
        return "There is no row before the first token.";
    }
    if (!p.state.lens.not_captured.empty()) {
        return p.state.lens.not_captured;
    }
    if (p.state.lens_coming()) {
        return {};
    }
    const Distribution& d = p.state.distribution;
    return d.row == p.state.selection.query && !d.not_captured.empty()
               ? d.not_captured
               : "The model has not been through this row.";
}

float share(const LensAnswer& layer, size_t i) {
    return i < layer.asked.size() ? std::exp(layer.asked[i]) : 0;
}

Color line_color(const Panel& p, size_t i) {
    const Message& m = *p.state.selected();
    if (p.state.selection.after_last) {
        return i == 0 ? Color::accent : Color::text2;  // nothing was drawn: the likeliest
    }
    return p.state.lens.ids[i] == m.tokens[p.state.selection.position].id ? Color::accent
                                                                          : Color::text2;
}

void draw_lines(Panel& p, const Rect& plot) {
    Gui& gui = p.gui;
    const Lens& lens = p.state.lens;
    const auto n = float(std::max<size_t>(lens.layers.size() - 1, 1));
    const auto x_of = [&](size_t l) { return plot.x + plot.w * float(l) / n; };
    for (const float level : {0.0f, 0.5f, 1.0f}) {
        gui.hline(plot.x - gui.px(3), plot.bottom() - plot.h * level, plot.w + gui.px(6));
    }
    if (p.state.selection.layer < lens.layers.size()) {
        gui.vline(x_of(p.state.selection.layer), plot.y, plot.h, Color::edge);
    }
    for (size_t i = 0; i < lens.ids.size(); ++i) {
        const Color c = line_color(p, i);
        ImDrawList* draw = gui.draw();
        for (size_t l = 0; l < lens.layers.size(); ++l) {
            draw->PathLineTo({x_of(l), plot.bottom() - plot.h * share(lens.layers[l], i)});
        }
        draw->PathStroke(gui.color(c), 0, gui.px(c == Color::accent ? 2.0f : 1.5f));
        for (size_t l = 0; l < lens.layers.size(); ++l) {
            draw->AddCircleFilled({x_of(l), plot.bottom() - plot.h * share(lens.layers[l], i)},
                                  gui.px(2.2f), gui.color(c));
        }
    }
}

void hit_layers(Panel& p, const Rect& plot) {
    Gui& gui = p.gui;
    const Lens& lens = p.state.lens;
    const size_t n = lens.layers.size();
    const float step = plot.w / float(std::max<size_t>(n - 1, 1));
    for (size_t l = 0; l < n; ++l) {
        const Rect band{plot.x + step * (float(l) - 0.5f), plot.y, step, plot.h};
        const Hit hit = gui.hit("lens." + std::to_string(l), band, "layer", std::to_string(l));
        std::string tip = lens.mid ? fmt::format("After the attention of layer {} (resid_mid)", l)
                                   : fmt::format("After layer {} (resid_post)", l);
        for (size_t i = 0; i < lens.ids.size(); ++i) {
            tip +=
                fmt::format("\n{}  {}", one_line(open_boxes(p.state.token_text(lens.ids[i])), 24),
                            percent(double(share(lens.layers[l], i))));
        }
        gui.tooltip(tip);
        if (hit.clicked) {
            p.state.select_head(int64_t(l), p.state.selection.head);
        }
    }
}

void draw_ends(Panel& p, const Rect& plot, float right) {
    Gui& gui = p.gui;
    const Lens& lens = p.state.lens;
    std::vector<float> ends;
    for (size_t i = 0; i < lens.ids.size(); ++i) {
        ends.push_back(plot.bottom() - plot.h * share(lens.layers.back(), i));
    }
    const std::vector<float> labels =
        spread(ends, gui.px(14), plot.y + gui.px(5), plot.bottom() - gui.px(4));
    for (size_t i = 0; i < lens.ids.size(); ++i) {
        const double value = double(share(lens.layers.back(), i));
        const float y = labels[i];
        gui.draw()->AddLine({plot.right() + gui.px(2), ends[i]}, {plot.right() + gui.px(8), y},
                            gui.color(line_color(p, i)), gui.whole(1));
        gui.number(type::kValue, right, y, "lens.last." + std::to_string(i), value, percent(value));
        const float x = plot.right() + gui.px(10);
        const float number =
            std::max(gui.px(54), gui.width(type::kValue, percent(value)) + gui.px(6));
        gui.text_fit({Face::mono_medium, 12, line_color(p, i)}, x, y, right - number - x,
                     open_boxes(p.state.token_text(lens.ids[i])));
    }
}

void draw_axis(Panel& p, const Rect& plot, float right) {
    Gui& gui = p.gui;
    const size_t n = p.state.lens.layers.size();
    const float cy = plot.bottom() + gui.px(13);
    const size_t step =
        std::max<size_t>(1, size_t(std::ceil(float(n - 1) / std::max(1.0f, plot.w / gui.px(44)))));
    for (size_t l = 0; l < n; l += step) {
        const bool last = l + step >= n;
        const size_t shown = last ? n - 1 : l;
        gui.text_centred(type::kValue,
                         plot.x + plot.w * float(shown) / float(std::max<size_t>(n - 1, 1)), cy,
                         std::to_string(shown));
    }
    gui.text_right(type::kNote, right, cy, "layer");
}

/// The likeliest tokens after every layer, as a table.
void draw_table(Panel& p, const Rect& r) {
    Gui& gui = p.gui;
    const Lens& lens = p.state.lens;
    ImGui::SetCursorScreenPos({r.x, r.y});
    ImGui::BeginChild("lens", {r.w, r.h}, 0, ImGuiWindowFlags_NoBackground);
    const bool outer = std::exchange(gui.scrolls, true);
    const float step = gui.px(26);
    float y = r.y - ImGui::GetScrollY();
    const float top = y;
    for (size_t l = lens.layers.size(); l-- > 0;) {
        const LensAnswer& layer = lens.layers[l];
        const float cy = y + step / 2;
        const bool chosen = p.state.selection.layer == layer.layer;
        const Rect row{r.x + gui.px(8), y, r.w - gui.px(24), step};
        const Hit hit = gui.hit("lens.row." + std::to_string(l), row, "row", std::to_string(l));
        if (chosen || hit.hovered) {
            gui.fill(row, chosen ? Color::raised : Color::hover, 6);
        }
        if (hit.clicked) {
            p.state.select_head(layer.layer, p.state.selection.head);
        }
        const bool global = layer.layer < p.state.model->layers.size() &&
                            p.state.model->layers[layer.layer].window == 0;
        draw_layer_sign(gui, r.x + gui.px(16), cy, global, global ? Color::text : Color::text2);
        gui.text_right(with(type::kValue, Color::text), r.x + gui.px(54), cy,
                       std::to_string(layer.layer));
        float x = r.x + gui.px(72);
        for (size_t i = 0; i < layer.top.size() && x + gui.px(120) < r.right(); ++i) {
            const double value = std::exp(double(layer.top[i].logprob));
            gui.fill({x, cy - gui.px(11), gui.px(112), gui.px(22)}, Color::card, 4);
            gui.fill({x, cy - gui.px(11), gui.px(112) * float(value), gui.px(22)}, Color::accent_bg,
                     4);
            const float value_x = gui.text_right(type::kValue, x + gui.px(107), cy, percent(value));
            gui.text_fit(type::kToken, x + gui.px(7), cy, value_x - x - gui.px(11),
                         open_boxes(layer.top[i].text));
            x += gui.px(118);
        }
        y += step + gui.px(2);
    }
    ImGui::SetCursorScreenPos({r.x, top});
    ImGui::Dummy({1, y - top});
    gui.scrolls = outer;
    ImGui::EndChild();
}

/// Which residual is read out; left out where there is no room (the key does it).
void draw_residual_choice(Panel& p, float left, float right, float cy) {
    constexpr std::array<std::string_view, 2> kResiduals = {"after attention", "after MLP"};
    Gui& gui = p.gui;
    float w = gui.px(6);
    for (const std::string_view label : kResiduals) {
        w += gui.width({Face::medium, 12, Color::text}, label) + gui.px(16);
    }
    if (right - left < w) {
        return;
    }
    const int chosen =
        segmented(gui, "lens.residual", right, cy, kResiduals, p.state.lens_mid ? 0 : 1);
    if (chosen >= 0) {
        p.state.lens_mid = chosen == 0;
    }
}

}  // namespace

void draw_lens(Panel& p, const Rect& r, bool full) {
    Gui& gui = p.gui;
    const float x = r.x + gui.px(16), right = r.right() - gui.px(16), cy = r.y + gui.px(18);
    const float title_end = gui.text(
        type::kTitle, x, cy, p.state.lens_mid ? "After each attention" : "Through the layers");
    const float badge_x = right - badge_width(gui, Source::recomputed);
    draw_residual_choice(p, title_end + gui.px(10), badge_x - gui.px(8), cy);
    if (!have_lens(p)) {
        const std::string why = missing_reason(p);
        if (!why.empty()) {
            draw_not_captured(p, {r.x + gui.px(12), cy + gui.px(12), r.w - gui.px(24), r.h}, "lens",
                              why);
        } else {
            const bool live = p.state.busy() && !p.state.selection.locked;
            gui.paragraph(with(type::kNote, Color::text3), x, cy + gui.px(19), r.w - gui.px(32), 17,
                          live ? "Computed when the answer is done or a token is selected"
                          : p.state.busy() ? "Computed as soon as writing leaves time for it"
                                           : "Computing");
        }
        return;
    }
    badge(gui, "lens.badge", right, cy, Source::recomputed);
    const float label_w = gui.px(full ? 170 : 112);
    const float height = full ? std::min(gui.px(200), r.h * 0.38f) : r.h - gui.px(64);
    const Rect plot{x + gui.px(3), std::round(r.y + gui.px(36)), right - label_w - x,
                    std::round(height)};
    if (plot.h < gui.px(16) || plot.w < gui.px(40)) {
        return;
    }
    hit_layers(p, plot);
    draw_lines(p, plot);
    draw_ends(p, plot, right);
    draw_axis(p, plot, right);
    if (full) {
        const float y = plot.bottom() + gui.px(40);
        gui.text(with(type::kTitle, Color::text2), x, y,
                 p.state.lens.mid ? "Likeliest after each layer's attention, last layer first"
                                  : "Likeliest after each layer, last layer first");
        draw_table(p, {r.x, y + gui.px(16), r.w, r.bottom() - y - gui.px(20)});
    }
}

}  // namespace app::ui
