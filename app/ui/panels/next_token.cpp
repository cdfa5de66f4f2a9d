// The distribution one token was drawn from: bars over the full vocabulary, search, branching.
#include <algorithm>
#include <cmath>
#include <functional>
#include <utility>

#include <fmt/format.h>

#include "app/ui/panels/panels.h"
#include "app/ui/state/cut_message.h"
#include "app/ui/text/text_field.h"

namespace app::ui {

namespace {

/// The selected position; while following a fast answer, the newest one whose full row has come.
uint32_t shown_position(const UiState& s, const Message& m) {
    const bool following = s.busy() && !s.restoring() && !s.selection.locked;
    const bool have =
        s.distribution.logits && s.distribution.row && *s.distribution.row + 1 < m.tokens.size();
    return following && have && s.selected_in_cache() ? *s.distribution.row + 1
                                                      : s.selection.position;
}

/// The row that it was drawn from, or the one that nothing was drawn from.
uint32_t shown_row(const UiState& s, const Message& m) {
    return s.selection.after_last ? s.selection.query : shown_position(s, m) - 1;
}

/// After the last token of a text that was read there is none.
const TokenInfo& drawn_token(const UiState& s, const Message& m) {
    static const TokenInfo none = [] {
        TokenInfo token;
        token.id = -1;
        token.rank = -1;
        return token;
    }();
    return s.selection.after_last ? none : m.tokens[shown_position(s, m)];
}

/// How the token at the shown position came to be there: the model drew those of its answer only,
/// and of a branch not the one it begins with.
enum class Origin { given, chosen, drawn };

Origin shown_origin(const UiState& s, const Message& m) {
    const uint32_t position = shown_position(s, m);
    if (m.given || s.selection.after_last) {
        return Origin::given;
    }
    if (m.branch && m.branch->position == position) {
        return Origin::chosen;
    }
    return position < m.answer_begin ? Origin::given : Origin::drawn;
}

std::string_view origin_word(Origin origin) {
    return origin == Origin::given ? "given" : origin == Origin::chosen ? "chosen" : "drawn";
}

}  // namespace

bool compute_stages(Panel& p) {
    const UiState& s = p.state;
    const Message* m = s.selected();
    if (m == nullptr || !s.distribution.logits || s.distribution.row != shown_row(s, *m) ||
        s.distribution.logits->empty()) {
        return false;
    }
    StageCache& c = p.view.stages;
    const model::SamplingParams& q = s.sampling;
    uint64_t key = s.distribution.version * 1000003 + *s.distribution.row;
    for (const double v : {double(q.temperature), double(q.top_k), double(q.top_p), double(q.min_p),
                           double(q.repeat_penalty), double(q.repeat_last_n),
                           double(q.presence_penalty), double(q.frequency_penalty)}) {
        uint64_t bits = 0;
        static_assert(sizeof bits == sizeof v);
        std::copy_n(reinterpret_cast<const char*>(&v), sizeof v, reinterpret_cast<char*>(&bits));
        key = (key ^ bits) * 1099511628211ull;
    }
    if (c.key == key && !c.stages.empty()) {
        return true;
    }
    if (const auto& kept = s.distribution.kept; kept && !kept->stages.empty()) {
        c.stages = kept->stages;  // with the recorded settings: others cannot be tried without all
        c.raw_log_sum = 0;        // log-probabilities already
        c.key = key;
        p.view.searched.clear();
        return true;
    }
    const std::vector<float>& logits = *s.distribution.logits;
    if (!c.sampler || c.n_vocab != logits.size()) {  // another model has another vocabulary
        c.n_vocab = logits.size();
        c.sampler = std::make_unique<model::Sampler>(uint32_t(logits.size()));
    }
    const std::vector<TokenId> history = s.ids_before(*m, *s.distribution.row + 1);
    c.stages = c.sampler->stages(logits, q, history, 256);
    // A recording keeps log-probabilities over the whole vocabulary.
    c.raw_log_sum = s.distribution.kept ? 0 : model::token_stats(logits, 0).log_sum_exp;
    c.key = key;
    p.view.searched.clear();  // the found ones are in this row's order
    return true;
}

namespace {

struct Bar {
    TokenId id = 0;
    double raw = 0;
    std::optional<double> final;   // nothing: cut
    bool unknown_final = false;    // survived, but not among the ones that are listed
    bool unknown_raw = false;      // a recording does not keep it:
    double most = 0;               // it is no likelier than this
    std::optional<uint64_t> rank;  // from 1, of the raw distribution; only what was searched for
};

const model::StageResult& stage(const StageCache& c, int which) {
    for (const model::StageResult& s : c.stages) {
        if (int(s.stage) == which) {
            return s;
        }
    }
    return c.stages.back();
}

/// What a token that a recording leaves out weighs at most. The kept ones are the likeliest, and
/// perhaps the drawn one behind them: so no other is likelier than the last but one.
double most_left_out(const KeptDistribution& kept) {
    std::vector<float> all = kept.logprobs;
    std::sort(all.begin(), all.end(), std::greater<>());
    const double bound = all.size() < 2 ? 1 : std::exp(double(all[all.size() - 2]));
    return std::min(bound, kept.rest > 0 ? kept.rest : bound);
}

/// From 1. Of the drawn token it is known, also where not all before it were kept.
uint64_t rank_of(const Panel& p, TokenId id, const TokenInfo& drawn) {
    if (id == drawn.id && drawn.rank >= 0) {
        return uint64_t(drawn.rank) + 1;
    }
    const std::vector<float>& logits = *p.state.distribution.logits;
    const float own = logits[size_t(id)];
    return 1 + uint64_t(
                   std::count_if(logits.begin(), logits.end(), [own](float x) { return x > own; }));
}

Bar make_bar(Panel& p, TokenId id, const TokenInfo& drawn) {
    const StageCache& c = p.view.stages;
    Bar bar;
    bar.id = id;
    const auto& kept = p.state.distribution.kept;
    bar.unknown_raw = kept != nullptr && std::isinf((*p.state.distribution.logits)[size_t(id)]);
    bar.most = bar.unknown_raw ? most_left_out(*kept) : 0;
    bar.raw = std::exp(double((*p.state.distribution.logits)[size_t(id)]) - c.raw_log_sum);
    const model::StageResult& shown = stage(c, p.view.stage);
    const auto it = std::find_if(shown.top.begin(), shown.top.end(),
                                 [&](const model::Candidate& x) { return x.id == id; });
    if (it != shown.top.end()) {
        bar.final = double(it->p);
    } else {
        bar.unknown_final = shown.top.size() < shown.n_left;
    }
    if (!p.view.search.empty() && !bar.unknown_raw) {
        bar.rank = rank_of(p, id, drawn);
    }
    return bar;
}

std::vector<TokenId> choose_rows(Panel& p, const TokenInfo& drawn, size_t n) {
    std::vector<TokenId> ids;
    if (!p.view.search.empty()) {
        ids.assign(p.view.found.begin(),
                   p.view.found.begin() + int64_t(std::min(n, p.view.found.size())));
        return ids;
    }
    const model::StageResult& raw = stage(p.view.stages, int(model::SamplerStage::raw));
    for (const model::Candidate& c : raw.top) {
        if (ids.size() < n) {
            ids.push_back(c.id);
        }
    }
    if (drawn.id >= 0 && std::find(ids.begin(), ids.end(), drawn.id) == ids.end() && !ids.empty()) {
        ids.back() = drawn.id;
    }
    return ids;
}

/// By id when it is a number, else by text; likeliest first.
void search(Panel& p) {
    View& v = p.view;
    if (v.search == v.searched) {
        return;
    }
    v.searched = v.search;
    v.found.clear();
    v.n_found = 0;
    const auto& texts = p.state.model->token_texts;
    if (v.search.empty() || !texts || !p.state.distribution.logits) {
        return;
    }
    const std::vector<float>& logits = *p.state.distribution.logits;
    const size_t n = std::min(texts->size(), logits.size());
    if (v.search.find_first_not_of("0123456789") == std::string::npos && v.search.size() < 8) {
        const auto id = size_t(std::stoul(v.search));
        if (id < n) {
            v.found.push_back(TokenId(id));
        }
    }
    const size_t exact = v.found.size();
    for (size_t i = 0; i < n; ++i) {
        if (contains_folded((*texts)[i], v.search)) {
            v.found.push_back(TokenId(i));
        }
    }
    v.n_found = v.found.size();
    const auto begin = v.found.begin() + int64_t(exact);
    const auto middle = begin + int64_t(std::min<size_t>(64, size_t(v.found.end() - begin)));
    std::partial_sort(begin, middle, v.found.end(),
                      [&](TokenId a, TokenId b) { return logits[size_t(a)] > logits[size_t(b)]; });
}

TokenFace face_of_text(const std::string& text) {
    // Display texts write spaces as U+2423-like signs; a box shows them as the strip does.
    std::string bytes = text;
    for (const std::string_view sign : {"\u2581", "\u2420", "\u2423", "\u00B7"}) {
        for (size_t at = bytes.find(sign); at != std::string::npos; at = bytes.find(sign)) {
            bytes.replace(at, sign.size(), " ");
        }
    }
    const bool control = text.size() > 2 && text.front() == '<' && text.back() == '>';
    if (text.find("↵") == 0 || control) {
        TokenFace face;
        face.text = one_line(text, 9);
        face.dim = !control;
        return face;
    }
    TokenFace face = token_face(text, bytes, false);
    face.text = one_line(face.text, 9);
    return face;
}

/// A recording keeps the texts of the tokens that occur in it; others have their ids.
std::string text_of_id(const Panel& p, TokenId id) {
    const std::string& text = p.state.token_text(id);
    return text.empty() ? fmt::format("#{}", id) : text;
}

TokenFace face_of_id(Panel& p, TokenId id) {
    return face_of_text(text_of_id(p, id));
}

constexpr float kTokenColumn = 56;

/// Cut so that it is no wider than `room`.
TokenFace fitted(const Gui& gui, TokenFace face, float room) {
    for (size_t n = 8; n > 1 && face_width(gui, face) > room; --n) {
        face.text = one_line(face.text, n);
    }
    return face;
}

struct Columns {
    float token = 0, bar = 0, bar_w = 0, final = 0, raw = 0;
};

Columns columns_of(const Gui& gui, const Rect& r, float token_w) {
    Columns c;
    c.token = r.x + gui.px(16);
    c.raw = r.right() - gui.px(16);
    c.final = c.raw - gui.px(66);
    c.bar = c.token + token_w + gui.px(10);
    const float widest = gui.width({Face::mono_medium, 12, Color::text}, percent_fine(1e-9));
    c.bar_w = std::max(gui.px(20), c.final - widest - gui.px(6) - c.bar);
    return c;
}

/// `word`: what to say beside the bar of the token that stands here; empty for the others.
void draw_bar(Panel& p, const Bar& bar, const Columns& c, float cy, std::string_view word) {
    Gui& gui = p.gui;
    const bool drawn = !word.empty();
    const Rect track{std::round(c.bar), std::round(cy - gui.px(4)), std::round(c.bar_w),
                     std::round(gui.px(8))};
    gui.fill(track, p.view.open_candidate == bar.id ? Color::edge : Color::bar_track, 2);
    const double shown = bar.final.value_or(bar.unknown_final ? bar.raw : 0.0);
    const float filled = track.w * float(shown);
    if (filled >= 0.5f) {
        gui.fill({track.x, track.y, std::max(filled, 1.0f), track.h},
                 drawn                             ? Color::accent
                 : p.view.open_candidate == bar.id ? Color::text2
                                                   : Color::bar,
                 2);
    }
    if (drawn && track.w - filled > gui.px(48)) {
        gui.text(type::kBadge, track.x + filled + gui.px(7), cy, word);
    }
}

void draw_bar_row(Panel& p, const Bar& bar, size_t index, const Columns& c, float cy,
                  std::string_view word) {
    Gui& gui = p.gui;
    const bool drawn = !word.empty();
    const TokenFace face = fitted(gui, face_of_id(p, bar.id), c.bar - c.token - gui.px(10));
    const float w = std::max(token_width(gui, face), gui.px(24));
    const Rect box{std::round(c.token), std::round(cy - gui.px(10)),
                   std::round(std::min(w, c.bar - c.token - gui.px(6))), std::round(gui.px(20))};
    const bool cut = !bar.final && !bar.unknown_final;
    if (drawn) {
        gui.fill(box, Color::accent_bg, 4);
    }
    gui.frame(box, drawn ? Color::accent : Color::edge, 4, drawn ? 1.5f : 1);
    gui.draw()->PushClipRect({box.x, box.y}, {box.right(), box.bottom()}, true);
    draw_face(gui, box.cx() - face_width(gui, face) / 2, cy, face,
              cut && !drawn ? Color::text3 : Color::text, {Face::mono_medium, 12, Color::text});
    gui.draw()->PopClipRect();
    const std::string id = "candidate." + std::to_string(index);
    if (bar.unknown_raw) {
        const std::string kept =
            fmt::format("not among the {} recorded", p.state.distribution.kept->ids.size());
        gui.text_choice(with(type::kNote, Color::text3), c.bar, cy, c.final - gui.px(4) - c.bar,
                        {kept, "not recorded"});
    } else if (bar.rank) {  // in place of the bar: most of what is searched for has none to speak
                            // of
        const std::string rank = thousands(*bar.rank);
        gui.registry().bind(id + ".rank", double(*bar.rank), rank);
        gui.text_fit(type::kNote, c.bar, cy, c.final - gui.px(52) - c.bar, "rank " + rank);
    } else {
        draw_bar(p, bar, c, cy, word);
    }
    if (bar.final) {
        gui.number({Face::mono_medium, 12, Color::text}, c.final, cy, id + ".final", *bar.final,
                   percent_fine(*bar.final));
    } else if (!bar.unknown_raw) {
        gui.text_right(with(type::kToken, Color::text3), c.final, cy, cut ? "cut" : "–");
    }
    if (bar.unknown_raw) {
        gui.number(with(type::kValue, Color::text3), c.raw, cy, id + ".most", bar.most,
                   "≤ " + percent_fine(bar.most));
    } else {
        gui.number(with(type::kValue, Color::text3), c.raw, cy, id + ".raw", bar.raw,
                   percent_fine(bar.raw));
    }
}

float draw_branch_row(Panel& p, const Rect& r, TokenId id, float y) {
    Gui& gui = p.gui;
    const Message& m = *p.state.selected();
    const uint32_t position = shown_position(p.state, m);
    const std::string obstacle = p.state.branch_obstacle(position);
    const float cy = y + gui.px(15);
    const float x = r.x + gui.px(16);
    if (drawn_token(p.state, m).id == id) {
        gui.text_fit(
            type::kNote, x, cy, r.w - gui.px(32),
            fmt::format("This is the one that was {}", origin_word(shown_origin(p.state, m))));
        return gui.px(30);
    }
    if (!obstacle.empty()) {
        gui.text_fit(type::kNote, x, cy, r.w - gui.px(32), "No branch: " + obstacle);
        return gui.px(30);
    }
    const std::string name = open_boxes(p.state.token_text(id));
    Rect taken;
    const ButtonOptions options{
        Look::toggle_on,
        Icon::branch,
        {},
        "The same ids up to here, then this token, then the model goes on (B)",
        true,
        24};
    if (button_at(gui, "next.branch", x, cy, "Branch with " + one_line(name, 10), options,
                  &taken)) {
        branch_with(p, position, id);
    }
    const float beside = taken.right() + gui.px(10), room = r.right() - gui.px(14) - beside;
    const auto turn = turn_before(m.tokens, position);
    if (position >= m.answer_begin) {
        gui.text_fit(type::kNote, beside, cy, room, "this reply stays");
    } else if (turn && turn->user) {
        gui.text_choice(type::kNote, beside, cy, room,
                        {"the model goes on from here in your own message; this reply stays",
                         "the model goes on in your own message", "goes on in your message"});
    } else {
        gui.text_choice(type::kNote, beside, cy, room,
                        {"the model goes on from here in the prompt; this reply stays",
                         "the model goes on in the prompt", "goes on in the prompt"});
    }
    return gui.px(30);
}

/// Before the full row is here: the ones that came with the token. Returns where they end.
float draw_top_only(Panel& p, const Rect& r, const TokenInfo& token, float y, size_t most) {
    Gui& gui = p.gui;
    const Columns c = columns_of(gui, r, gui.px(kTokenColumn));
    for (size_t i = 0; i < std::min(token.top.size(), most); ++i) {
        const TopToken& top = token.top[i];
        const double raw = std::exp(double(top.logprob));
        const float cy = y + gui.px(13);
        const TokenFace face =
            fitted(gui, face_of_text(top.text),
                   c.bar - c.token - gui.px(10));  // also of a model that is gone
        const Rect box{
            c.token, cy - gui.px(10),
            std::min(std::max(token_width(gui, face), gui.px(24)), c.bar - c.token - gui.px(6)),
            gui.px(20)};
        gui.frame(box, top.id == token.id ? Color::accent : Color::edge, 4);
        gui.draw()->PushClipRect({box.x, box.y}, {box.right(), box.bottom()}, true);
        draw_face(gui, box.cx() - face_width(gui, face) / 2, cy, face, Color::text);
        gui.draw()->PopClipRect();
        const Rect track{c.bar, cy - gui.px(4), 0, gui.px(8)};
        const float w = c.bar_w;
        gui.fill({track.x, track.y, w, track.h}, Color::bar_track, 2);
        gui.fill({track.x, track.y, w * float(raw), track.h},
                 top.id == token.id ? Color::accent : Color::bar, 2);
        gui.text_right(with(type::kValue, Color::text3), c.raw, cy, percent_fine(raw));
        y += gui.px(26);
    }
    return y;
}

/// What is known of a token whose full row is not here, in the room that there is.
void draw_without_row(Panel& p, const Rect& r, const TokenInfo& drawn, float y) {
    Gui& gui = p.gui;
    const std::string& not_captured = p.state.distribution.not_captured;
    const bool later = p.state.selected_in_cache() && p.state.busy();
    const std::string why = !not_captured.empty() ? "Full vocabulary not captured: " + not_captured
                            : later
                                ? "Full vocabulary: computed as soon as writing leaves time for it"
                                : "";
    const TextStyle style = with(type::kNote, Color::text3);
    const float w = r.w - gui.px(32), gap = gui.px(8);
    const float words = why.empty() ? 0 : gap + gui.paragraph(style, 0, 0, w, 17, why, true);
    const float room = r.bottom() - y - words;
    const auto most = size_t(std::clamp(int(room / gui.px(26)), 1, 5));
    y = draw_top_only(p, r, drawn, y, most);
    if (drawn.top.empty() && !p.state.selected_in_cache()) {
        draw_not_captured(p, {r.x + gui.px(12), y, r.w - gui.px(24), r.h}, "next",
                          p.state.not_in_cache_reason());
    } else if (!why.empty()) {
        gui.paragraph(style, r.x + gui.px(16), y + gap, w, 17, why);
    }
}

void draw_rows(Panel& p, const Rect& r, const TokenInfo& drawn, size_t n, bool full, float& y) {
    Gui& gui = p.gui;
    const std::vector<TokenId> ids = choose_rows(p, drawn, n);
    // The same for every row of text: bars can be compared from token to token.
    const float token_w = full ? std::clamp(r.w - gui.px(330), gui.px(kTokenColumn), gui.px(140))
                               : gui.px(kTokenColumn);
    const Columns c = columns_of(gui, r, token_w);
    const std::string_view word = origin_word(shown_origin(p.state, *p.state.selected()));
    double listed = 0, listed_final = 0;
    uint32_t n_final = 0;
    for (size_t i = 0; i < ids.size(); ++i) {
        const Bar bar = make_bar(p, ids[i], drawn);
        listed += bar.raw;
        listed_final += bar.final.value_or(0);
        n_final += bar.final ? 1 : 0;
        const bool open = p.view.open_candidate == ids[i];
        const Rect row{r.x + gui.px(8), y, r.w - gui.px(16), gui.px(26)};
        if (open) {
            gui.fill({row.x, row.y, row.w, gui.px(58)}, Color::hover, 8);
        }
        const Hit hit =
            gui.hit("candidate." + std::to_string(i), row, "token", p.state.token_text(ids[i]));
        if (hit.hovered && !open) {
            gui.fill(row, Color::hover, 8);
        }
        if (!open) {
            gui.tooltip(fmt::format(
                "{}  id {}\nraw probability {}", one_line(open_boxes(text_of_id(p, ids[i])), 40),
                ids[i],
                bar.unknown_raw
                    ? fmt::format("at most {}: the recording keeps that of the likeliest only",
                                  percent(bar.most))
                    : percent(bar.raw)));
        }
        if (hit.clicked) {
            p.view.open_candidate = open ? std::nullopt : std::optional(ids[i]);
        }
        draw_bar_row(p, bar, i, c, row.cy(), ids[i] == drawn.id ? word : std::string_view());
        y += gui.px(26);
        if (open) {
            y += draw_branch_row(p, r, ids[i], y) + gui.px(4);
        }
    }
    const size_t vocab = p.state.distribution.logits->size();
    const float cy = y + gui.px(13);
    if (p.view.search.empty()) {
        gui.text(with(type::kNote, Color::text3), c.token, cy,
                 thousands(vocab - ids.size()) + " others");
        // Where others are left they have something, though the sum of the listed rounds to 1.
        const auto rest = [](double sum, bool any) { return any ? std::max(1e-9, 1 - sum) : 0; };
        const double final =
            rest(listed_final, n_final < stage(p.view.stages, p.view.stage).n_left);
        const double raw = rest(listed, ids.size() < vocab);
        gui.number(with(type::kToken, Color::text3), c.final, cy, "next.others.final", final,
                   percent_fine(final));
        gui.number(with(type::kValue, Color::text3), c.raw, cy, "next.others", raw,
                   percent_fine(raw));
    } else {
        const bool recorded = p.state.distribution.kept != nullptr;
        const std::string found = thousands(p.view.n_found) + " found";
        gui.text_fit(with(type::kNote, Color::text3), c.token, cy, c.raw - c.token,
                     !ids.empty() ? found + ", likeliest first"
                     : recorded   ? "No token of the recording has this text"
                                  : "No token has this text or id");
    }
    y += gui.px(26);
}

/// Of the token that was drawn; of what may come after a text, that nothing was.
void draw_facts(Panel& p, const TokenInfo& drawn, bool have, float x, float cy, float room) {
    Gui& gui = p.gui;
    const UiState& s = p.state;
    if (s.selection.after_last) {
        const std::vector<float>* logits = have ? s.distribution.logits.get() : nullptr;
        const std::string words = "after the last token: nothing was drawn";
        const std::string entropy =
            logits == nullptr
                ? std::string()
                : fmt::format(", entropy {} nats",
                              fixed(double(model::token_stats(*logits, 0).entropy), 2));
        gui.text_choice(type::kNote, x, cy, room, {words + entropy, words, "after the last token"});
    } else if (drawn.rank >= 0) {
        const std::string facts = fmt::format(
            "{} rank {}, surprise {}, entropy {} nats",
            drawn.position == s.selection.position ? std::string("raw:")
                                                   : fmt::format("at {}, raw:", drawn.position),
            drawn.rank + 1, fixed(-double(drawn.logprob), 2), fixed(double(drawn.entropy), 2));
        gui.registry().bind("next.rank", drawn.rank + 1, std::to_string(drawn.rank + 1));
        gui.text_fit(type::kNote, x, cy, room, facts);
    }
}

}  // namespace

void draw_next_token(Panel& p, const Rect& r, bool full) {
    Gui& gui = p.gui;
    const float cy = r.y + gui.px(18), x = r.x + gui.px(16), right = r.right() - gui.px(16);
    gui.text(type::kTitle, x, cy, "Next token");
    const Message& m = *p.state.selected();
    const Selection& s = p.state.selection;
    if (s.position == 0 || s.position >= m.tokens.size()) {
        draw_not_captured(p, {r.x + gui.px(12), cy + gui.px(14), r.w - gui.px(24), r.h}, "next",
                          "The first token was given, not drawn: nothing stands before it.");
        return;
    }
    const TokenInfo& drawn = drawn_token(p.state, m);
    const bool have = p.state.selected_in_cache() && compute_stages(p);
    badge(gui, "next.badge", right, cy,
          have                ? Source::captured
          : drawn.top.empty() ? Source::not_captured
                              : Source::top_only);
    const float facts_y = cy + gui.px(27);
    draw_facts(p, drawn, have, x, facts_y, r.w - gui.px(32));
    float y = facts_y + gui.px(36);
    const TextStyle head = with(type::kNote, Color::text3);
    constexpr std::string_view kStageWords[] = {
        "raw", "after repeat", "after temp.", "after top-k", "after top-p", "after min-p", "final"};
    // What a sampler would do is no claim that one did.
    const bool drawn_here = shown_origin(p.state, m) == Origin::drawn;
    const bool final = p.view.stage == int(model::SamplerStage::final);
    const std::string_view stage_word =
        final && !drawn_here ? "if drawn" : kStageWords[size_t(p.view.stage)];
    if (have) {
        gui.text_right(head, right - gui.px(66), facts_y + gui.px(24), stage_word);
    }
    gui.text_right(head, right, facts_y + gui.px(24), "raw");
    if (!have) {
        draw_without_row(p, r, drawn, y);
        return;
    }
    search(p);
    const float tail = gui.px(26 + 32 + 20);
    const int rows =
        full ? std::clamp(int((r.bottom() - y - tail - gui.px(40)) / gui.px(26)), 3, 24)
             : std::clamp(int((r.bottom() - y - tail - (p.view.open_candidate ? gui.px(34) : 0)) /
                              gui.px(26)),
                          3, 8);
    draw_rows(p, r, drawn, size_t(rows), full, y);
    const Rect field{x, std::round(y + gui.px(4)), r.w - gui.px(32), std::round(gui.px(28))};
    line_field(gui, "next.search", field, p.view.search,
               fmt::format("Find any of {} tokens", thousands(p.state.distribution.logits->size())),
               gui.px(28), std::exchange(p.view.focus_search, false));
    gui.icon(Icon::search, field.x + gui.px(15), field.cy(), 13, Color::text3);
}

}  // namespace app::ui
