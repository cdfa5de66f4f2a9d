// One head: its title, the heads strongest on the selected link, the row's links as arcs over the
// words. The matrix below is in matrix.cpp.
#include <algorithm>
#include <cmath>
#include <set>

#include <fmt/format.h>

#include "app/ui/panels/matrix.h"
#include "app/ui/panels/panels.h"

namespace app::ui {

namespace {

/// Of the selected row. Until it is there, of what the matrix is drawn from.
Source source_of_row(Panel& p, std::string_view& detail) {
    UiState& s = p.state;
    const uint32_t query = s.selection.query;
    if (!s.selected_in_cache() || !s.matrix_not_captured.empty()) {
        return Source::not_captured;
    }
    if (s.matrix.row_is_live(query)) {
        return Source::captured;
    }
    if (s.matrix.has_row(query) || s.sight.cell(query, query)) {
        return Source::recomputed;
    }
    detail = s.sight.pooling == Pooling::mean ? "mean" : "max";
    return Source::pooled;
}

void draw_head_title(Panel& p, const Rect& r) {
    Gui& gui = p.gui;
    const Selection& s = p.state.selection;
    const float cy = r.y + gui.px(18);
    const float right = r.right() - gui.px(16);
    std::string_view detail;
    const Source source = source_of_row(p, detail);
    const float left = badge(gui, "matrix.badge", right, cy, source, detail);
    const float begin = r.x + gui.px(16);
    const float x = gui.text_choice(
        {Face::semibold, 14, Color::text}, begin, cy, left - begin - gui.px(28),
        {fmt::format("Layer {}, head {}", s.layer, s.head), fmt::format("L{} H{}", s.layer, s.head),
         fmt::format("{}.{}", s.layer, s.head)});
    if (!p.state.ready()) {
        return;  // nobody knows what such a layer sees
    }
    const ModelInfo& model = *p.state.model;
    const uint32_t window = s.layer < model.layers.size() ? model.layers[s.layer].window : 0;
    draw_layer_sign(gui, x + gui.px(12), cy, window == 0, Color::text2);
    const std::string seen = thousands(window);
    const std::string local = fmt::format("local, sees {}, itself included", seen);
    const std::string local_short = fmt::format("local, sees {}", seen);
    gui.text_choice(
        type::kNote, x + gui.px(28), cy, left - x - gui.px(36),
        {window == 0 ? "global, sees all" : std::string_view(local),
         window == 0 ? "global" : std::string_view(local_short), window == 0 ? "global" : "local"});
}

// ---- words ----

struct Word {
    uint32_t position = 0;
    uint32_t gap = 0;  // > 0: this many tokens are left out here
    Rect box;
};

constexpr float kGapPad = 12;
constexpr double kArcSeconds = 0.18;

std::string gap_words(uint32_t n) {
    return n == 1 ? "1 token" : fmt::format("{} tokens", n);
}

float gap_width(const Gui& gui, uint32_t n) {
    return gui.width(type::kNote, gap_words(n)) + gui.px(kGapPad);
}

float words_width(const Gui& gui, const Message& m, const std::set<uint32_t>& shown) {
    float w = 0;
    uint32_t before = *shown.begin();
    for (const uint32_t at : shown) {
        if (at > before + 1) {
            w += gap_width(gui, at - before - 1) + gui.px(2);
        }
        w += token_width(gui, face_of(m.tokens[at])) + gui.px(4);
        before = at;
    }
    return w;
}

/// The row, its links by strength until one finds no room, then the key that is looked at and
/// neighbours while there is room. Leaves the links that are shown in `links`: which ones they are
/// depends on their weights, never on where they lie.
std::vector<Word> choose_words(const Gui& gui, const Message& m, RowLinks& links, float room,
                               std::optional<uint32_t> key) {
    std::set<uint32_t> shown{links.query};
    const auto try_add = [&](uint32_t at) {
        if (at >= m.tokens.size() || at > links.query || shown.count(at) != 0) {
            return true;
        }
        shown.insert(at);
        if (words_width(gui, m, shown) <= room) {
            return true;
        }
        shown.erase(at);
        return false;
    };
    size_t n_fit = 0;
    while (n_fit < links.links.size() && try_add(links.links[n_fit].key)) {
        ++n_fit;
    }
    links.links.resize(n_fit);
    if (key && *key > 0) {
        try_add(*key);
    }
    // A row that looks at itself still stands in its sentence.
    const uint32_t first = std::min(*shown.begin(), links.query > 8 ? links.query - 8 : 0);
    bool room_left = true;
    for (uint32_t d = 1; d <= 40 && room_left; ++d) {
        const std::set<uint32_t> now = shown;
        for (auto it = now.rbegin(); it != now.rend() && room_left; ++it) {
            room_left = *it < first + 1 || try_add(*it - 1);
            room_left = room_left && (*it + 1 > links.query || try_add(*it + 1));
        }
    }
    std::vector<Word> words;
    uint32_t before = *shown.begin();
    for (const uint32_t at : shown) {
        if (at > before + 1) {
            words.push_back({0, at - before - 1, {}});
        }
        words.push_back({at, 0, {}});
        before = at;
    }
    return words;
}

/// They end where the matrix does, `end`, and go on to `right` only where they need to.
void place_words(const Gui& gui, const Message& m, std::vector<Word>& words, float x, float y,
                 float end, float right) {
    float total = 0;
    for (const Word& word : words) {
        total += word.gap > 0 ? gap_width(gui, word.gap) + gui.px(2)
                              : token_width(gui, face_of(m.tokens[word.position])) + gui.px(4);
    }
    total -= gui.px(2);
    float at = std::max(x, std::min(right, std::max(end, x + total)) - total);
    for (Word& word : words) {
        const float w = word.gap > 0
                            ? gap_width(gui, word.gap)
                            : token_width(gui, face_of(m.tokens[word.position])) + gui.px(2);
        word.box = {std::round(at), std::round(y), std::round(w), std::round(gui.px(22))};
        at += w + gui.px(2);
    }
}

ImVec2 between(const ImVec2& a, const ImVec2& b, float t) {
    return {a.x + (b.x - a.x) * t, a.y + (b.y - a.y) * t};
}

/// The first `grown` (0..1) of the arc from the row to the key.
void draw_arc(const Gui& gui, ImVec2 from, ImVec2 to, float width, ImU32 c, float grown) {
    const float dx = std::fabs(from.x - to.x);
    const float height = (gui.px(14) + std::min(gui.px(40), 0.12f * dx)) / 0.75f;
    const ImVec2 b{from.x, from.y - height}, d{to.x, to.y - height};
    // De Casteljau: the part up to `grown` is a Bezier curve of its own.
    const ImVec2 ab = between(from, b, grown), bd = between(b, d, grown),
                 dt = between(d, to, grown);
    const ImVec2 abd = between(ab, bd, grown), bdt = between(bd, dt, grown);
    gui.draw()->AddBezierCubic(from, ab, abd, between(abd, bdt, grown), c, width, 32);
}

/// How far the arcs have grown: they do when another row is chosen, never while rows follow the
/// answer, and not at all with reduced motion.
float arcs_grown(Panel& p, uint32_t query) {
    AttentionView& v = p.view.attention;
    const double now = ImGui::GetTime();
    if (v.arcs_of != query) {
        v.arcs_of = query;
        v.arcs_since = p.state.selection.locked ? now : -1;
    }
    const double age = v.arcs_since < 0 ? kArcSeconds : now - v.arcs_since;
    if (p.view.config.reduced_motion || age >= kArcSeconds) {
        v.arcs_since = -1;
        return 1;
    }
    p.view.moving = true;
    const auto rest = float(1 - age / kArcSeconds);
    return 1 - rest * rest;  // ease-out
}

const Word* find_word(const std::vector<Word>& words, uint32_t position) {
    const auto it = std::find_if(words.begin(), words.end(), [&](const Word& w) {
        return w.gap == 0 && w.position == position;
    });
    return it == words.end() ? nullptr : &*it;
}

void draw_arcs(Panel& p, const RowLinks& links, const std::vector<Word>& words) {
    Gui& gui = p.gui;
    const Word* row = find_word(words, links.query);
    if (row == nullptr || links.links.empty()) {
        return;
    }
    const float strongest = std::max(links.links.front().weight, 1e-9f);
    const float grown = arcs_grown(p, links.query);
    gui.registry().bind("arcs.grown", double(grown), {});
    for (size_t i = links.links.size(); i-- > 0;) {
        const RowLinks::Link& link = links.links[i];
        gui.registry().bind("link." + std::to_string(link.key), double(link.weight), {});
        const Word* word = find_word(words, link.key);
        if (word == nullptr || link.key == links.query) {
            continue;
        }
        const ImVec2 from{row->box.cx(), row->box.y - gui.px(1)};
        const ImVec2 to{word->box.cx(), word->box.y - gui.px(1)};
        const float width = gui.px(1.2f + 4.5f * link.weight / strongest);
        if (!gui.theme().dark) {
            draw_arc(gui, from, to, width + gui.px(2),
                     gui.color(Color::row_text, i == 0 ? 1.0f : 0.8f), grown);
        }
        draw_arc(gui, from, to, width,
                 gui.color(Color::row, i == 0 || !gui.theme().dark ? 1.0f : 0.65f), grown);
    }
}

void draw_word_values(Panel& p, const RowLinks& links, const std::vector<Word>& words, float y,
                      float left, float right) {
    Gui& gui = p.gui;
    std::vector<Rect> taken;
    for (size_t i = 0; i < links.links.size(); ++i) {
        const Word* word = find_word(words, links.links[i].key);
        if (word == nullptr) {
            continue;
        }
        const double weight = double(links.links[i].weight);
        const std::string text = i == 0 ? percent(weight) : fixed(weight * 100, 1);
        const TextStyle style{i == 0 ? Face::mono_medium : Face::mono, 11, Color::row_text};
        const float w = gui.width(style, text);
        const float cx = std::clamp(word->box.cx(), left + w / 2, right - w / 2);
        const Rect box{cx - w / 2 - gui.px(3), y, w + gui.px(6), 1};
        const bool free = std::none_of(taken.begin(), taken.end(), [&](const Rect& t) {
            return box.x < t.right() && t.x < box.right();
        });
        if (free) {
            gui.text_centred(style, cx, y, text);
            gui.registry().bind("arc." + std::to_string(links.links[i].key), weight, text);
            taken.push_back(box);
        }
    }
}

void draw_words(Panel& p, const Message& m, const std::vector<Word>& words, const RowLinks& links,
                std::optional<uint32_t> key) {
    Gui& gui = p.gui;
    for (const Word& word : words) {
        if (word.gap > 0) {
            gui.text_centred(with(type::kNote, Color::text3), word.box.cx(), word.box.cy(),
                             gap_words(word.gap));
            continue;
        }
        const TokenInfo& token = m.tokens[word.position];
        const bool linked = std::any_of(links.links.begin(), links.links.end(),
                                        [&](const auto& l) { return l.key == word.position; });
        const bool row = word.position == links.query;
        TokenLook look;
        look.background = gui.theme().rgb(linked             ? Color::row_bg
                                          : gui.theme().dark ? Color::card
                                                             : Color::raised);
        look.special = token.control;
        look.text = linked ? Color::text : Color::text2;
        look.hovered =
            p.view.hovered_row() == word.position || p.view.hovered_key() == word.position;
        draw_token(gui, word.box, face_of(token), look);
        if (row) {
            gui.fill(word.box, Color::row_bg, 4);
            draw_face(gui, word.box.cx() - face_width(gui, face_of(token)) / 2,
                      word.box.cy() - gui.px(1), face_of(token), Color::text);
            mark_row(gui, word.box);
        } else if (key == word.position) {
            mark_key(gui, word.box);
        }
        const Hit hit =
            gui.hit("word." + std::to_string(word.position), word.box, "token", token.text);
        gui.tooltip(token_facts(token));
        if (hit.hovered) {
            p.view.next_hovered_position = word.position;
        }
        if (hit.clicked && !row) {
            p.state.select_key(word.position);
        }
    }
}

/// From the words to the part of the matrix that they are.
void draw_fan(Panel& p, const std::vector<Word>& words, const MatrixPlace& place, float y) {
    Gui& gui = p.gui;
    const Word* first = nullptr;
    const Word* last = nullptr;
    for (const Word& w : words) {
        if (w.gap == 0) {
            first = first == nullptr ? &w : first;
            last = &w;
        }
    }
    if (first == nullptr || place.cell <= 0) {
        return;
    }
    const float x0 = std::clamp(place.x_of(first->position), place.area.x, place.area.right());
    const float x1 = std::clamp(place.x_of(last->position + 1), place.area.x, place.area.right());
    if (x1 - x0 < 1) {
        return;
    }
    const ImVec2 fan[4] = {
        {first->box.x, y}, {last->box.right(), y}, {x1, y + gui.px(15)}, {x0, y + gui.px(15)}};
    gui.draw()->AddConvexPolyFilled(fan, 4, gui.color(Color::raised, 0.7f));
    gui.fill({std::round(x0), std::round(y + gui.px(15)), std::round(x1 - x0), gui.whole(2)},
             Color::row);
}

/// The row's sentence, its links as arcs above it, and what share of the row these are. While the
/// row is being fetched the sentence stands there alone, and that is said.
void draw_row(Panel& p, const Rect& r, const MatrixPlace& place, const RowLinks& links,
              std::optional<uint32_t> key, float y) {
    Gui& gui = p.gui;
    const Message& m = *p.state.selected();
    const bool here = p.state.matrix.has_row(links.query);
    const float cy = y + gui.px(10), words_y = y + gui.px(77);
    const float left = r.x + gui.px(18), right = r.right() - gui.px(18);
    // The arcs are of the weights themselves, whatever the matrix shows of them.
    const bool other = p.state.sink == SinkMode::renormalized || p.state.sink == SinkMode::valued;
    const std::string title = fmt::format("Row {} {}", links.query,
                                          !here   ? "is being fetched"
                                          : other ? "looks back, raw weights"
                                                  : "looks back");
    const float x =
        gui.text({Face::medium, 12, Color::row_text}, r.x + gui.px(16), cy, title) + gui.px(12);
    RowLinks drawn = links;
    std::vector<Word> words = choose_words(gui, m, drawn, right - left, key);
    const float end = place.n == 0 ? right : place.area.right();
    place_words(gui, m, words, left, words_y, end, right);
    if (here) {
        const auto words_of =
            link_words(links, drawn.links.size(), p.state.matrix.visible(links.query, 0));
        gui.text_choice(type::kNote, x, cy, r.right() - gui.px(16) - x,
                        {words_of[0], words_of[1], words_of[2]});
        draw_arcs(p, drawn, words);
    }
    draw_words(p, m, words, drawn, key);
    draw_word_values(p, drawn, words, words_y + gui.px(31), left, right);
    draw_fan(p, words, place, words_y + gui.px(42));
}

}  // namespace

void draw_head(Panel& p, const Rect& r) {
    Gui& gui = p.gui;
    draw_head_title(p, r);
    if (!p.state.selected_in_cache() || !p.state.matrix_not_captured.empty() ||
        p.state.model->n_layers == 0) {
        draw_not_captured(p, {r.x + gui.px(12), r.y + gui.px(34), r.w - gui.px(24), r.h}, "matrix",
                          p.state.selected_in_cache() ? p.state.matrix_not_captured
                                                      : p.state.not_in_cache_reason());
        return;
    }
    const Message& m = *p.state.selected();
    const bool tall = r.h > gui.px(420);
    RowLinks links = selected_links(p, 0.7f, 24);
    links.query = p.state.selection.query;
    const auto key = effective_key(p, links);
    float y = r.y + gui.px(36);
    if (tall) {
        draw_head_ranks(p, r, y + gui.px(10), key);
        y += gui.px(24);
    }
    const float matrix_y = y + gui.px(77 + 59);
    Rect area{r.x + gui.px(16), std::round(matrix_y), r.w - gui.px(32),
              r.bottom() - matrix_y - gui.px(90)};
    MatrixPlace place = place_matrix(p, area);
    for (int i = 0; i < 2; ++i) {  // a smaller matrix may need one more line
        area.h = r.bottom() - matrix_y - legend_height(p, place);
        place = place_matrix(p, area);
    }
    if (p.state.selection.position > 0 && links.query < m.tokens.size()) {
        draw_row(p, r, place, links, key, y);
    } else {
        gui.text_fit(with(type::kNote, Color::text3), r.x + gui.px(16), y + gui.px(10),
                     r.w - gui.px(32),
                     "The first token was given, not drawn: there is no row before it");
    }
    draw_matrix(p, place, links, key);
}

}  // namespace app::ui
