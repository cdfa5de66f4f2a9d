// All layers by all heads: pooled pictures that grow while the answer is written.
#include <algorithm>
#include <array>
#include <cmath>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "app/engine/thumbnails.h"
#include "app/ui/panels/panels.h"

namespace app::ui {

namespace {

struct Grid {
    float x = 0, y = 0;  // of the first cell
    int cell = 32, step = 33, extra = 3;
    uint32_t n_layers = 0, n_heads = 0;
    float height = 0;
};

bool is_global(const ModelInfo& model, uint32_t layer) {
    return layer < model.layers.size() && model.layers[layer].window == 0;
}

float layer_y(const ModelInfo& model, const Grid& g, uint32_t layer) {
    float y = g.y;
    for (uint32_t l = 0; l < layer; ++l) {
        y += float(g.step + (is_global(model, l) ? g.extra : 0));
    }
    return y;
}

/// The largest cell between 16 and 32 with which all layers fit.
Grid make_grid(const Panel& p, const Rect& r) {
    const ModelInfo& model = *p.state.model;
    Grid g;
    g.n_layers = model.n_layers;
    g.n_heads = model.n_heads;
    g.extra = int(std::round(p.gui.px(3)));
    const auto n_global = int(std::count_if(model.layers.begin(), model.layers.end(),
                                            [](const LayerInfo& l) { return l.window == 0; }));
    const float room_h = (r.h - float(n_global * g.extra)) / float(std::max(g.n_layers, 1u)) - 1;
    const float room_w = (r.w - p.gui.px(38)) / float(std::max(g.n_heads, 1u)) - 1;
    const float size = std::clamp(std::min(room_h, room_w), p.gui.px(16), p.gui.px(32));
    g.cell = int(size);
    g.step = g.cell + 1;
    g.x = std::round(r.x + p.gui.px(38));
    g.y = r.y;
    g.height = float(int(g.n_layers) * g.step + n_global * g.extra);
    return g;
}

/// The bins under each pixel: the largest, or their mass. Log scale, range per head, without BOS
/// where the mode leaves it out.
void paint_thumb(const Panel& p, const HeadThumb& t, int cell, int x0, Picture& out, int y0) {
    const Theme& theme = p.gui.theme();
    const uint32_t side = t.side();
    const bool mean = p.state.sight.pooling == Pooling::mean;
    const bool with_sink = p.state.sink == SinkMode::raw;
    const int low = log_code(1.0f / float(std::max(t.n_positions, 2u)));
    int high = low + 1;
    for (uint32_t r = 0; r < side; ++r) {
        for (uint32_t c = 0; c <= r; ++c) {
            high = std::max(high, int(t.at(r, c, mean, with_sink)));
        }
    }
    const ImU32 masked = Gui::rgb(theme.rgb(Color::masked));
    for (int y = 0; y < cell; ++y) {
        const auto r0 = uint32_t(y) * side / uint32_t(cell);
        const auto r1 = std::max(r0 + 1, uint32_t(y + 1) * side / uint32_t(cell));
        for (int x = 0; x < cell; ++x) {
            const auto c0 = uint32_t(x) * side / uint32_t(cell);
            const auto c1 = std::max(c0 + 1, uint32_t(x + 1) * side / uint32_t(cell));
            int code = -1;  // rows that are not there yet stay blank
            for (uint32_t r = r0; side > 0 && r < std::min(r1, side) && t.has_row(r); ++r) {
                for (uint32_t c = c0; c < std::min(c1, r + 1); ++c) {
                    code = std::max(code, int(t.at(r, c, mean, with_sink)));
                }
            }
            const float v = float(code - low) / float(high - low);
            out.row(y0 + y)[x0 + x] =
                code < 0 ? masked : Gui::rgb(theme.attention(std::clamp(v, 0.0f, 1.0f)));
        }
    }
}

void paint_all(Panel& p, const Grid& g) {
    uint64_t key = p.view.dark() ? 7 : 3;
    key = key * 31 + uint64_t(p.state.sink) * 2 + uint64_t(p.state.sight.pooling);
    for (uint32_t l = 0; l < g.n_layers; ++l) {
        const HeadThumb* t = p.state.thumbs.find(l, 0);
        key = key * 1099511628211ull + (t == nullptr ? 0 : t->version);
    }
    Picture& picture = p.view.heads_picture;
    if (!picture.wants(key, int(g.n_heads) * g.step, int(g.n_layers) * g.step)) {
        return;
    }
    for (uint32_t l = 0; l < g.n_layers; ++l) {
        for (uint32_t h = 0; h < g.n_heads; ++h) {
            if (const HeadThumb* t = p.state.thumbs.find(l, h)) {
                paint_thumb(p, *t, g.cell, int(h) * g.step, picture, int(l) * g.step);
            }
        }
    }
    picture.upload();
}

/// What a pixel of many cells shows, here and in the matrix.
void draw_pooling(Panel& p, float left, float right, float cy) {
    constexpr std::array<std::string_view, 2> kPooling = {"max", "mean"};
    Rect taken;
    const int chosen =
        segmented(p.gui, "heads.pooling", right, cy, kPooling, int(p.state.sight.pooling), &taken);
    if (chosen >= 0) {
        p.state.sight.pooling = Pooling(chosen);
    }
    p.gui.text_choice(type::kNote, left, cy, taken.x - left - p.gui.px(8),
                      {"Cells a pixel", "Cells", ""});
    p.gui.hit("heads.pooling.note", {left, cy - p.gui.px(9), taken.x - left, p.gui.px(18)}, "note",
              "Cells a pixel");
    p.gui.tooltip(
        "A pixel stands for many cells.\nmax: the largest of them, so that a thin line is seen\n"
        "mean: their mass, so that areas compare (M)");
}

struct Ranked {
    uint32_t layer = 0, head = 0;
    float weight = 0;
};

/// The six heads to be marked: by what they bring, or where that is not known by weight on the
/// link.
std::vector<Ranked> six_strongest(const Panel& p, const Grid& g) {
    std::vector<Ranked> all;
    const HeadRanks& ranks = p.state.ranks;
    for (const HeadShare& h : ranks.list) {
        all.push_back({h.layer, h.head, h.share});
    }
    const RowLinks links = all.empty() ? selected_links(p, 0.7f, 24) : RowLinks{};
    const auto key = all.empty() ? effective_key(p, links) : std::nullopt;
    for (uint32_t l = 0; key && l < g.n_layers; ++l) {
        for (uint32_t h = 0; h < g.n_heads; ++h) {
            const auto w = p.state.live.weight(l, h, p.state.selection.query, *key);
            if (w && *w > 0) {
                all.push_back({l, h, *w});
            }
        }
    }
    std::stable_sort(all.begin(), all.end(),
                     [](const Ranked& a, const Ranked& b) { return a.weight > b.weight; });
    all.resize(std::min<size_t>(all.size(), 6));
    return all;
}

/// Row and column of what is pointed at, in every picture.
void draw_cross(Panel& p, const Rect& cell, uint32_t l, uint32_t h) {
    const HeadThumb* t = p.state.thumbs.find(l, h);
    if (t == nullptr || t->side() == 0) {
        return;
    }
    Gui& gui = p.gui;
    const float scale = cell.w / float(t->side());
    const auto at = [&](uint32_t position) {
        return std::floor(std::min(float(position / t->bin) * scale, cell.w - 1));
    };
    if (const auto row = p.view.hovered_row(); row && *row < t->n_positions) {
        const Rect line{cell.x, cell.y + at(*row), cell.w, gui.whole(1)};
        gui.fill(line, Color::row);
        gui.registry().add(fmt::format("head.{}.{}.row.{}", l, h, *row),
                           {line, line, "mark", "row", true});
    }
    if (const auto key = p.view.hovered_key(); key && *key < t->n_positions) {
        const Rect line{cell.x + at(*key), cell.y, gui.whole(1), cell.h};
        gui.fill(line, Color::key);
        gui.registry().add(fmt::format("head.{}.{}.key.{}", l, h, *key),
                           {line, line, "mark", "key", true});
    }
}

void draw_cell(Panel& p, const Grid& g, uint32_t l, uint32_t h, float y) {
    Gui& gui = p.gui;
    const Rect cell{g.x + float(int(h) * g.step), y, float(g.cell), float(g.cell)};
    p.view.heads_picture.draw_part(gui.draw(), cell.x, cell.y, int(h) * g.step, int(l) * g.step,
                                   g.cell, g.cell);
    const Hit hit = gui.hit(fmt::format("head.{}.{}", l, h), cell, "head",
                            fmt::format("layer {} head {}", l, h));
    const Selection& s = p.state.selection;
    if (s.layer == l && s.head == h) {
        gui.frame({cell.x - gui.px(1), cell.y - gui.px(1), cell.w + gui.px(2), cell.h + gui.px(2)},
                  Color::crosshair, 2, 2);
    } else if (hit.hovered || hit.focused) {
        gui.frame(cell, Color::text2, 0, 1.5f);
    }
    const ModelInfo& model = *p.state.model;
    const uint32_t group =
        model.n_kv_heads > 0 ? h / std::max(1u, model.n_heads / model.n_kv_heads) : h;
    draw_cross(p, cell, l, h);
    const std::string left_out =
        p.state.sink == SinkMode::raw ? std::string() : "\nPosition 0 (BOS) is left out";
    gui.tooltip(fmt::format("Layer {}, head {}: {}, KV head {}{}", l, h,
                            is_global(model, l) ? std::string("global, sees all")
                                                : fmt::format("local, sees {}, itself included",
                                                              model.layers[l].window),
                            group, left_out));
    if (hit.clicked) {
        p.state.select_head(l, h);
    }
}

void draw_grid_head(Panel& p, const Grid& g, float y) {
    Gui& gui = p.gui;
    const ModelInfo& model = *p.state.model;
    const uint32_t per = std::max(1u, model.n_heads / std::max(1u, model.n_kv_heads));
    const float right = g.x + float(int(g.n_heads) * g.step);
    for (uint32_t first = 0; first < g.n_heads; first += per) {
        const float x0 = g.x + float(int(first) * g.step);
        const float x1 = std::min(right, x0 + float(int(per) * g.step)) - gui.px(2);
        gui.hline(x0, y, x1 - x0, Color::edge);
    }
    const float cy = y + gui.px(10);
    gui.text_right({Face::regular, 11, Color::text2}, g.x - gui.px(6), cy,
                   model.n_kv_heads == 1 ? "KV 0" : "KV");
    for (uint32_t h = 0; h < g.n_heads; ++h) {
        if (g.cell >= int(gui.px(20)) || h % 2 == 0) {
            gui.text_centred(type::kValue, g.x + float(int(h) * g.step) + float(g.cell) / 2, cy,
                             std::to_string(h));
        }
    }
}

void draw_corners(Panel& p, const Grid& g) {
    for (const Ranked& r : six_strongest(p, g)) {
        const float x = g.x + float(int(r.head) * g.step + g.cell);
        const float y = layer_y(*p.state.model, g, r.layer);
        const float a = p.gui.px(9);
        p.gui.draw()->AddTriangleFilled({x - a, y}, {x, y}, {x, y + a}, p.gui.color(Color::accent));
    }
}

}  // namespace

void draw_heads(Panel& p, const Rect& r) {
    Gui& gui = p.gui;
    const float cy = r.y + gui.px(18);
    gui.text(type::kTitle, r.x + gui.px(16), cy, "Heads");
    const bool cached = p.state.selected_in_cache();
    const float right = r.right() - gui.px(14);
    if (!cached || !p.state.thumbs_not_captured.empty() || p.state.model->n_layers == 0) {
        draw_not_captured(p, {r.x + gui.px(12), cy + gui.px(14), r.w - gui.px(20), r.h}, "heads",
                          cached ? p.state.thumbs_not_captured : p.state.not_in_cache_reason());
        return;
    }
    const bool mean = p.state.sight.pooling == Pooling::mean;
    badge(gui, "heads.badge", right, cy, Source::pooled, mean ? "mean" : "max");
    const float foot = gui.px(58);
    const Rect area{r.x + gui.px(16), r.y + gui.px(57), r.w - gui.px(26), r.h - gui.px(57) - foot};
    Grid g = make_grid(p, area);
    draw_grid_head(p, g, r.y + gui.px(36));
    paint_all(p, g);
    ImGui::SetCursorScreenPos({area.x, area.y - gui.px(2)});
    ImGui::BeginChild("heads", {area.w + gui.px(4), area.h + gui.px(4)}, 0,
                      ImGuiWindowFlags_NoBackground);
    const bool outer = std::exchange(gui.scrolls, true);
    g.y = area.y - ImGui::GetScrollY();
    float y = g.y;
    for (uint32_t l = 0; l < g.n_layers; ++l) {
        const bool global = is_global(*p.state.model, l);
        const float mid = y + float(g.cell) / 2;
        draw_layer_sign(gui, area.x + gui.px(1), mid, global, global ? Color::text : Color::text2);
        gui.text_right(
            {global ? Face::mono_bold : Face::mono, 11, global ? Color::text : Color::text2},
            g.x - gui.px(8), mid, std::to_string(l));
        for (uint32_t h = 0; h < g.n_heads; ++h) {
            draw_cell(p, g, l, h, y);
        }
        y += float(g.step + (global ? g.extra : 0));
    }
    draw_corners(p, g);
    ImGui::SetCursorScreenPos({area.x, g.y});
    ImGui::Dummy({1, g.height});
    gui.scrolls = outer;
    ImGui::EndChild();
    draw_pooling(p, r.x + gui.px(16), right, r.bottom() - gui.px(43));
    const float legend = r.bottom() - gui.px(14);
    float x = r.x + gui.px(16);
    draw_layer_sign(gui, x, legend, false, Color::text2);
    x = gui.text(type::kNote, x + gui.px(15), legend, "local");
    draw_layer_sign(gui, x + gui.px(8), legend, true, Color::text);
    x = gui.text(type::kNote, x + gui.px(23), legend, "global");
    if (x + gui.px(84) < r.right()) {
        const float a = gui.px(9);
        gui.draw()->AddTriangleFilled(
            {x + gui.px(8), legend - a / 2}, {x + gui.px(8) + a, legend - a / 2},
            {x + gui.px(8) + a, legend + a / 2}, gui.color(Color::accent));
        gui.text(type::kNote, x + gui.px(22), legend, "strongest");
        gui.hit("heads.legend", {x + gui.px(6), legend - gui.px(9), gui.px(76), gui.px(18)}, "note",
                "strongest");
        gui.tooltip(
            p.state.ranks.list.empty()
                ? "The six heads with the largest weight on the selected link, where its row was "
                  "kept live."
                : "The six heads that bring most from other tokens than BOS and the row's own: "
                  "weight × norm of what the head adds, as a share of the layer's (J, K).");
    }
}

}  // namespace app::ui
