// What the pointer is on, before anything is drawn: so that every panel marks it in the same frame.
#include <charconv>

#include "app/ui/panels/matrix.h"

namespace app::ui {

namespace {

/// The number at the end of "token.17" or "word.17".
std::optional<uint32_t> position_in(std::string_view id) {
    for (const std::string_view prefix : {"token.", "word."}) {
        uint32_t position = 0;
        if (id.substr(0, prefix.size()) == prefix) {
            const char* begin = id.data() + prefix.size();
            const char* end = id.data() + id.size();
            const auto [rest, error] = std::from_chars(begin, end, position);
            if (error == std::errc() && rest == end) {
                return position;
            }
        }
    }
    return std::nullopt;
}

/// The exact cells of a pixel that stands for several.
BlockCells block_of(const MatrixPlace& m, const MatrixPlace::Span& span) {
    BlockCells block{span.query_begin,
                     span.query_end - span.query_begin,
                     span.column_begin,
                     span.column_end - span.column_begin,
                     0,
                     ~0U};
    if (m.band) {
        const uint32_t last = span.query_end - 1;  // all keys at these distances
        const uint32_t back = span.column_end - 1;
        block.key_begin = span.query_begin > back ? span.query_begin - back : 0;
        block.n_keys =
            last >= span.column_begin ? last - span.column_begin + 1 - block.key_begin : 0;
        block.distance_begin = span.column_begin;
        block.distance_end = span.column_end;
    }
    return block;
}

void hover_matrix(Panel& p, const MatrixPlace& m, float x, float y) {
    HeadSight& sight = p.state.sight;
    const std::optional<MatrixPlace::Span> span = m.under(x, y);
    if (!span || (!m.band && span->column_begin >= span->query_end)) {
        return;
    }
    const uint32_t query = span->query_begin;
    const bool one_cell =
        span->query_end - query == 1 && span->column_end - span->column_begin == 1;
    if (one_cell) {
        if (span->column_begin <= query) {
            const uint32_t key = m.band ? query - span->column_begin : span->column_begin;
            p.view.hovered_cell = CellAt{query, key};
            if (!exact_weight(p.state, query, key)) {
                sight.wanted_block = BlockCells{query, 1, key, 1, 0, ~0U};
            }
        }
        return;
    }
    const BlockCells block = block_of(m, *span);
    if (block.n_keys == 0 || block.n_keys > BlockCells::kMost ||
        block.n_queries > BlockCells::kMost) {
        return;
    }
    sight.wanted_block = block;
    if (const auto facts = sight.block_facts(block, measure_of(p.state))) {
        p.view.hovered_cell = CellAt{facts->query, facts->key};
    }
}

}  // namespace

void find_hovered(Panel& p) {
    View& v = p.view;
    v.hovered_cell.reset();
    v.hovered_position = v.next_hovered_position;  // of the chat's text, as it lay before
    v.next_hovered_position.reset();
    const MatrixPlace place = std::exchange(v.matrix_place, MatrixPlace{});
    const Rect minimap = std::exchange(v.minimap, Rect{});
    const ImVec2 mouse = ImGui::GetIO().MousePos;
    if (ImGui::IsPopupOpen(nullptr, ImGuiPopupFlags_AnyPopupId | ImGuiPopupFlags_AnyPopupLevel) ||
        ImGui::IsMouseDown(ImGuiMouseButton_Right) || !ImGui::IsMousePosValid(&mouse)) {
        return;
    }
    const auto on = [&](const Rect& r) { return r.contains(mouse.x, mouse.y); };
    if (p.state.selected_in_cache() && on(place.area) && !on(minimap)) {
        hover_matrix(p, place, mouse.x, mouse.y);
        return;
    }
    for (const auto& [id, widget] : p.gui.registry().widgets()) {
        if (widget.role == "token" && on(widget.visible)) {
            if (const std::optional<uint32_t> position = position_in(id)) {
                v.hovered_position = position;
                return;
            }
        }
    }
}

}  // namespace app::ui
