// Actions on what the inspector shows. They walk, so that most mean nothing without their key.
#include "app/ui/actions.h"

namespace app::ui {

namespace {

void step_position(Panel& p, int64_t by) {
    p.state.select_position(p.state.selection.step() + by);
}
void step_head(Panel& p, int64_t layer, int64_t head) {
    const Selection& s = p.state.selection;
    p.state.select_head(int64_t(s.layer) + layer, int64_t(s.head) + head);
}
/// A focused slider keeps these two.
bool no_slider(const Panel&) {
    return !ImGui::GetIO().NavVisible;
}

void zoom(Panel& p, double factor) {
    const auto linked = effective_key(p, selected_links(p, 0.7f, 1));
    const double query = double(p.state.selection.query) + 0.5;
    zoom_matrix(p, factor, linked ? double(*linked) + 0.5 : query, query);
}

bool is_zoomed(const Panel& p) {
    return !p.view.zoom.whole;
}

constexpr int64_t kFar = int64_t{1} << 40;

const Action kActions[] = {
    {"tab.overview", "Inspector: overview", "Inspector", "1", Where::inspector, nullptr,
     [](Panel& p) { p.view.tab = Tab::overview; }},
    {"tab.attention", "Inspector: attention", "Inspector", "2", Where::inspector, nullptr,
     [](Panel& p) { p.view.tab = Tab::attention; }},
    {"tab.next_token", "Inspector: next token", "Inspector", "3", Where::inspector, nullptr,
     [](Panel& p) { p.view.tab = Tab::next_token; }},
    {"tab.layers", "Inspector: layers", "Inspector", "4", Where::inspector, nullptr,
     [](Panel& p) { p.view.tab = Tab::layers; }},
    {"token.previous", "Previous token", "Inspector", "LeftArrow", Where::inspector, no_slider,
     [](Panel& p) { step_position(p, -1); }, true, false},
    {"token.next", "Next token", "Inspector", "RightArrow", Where::inspector, no_slider,
     [](Panel& p) { step_position(p, 1); }, true, false},
    {"token.first", "First token", "Inspector", "Home", Where::inspector, nullptr,
     [](Panel& p) { step_position(p, -kFar); }},
    {"token.last", "Last token", "Inspector", "End", Where::inspector, nullptr,
     [](Panel& p) { step_position(p, kFar); }},
    {"token.live", "Follow the last token", "Inspector", "L", Where::inspector,
     [](const Panel& p) { return p.state.selection.locked; }, [](Panel& p) { p.state.go_live(); }},
    {"layer.up", "Layer above", "Inspector", "UpArrow", Where::inspector, nullptr,
     [](Panel& p) { step_head(p, -1, 0); }, true, false},
    {"layer.down", "Layer below", "Inspector", "DownArrow", Where::inspector, nullptr,
     [](Panel& p) { step_head(p, 1, 0); }, true, false},
    {"head.previous", "Previous head", "Inspector", "LeftBracket", Where::inspector, nullptr,
     [](Panel& p) { step_head(p, 0, -1); }, true, false},
    {"head.next", "Next head", "Inspector", "RightBracket", Where::inspector, nullptr,
     [](Panel& p) { step_head(p, 0, 1); }, true, false},
    {"branch.take", "Branch with the opened token", "Inspector", "B", Where::inspector,
     [](const Panel& p) {
         return p.view.open_candidate.has_value() &&
                p.state.branch_obstacle(p.state.selection.position).empty();
     },
     [](Panel& p) { branch_with(p, p.state.selection.position, *p.view.open_candidate); }},
    {"view.export", "Export a view to a file", "Inspector", "E", Where::inspector,
     [](const Panel& p) { return p.state.selected() != nullptr; },
     [](Panel& p) { p.view.exporting.show = true; }},
    {"token.search", "Find a token in the vocabulary", "Inspector", "Slash", Where::inspector,
     nullptr, [](Panel& p) { p.view.focus_search = true; }},
    {"tokens.coloring", "Colours of the tokens: surprise, probability, entropy, rank", "Inspector",
     "C", Where::inspector, nullptr,
     [](Panel& p) {
         p.view.coloring = TokenColoring((size_t(p.view.coloring) + 1) % kTokenColorings);
     }},
    {"sink.next", "First token: raw, gutter, renormalised, by value", "Inspector", "G",
     Where::inspector, nullptr,
     [](Panel& p) { p.state.sink = SinkMode((int(p.state.sink) + 1) % kSinkModes); }},
    {"lens.residual", "Through the layers: after attention, after MLP", "Inspector", "R",
     Where::inspector, nullptr, [](Panel& p) { p.state.lens_mid = !p.state.lens_mid; }},
    {"matrix.closer", "Zoom the matrix in", "Inspector", "Equal | KeypadAdd", Where::inspector,
     nullptr, [](Panel& p) { zoom(p, 0.7); }, true},
    {"matrix.wider", "Zoom the matrix out", "Inspector", "Minus | KeypadSubtract", Where::inspector,
     nullptr, [](Panel& p) { zoom(p, 1 / 0.7); }, true},
    {"matrix.whole", "Show the whole matrix", "Inspector", "0", Where::inspector, nullptr,
     [](Panel& p) { p.view.zoom.whole = true; }},
    {"matrix.left", "Move the matrix left", "Inspector", "Shift+LeftArrow", Where::inspector,
     is_zoomed, [](Panel& p) { pan_matrix_keys(p, -1, 0); }, true, false},
    {"matrix.right", "Move the matrix right", "Inspector", "Shift+RightArrow", Where::inspector,
     is_zoomed, [](Panel& p) { pan_matrix_keys(p, 1, 0); }, true, false},
    {"matrix.up", "Move the matrix up", "Inspector", "Shift+UpArrow", Where::inspector, is_zoomed,
     [](Panel& p) { pan_matrix_keys(p, 0, -1); }, true, false},
    {"matrix.down", "Move the matrix down", "Inspector", "Shift+DownArrow", Where::inspector,
     is_zoomed, [](Panel& p) { pan_matrix_keys(p, 0, 1); }, true, false},
    {"matrix.pooling", "Pixels of many cells: max, mean", "Inspector", "M", Where::inspector,
     nullptr,
     [](Panel& p) { p.state.sight.pooling = Pooling((int(p.state.sight.pooling) + 1) % 2); }},
    {"matrix.band", "Local layers: square, band of distances", "Inspector", "D", Where::inspector,
     nullptr, [](Panel& p) { p.state.sight.band = !p.state.sight.band; }},
};

}  // namespace

std::span<const Action> inspector_actions() {
    return kActions;
}

}  // namespace app::ui
