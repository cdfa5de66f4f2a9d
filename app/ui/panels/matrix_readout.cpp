// The floating read-out: one cell's exact weight, its row and its key.
#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "app/ui/panels/matrix.h"

namespace app::ui {

namespace {

constexpr float kReadoutGap = 12;

/// Where the read-out stands, of a size: in the masked corner of the whole matrix, beside it, or
/// where it hides neither the cell it speaks of nor what is pointed at.
Rect readout_place(const Panel& p, const MatrixPlace& m, uint32_t query, uint32_t key, float w,
                   float h) {
    const Gui& gui = p.gui;
    const float gap = gui.px(kReadoutGap);
    const float below = p.view.minimap.h > 0 ? p.view.minimap.bottom() - m.area.y : 0;
    const Rect corner{m.area.right() - w - gap, m.area.y + below + gap, w, h};
    const ImVec2 mouse = ImGui::GetIO().MousePos;
    const std::optional<uint32_t> column = m.column_of({query, key});
    const auto hides = [&](const Rect& box) {
        const Rect around = box.inset(-gui.px(8), -gui.px(8));
        return around.contains(mouse.x, mouse.y) ||
               (column && around.contains(m.x_of(*column) + std::max(m.cell, 2.0f) / 2,
                                          m.y_of(query) + std::max(m.row, 2.0f) / 2));
    };
    const Rect low{m.area.x + gap, m.area.bottom() - h - gap, w, h};
    return hides(corner) && !hides(low) ? low : corner;
}

/// True when a box of this size lies in the masked corner and on no cell.
bool fits_corner(const Panel& p, const MatrixPlace& m, float w, float h) {
    return p.view.zoom.whole && !m.band && w + h + 2 * p.gui.px(kReadoutGap) + m.cell <= m.area.w;
}

struct Readout {
    uint32_t query = 0, key = 0;
    std::string value, bos;
    bool visible = false;
    std::string pooled;  // of what the value is the largest, or empty
};

void draw_full_readout(Panel& p, const Rect& box, const Readout& of) {
    Gui& gui = p.gui;
    const Message& answer = *p.state.selected();
    const float x = box.x + gui.px(14);
    gui.text(of.visible ? type::kNumber : type::kTitle, x, box.y + gui.px(25), of.value);
    const float row_y = box.y + gui.px(51), key_y = box.y + gui.px(69);
    const TextStyle label{Face::medium, 12, Color::row_text};
    const float after =
        std::max(gui.text(label, x, row_y, fmt::format("row {}", of.query)),
                 gui.text(with(label, Color::key_text), x, key_y, fmt::format("key {}", of.key)));
    const float face_x = after + gui.px(9);
    const float room = box.right() - gui.px(10) - face_x;
    const auto side = [&](uint32_t position, float y, const std::string& words) {
        TokenFace face = face_of(answer.tokens[position]);
        face.text = one_line(face.text, 9);
        const float end =
            draw_face(gui, face_x, y, face, Color::text, {Face::mono_medium, 12, Color::text});
        if (end + gui.px(8) + gui.width(type::kNote, words) <= face_x + room) {
            gui.text(type::kNote, end + gui.px(8), y, words);
        }
    };
    side(of.query, row_y, "looked at");
    side(of.key, key_y, of.key == of.query ? "itself" : fmt::format("{} back", of.query - of.key));
    gui.text_fit(type::kNote, x, box.y + gui.px(88), box.right() - gui.px(8) - x,
                 of.pooled.empty() ? of.bos : of.pooled);
}

/// The value, and the two positions in one line.
void draw_small_readout(Panel& p, const Rect& box, const Readout& of) {
    Gui& gui = p.gui;
    const TextStyle label{Face::medium, 12, Color::row_text};
    const float x = box.x + gui.px(12);
    gui.text(of.visible ? type::kNumber : type::kTitle, x, box.y + gui.px(22), of.value);
    const float y = box.y + gui.px(44);
    const float after = gui.text(label, x, y, fmt::format("row {}", of.query));
    gui.text(with(label, Color::key_text), after + gui.px(9), y, fmt::format("key {}", of.key));
}

/// Of several cells: which one the value is of, or what the mean is of.
std::string pooled_words(Panel& p, double& value) {
    const HeadSight& sight = p.state.sight;
    const std::optional<BlockCells>& block = sight.wanted_block;
    if (!block || block->n_queries * block->n_keys == 1) {
        return {};
    }
    const auto facts = sight.block_facts(*block, measure_of(p.state));
    if (!facts) {
        return {};
    }
    const uint32_t columns = std::min(block->n_keys, block->distance_end - block->distance_begin);
    if (sight.pooling == Pooling::mean) {
        value = double(facts->mass);
        return fmt::format("a row's mass in {} × {}", block->n_queries, columns);
    }
    return fmt::format("largest of {} × {} here", block->n_queries, columns);
}

}  // namespace

void draw_readout(Panel& p, const MatrixPlace& m, const CellAt& at, bool hovered) {
    Gui& gui = p.gui;
    const Message& answer = *p.state.selected();
    const std::optional<float> weight = shown_weight(p.state, at.query, at.key);
    if (!weight || at.query >= answer.tokens.size() || at.key > at.query ||
        m.area.w < gui.px(180)) {
        return;
    }
    const bool visible = p.state.matrix.visible(at.query, at.key);
    double value = double(*weight);
    const std::string pooled = hovered && m.pooled() ? pooled_words(p, value) : std::string();
    const std::optional<float> sink = sink_weight(p.state, at.query);
    const Readout of{at.query,
                     at.key,
                     visible ? shown_number(p.state, value) : "out of window",
                     !p.state.matrix.visible(at.query, 0) ? "BOS: out of window"
                     : sink                               ? "BOS took " + percent(double(*sink))
                                                          : std::string(),
                     visible,
                     pooled};
    const float w = gui.px(162), h = gui.px(106);
    const float small_w = gui.px(118), small_h = gui.px(58);
    const bool beside = m.outer.right() - m.area.right() > w + gui.px(24);
    const bool small = !beside && !fits_corner(p, m, w, h);
    if (small && prints_values(gui, m)) {
        return;  // it would hide a cell to say what stands in another
    }
    Rect box = readout_place(p, m, at.query, at.key, small ? small_w : w, small ? small_h : h);
    if (beside && !fits_corner(p, m, w, h)) {
        box = {m.area.right() + gui.px(16), m.area.y + gui.px(kReadoutGap), w, h};
    }
    box = {std::round(box.x), std::round(box.y), std::round(box.w), std::round(box.h)};
    gui.card(box, Color::card, Color::edge, 10);
    gui.registry().add("matrix.readout", {box, box, "note", of.value, true});
    gui.registry().bind("readout.weight", value, of.value);
    small ? draw_small_readout(p, box, of) : draw_full_readout(p, box, of);
}

}  // namespace app::ui
