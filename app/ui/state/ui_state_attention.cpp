// What the window asks of the engine about attention, and where the answers go.
#include <algorithm>

#include "app/ui/state/ui_state.h"

namespace app::ui {

void UiState::choose_sight() {
    const uint32_t window =
        selection.layer < model->layers.size() ? model->layers[selection.layer].window : 0;
    if (!matrix.is(selection.layer, selection.head)) {
        matrix.reset(selection.layer, selection.head, window);
        matrix_not_captured.clear();
        asked_[size_t(InspectKind::row)] = 0;
    }
    if (!sight.is(selection.layer, selection.head)) {
        sight.choose(selection.layer, selection.head, window);
        for (const InspectKind kind : {InspectKind::sink, InspectKind::tile, InspectKind::values}) {
            asked_[size_t(kind)] = 0;
        }
    }
}

/// Makes room for the exact rows about the selected one; those that came live are there at once.
void UiState::hold_rows() {
    choose_sight();
    const uint32_t rows = rows_in_cache();
    uint32_t begin = 0;
    const uint32_t held = HeadMatrix::rows_held(rows);
    if (rows > held) {
        const uint32_t half = held / 2;
        const uint32_t wanted = selection.query > half ? selection.query - half : 0;
        begin = std::min(wanted, rows - held);
        // Moving by single rows would fetch all the time.
        begin = begin / HeadMatrix::kBlockRows * HeadMatrix::kBlockRows;
    }
    matrix.set_range(begin, std::min(rows, begin + held));
    for (uint32_t q = matrix.begin(); q < matrix.end(); ++q) {
        const model::LiveRows* row = matrix.has_row(q) ? nullptr : live.find(q, selection.layer);
        if (row != nullptr) {
            matrix.add(*row);
        }
    }
}

/// The exact rows about the selected one that nobody has sent yet.
void UiState::ask_rows() {
    hold_rows();
    uint32_t first = 0, last = 0;
    if (waiting(InspectKind::row) || !matrix_not_captured.empty() ||
        !matrix.missing(selection.query, first, last)) {
        return;
    }
    Inspect& question = ask(InspectKind::row);
    question.layer = selection.layer;
    question.head = selection.head;
    question.query_begin = first;
    question.n_queries = last - first + 1;
    question.n_keys = last + 1;
}

/// Sinks, the pixel that is pointed at, and tiles.
void UiState::ask_sight() {
    const uint32_t rows = rows_in_cache();
    if (!sight.not_captured.empty()) {
        return;
    }
    const uint32_t sinks = waiting(InspectKind::sink) ? 0 : sight.missing_sinks(rows);
    if (sinks > 0) {
        Inspect& question = ask(InspectKind::sink);
        question.layer = selection.layer;
        question.head = selection.head;
        question.n_queries = sinks;
    }
    if (sink == SinkMode::valued && !waiting(InspectKind::values) && sight.lacks_values(rows) &&
        !busy()) {
        Inspect& question = ask(InspectKind::values);
        question.layer = selection.layer;
        question.head = selection.head;
    }
    const std::optional<BlockCells>& block = sight.wanted_block;
    if (block && *block != out_.block && block->query_begin + block->n_queries <= rows) {
        out_.block = *block;
        Inspect& question = ask(InspectKind::tile);  // what was asked before is dropped
        question.layer = selection.layer;
        question.head = selection.head;
        question.query_begin = block->query_begin;
        question.n_queries = block->n_queries;
        question.key_begin = block->key_begin;
        question.n_keys = block->n_keys;
    }
    const std::vector<TileKey> missing = sight.missing(rows);
    const bool coming = std::all_of(missing.begin(), missing.end(), [&](const TileKey& key) {
        return std::find(sight.asked.begin(), sight.asked.end(), key) != sight.asked.end();
    });
    if (missing.empty() || (coming && waiting(InspectKind::pyramid))) {
        return;
    }
    ask(InspectKind::pyramid).tiles = missing;
    sight.asked = missing;
}

/// Which heads bring most; while an answer is followed nobody could read it.
void UiState::ask_heads() {
    const HeadRanks::Rows wanted = ranks.wanted(selection.query, rows_in_cache());
    if (busy() || waiting(InspectKind::heads) || wanted.n == 0 || wanted == ranks.rows) {
        return;
    }
    Inspect& question = ask(InspectKind::heads);
    question.query_begin = wanted.begin;
    question.n_queries = wanted.n;
}

/// Once the prompt's, layer by layer, the looked-at one first; after an answer what its live rows
/// have left out or rounded twice.
void UiState::ask_thumbnails() {
    const Message& m = *selected();
    const bool writing = busy() && m.state == AnswerState::writing;
    const uint32_t wanted = writing ? std::min(m.n_prompt, rows_in_cache()) : rows_in_cache();
    if (out_.thumbs_serial != cache_serial_ || wanted != out_.thumbs_asked_for) {
        out_.thumbs_serial = cache_serial_;
        out_.thumbs_wanted = out_.thumbs_asked_for = wanted;
    }
    if (waiting(InspectKind::thumbnails) || !thumbs_not_captured.empty()) {
        return;
    }
    const uint32_t layer = thumbs.next_missing(out_.thumbs_wanted, selection.layer);
    if (layer < thumbs.n_layers()) {
        ask(InspectKind::thumbnails).layer = layer;
    }
}

/// A row of the sequence that goes on.
void UiState::add_live(const model::LiveRows& rows) {
    thumbs.add(rows);
    sight.add(rows);
    if (rows.layer == selection.layer && matrix.end() == rows.position) {
        matrix.set_range(matrix.begin(), rows.position + 1);
    }
    matrix.add(rows);
}

void UiState::on_attention(const InspectReady& e) {
    switch (e.kind) {
        case InspectKind::thumbnails:
            thumbs_not_captured = e.not_captured;
            if (e.thumbnails) {
                thumbs.add(*e.thumbnails, live);
                // Asked for fewer rows than wanted: this is what there is.
                out_.thumbs_wanted = std::min(out_.thumbs_wanted, std::max(e.n_positions, 1u));
            }
            break;
        case InspectKind::row:
            matrix_not_captured = e.not_captured;
            if (e.tile) {
                matrix.add(*e.tile);
            }
            break;
        case InspectKind::heads:
            ranks.take(e);
            break;
        default:
            if (e.kind != InspectKind::tile && e.kind != InspectKind::values) {
                sight.not_captured = e.not_captured;
            }
            sight.add(e, live, rows_in_cache());
            break;
    }
}

}  // namespace app::ui
