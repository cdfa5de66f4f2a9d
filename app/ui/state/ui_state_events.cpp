// The engine's events, one function each. Late and foreign events change nothing.
#include <algorithm>
#include <cmath>
#include <utility>

#include "app/ui/state/ui_state.h"
#include "app/ui/widgets/format.h"

namespace app::ui {

void UiState::apply(const Event& event) {
    ++n_events;
    std::visit([this](const auto& e) { on(e); }, event);
}

namespace {

/// The answer's text and its ends from its tokens' bytes.
void set_answer_text(Message& m) {
    m.text_end.assign(m.tokens.size(), 0);
    m.text.clear();
    for (size_t i = m.answer_begin; i < m.tokens.size(); ++i) {
        m.text += m.tokens[i].bytes;
        m.text_end[i] = uint32_t(m.text.size());
    }
}

}  // namespace

Message* UiState::writing(RequestId id) {
    if (id == 0 || id != generating || generating_chat_ >= chats.size()) {
        ++n_stale;
        return nullptr;
    }
    Conversation& c = chats[generating_chat_];
    const NodeId node = c.find_request(id);
    return node == kNoNode ? nullptr : &c.at(node);
}

void UiState::on(const LoadProgressed& e) {
    if (load && load->id == e.id) {
        load->stage = e.stage;
        load->done = e.done;
        load->total = e.total;
    }
}

void UiState::on(const ModelReady& e) {
    if (!load || load->id != e.id) {
        ++n_stale;
        return;
    }
    load.reset();
    trouble.reset();
    model = e.info;
    sampling = model->sampling;
    head_chosen = false;
    selection.layer = std::min(selection.layer, model->n_layers > 0 ? model->n_layers - 1 : 0);
    selection.head = 0;
    forget_cache();
    thumbs.reset(model->n_layers, model->n_heads);
    SetCapture capture;
    capture.spec.live_rows = true;
    outbox.push_back(capture);
}

void UiState::on(const ModelUnloaded&) {
    model.reset();
    forget_cache();
}

void UiState::on(const PromptReady& e) {
    Message* m = writing(e.id);
    if (m == nullptr || restoring_) {
        return;  // a restored sequence: its tokens are here already
    }
    if (e.scored) {
        // Complete tokens; what was drawn keeps the distribution it was drawn from, and answer
        // tokens that came meanwhile stay.
        const size_t n = resuming_.on ? m->answer_begin : e.tokens.size();
        for (size_t i = 0; i < std::min({n, e.tokens.size(), m->tokens.size()}); ++i) {
            m->tokens[i] = e.tokens[i];
        }
        m->scored = true;
        return;
    }
    m->n_dropped_turns = e.tokens.empty() ? 0 : e.n_dropped_turns;
    if (resuming_.on) {
        resume_prompt(*m, e);
    } else {
        take_prompt(*m, e);
    }
    follow();
}

void UiState::take_prompt(Message& m, const PromptReady& e) {
    m.tokens = e.tokens;
    m.n_prompt = uint32_t(e.tokens.size());
    if (m.given) {
        m.answer_begin = !m.tokens.empty() && m.tokens.front().control ? 1 : 0;  // BOS
    } else if (!m.branch) {
        m.answer_begin = m.n_prompt;
    }
    set_answer_text(m);
    if (m.branch) {
        const TokenInfo& chosen = m.tokens.back();
        m.branch->chosen = token_words(chosen.text, chosen.bytes, chosen.control);
    }
}

/// The answer so far goes on, behind the same prompt or behind one without its oldest turns.
void UiState::resume_prompt(Message& m, const PromptReady& e) {
    const std::vector<TokenInfo> old = std::exchange(m.tokens, e.tokens);
    const uint32_t old_begin = m.answer_begin;
    const bool same_prompt = e.answer_begin == 0 && !old.empty();
    m.answer_begin = same_prompt ? old_begin : e.answer_begin;
    const auto keep = [&](size_t from, size_t to) {
        if (to < m.tokens.size() && m.tokens[to].id == old[from].id) {
            m.tokens[to] = old[from];
            m.tokens[to].position = uint32_t(to);
        }
    };
    for (size_t i = same_prompt ? 0 : old_begin; i < old.size(); ++i) {
        keep(i, i - old_begin + m.answer_begin);
    }
    if (!same_prompt) {
        m.n_prompt = m.answer_begin;
        m.saved_tokens = 0;  // another sequence
        m.branch.reset();
    }
    set_answer_text(m);
    file.saver.message(chats[generating_chat_], cache_node_, false);
}

void UiState::on(const PrefillProgressed& e) {
    if (Message* m = writing(e.id)) {
        m->prefill_done = e.done;
        m->prefill_total = e.total;
    }
}

void UiState::on(const TokenReady& e) {
    Message* m = writing(e.id);
    if (m == nullptr || e.token.position != m->tokens.size()) {
        n_stale += m != nullptr;
        return;
    }
    m->state = AnswerState::writing;
    m->tokens.push_back(e.token);
    if (!e.stop) {
        m->text += e.text;
    }
    m->text_end.push_back(uint32_t(m->text.size()));
    file.saver.tokens(chats[generating_chat_], cache_node_);
    follow();
}

/// Until somebody picks a head: the one with the strongest single link that is neither the first
/// token nor the row itself nor its neighbour. `best`: of the rows looked at before.
void UiState::choose_head(const model::LiveRows& rows, float& best) {
    for (uint32_t h = 0; h < rows.max.size(); ++h) {
        for (uint32_t j = 0; j < rows.n_keys; ++j) {
            const uint32_t key = rows.first_key + j;
            if (key == 0 || key + 3 > rows.position) {
                continue;
            }
            const float w = rows.weight(h, j);
            if (w > best) {
                best = w;
                selection.layer = rows.layer;
                selection.head = h;
            }
        }
    }
}

/// A recording brings its rows from the first one on, which has no links yet.
void UiState::choose_head_of_last_row(const Message& m) {
    float best = 0;
    for (auto q = uint32_t(m.tokens.size()); q-- > 0 && best == 0;) {
        for (uint32_t layer = 0; layer < model->n_layers; ++layer) {
            if (const model::LiveRows* rows = live.find(q, layer)) {
                choose_head(*rows, best);
            }
        }
    }
}

void UiState::on(const CaptureReady& e) {
    if (e.id != generating || e.id == 0 || !e.capture) {
        ++n_stale;
        return;
    }
    const bool first = !e.capture->live.empty() && live.bytes() == 0;
    live.add(e.capture);
    if (first && !head_chosen && selected_cached()) {
        float best = 0;
        for (const model::LiveRows& rows : e.capture->live) {
            choose_head(rows, best);
        }
    }
    for (const model::LiveRows& rows : e.capture->live) {
        add_live(rows);
    }
}

void UiState::on(const InspectReady& e) {
    const auto kind = size_t(e.kind);
    if (e.kind == InspectKind::pyramid && e.id >= out_.first && e.id < next_id_ &&
        asked_[kind] != e.id) {
        on_attention(e);  // of a view that has moved on: still the same sequence
        return;
    }
    if (kind >= asked_.size() || asked_[kind] != e.id || asked_serial_[kind] != cache_serial_) {
        ++n_stale;
        return;
    }
    if (e.n_left == 0) {
        asked_[kind] = 0;
    }
    switch (e.kind) {
        case InspectKind::thumbnails:
        case InspectKind::pyramid:
        case InspectKind::sink:
        case InspectKind::tile:
        case InspectKind::row:
        case InspectKind::values:
        case InspectKind::heads:
            on_attention(e);
            break;
        case InspectKind::distribution:
            if (!e.not_captured.empty() && e.request.position != selection.query) {
                break;  // asked ahead of a row that was never computed: the answer was over
            }
            distribution.row = e.request.position;
            distribution.logits = e.logits;
            distribution.kept = e.kept;
            distribution.not_captured = e.not_captured;
            ++distribution.version;
            break;
        case InspectKind::lens:
            lens.row = e.request.position;
            lens.mid = e.request.mid;
            lens.ids = e.request.ids;
            lens.layers = e.lens;
            lens.not_captured = e.not_captured;
            break;
    }
}

namespace {

/// Of an answer that was begun and went on.
Stats sum_of(const Stats& begun, Stats rest) {
    rest.predicted_n += begun.predicted_n;
    rest.predicted_ms += begun.predicted_ms;
    rest.first_token_ms = begun.predicted_n > 0 ? begun.first_token_ms : rest.first_token_ms;
    return rest;
}

}  // namespace

void UiState::on(const StatsReady& e) {
    if (Message* m = writing(e.id); m != nullptr && !restoring_) {
        m->stats = resuming_.on ? sum_of(resuming_.begun, e.stats) : e.stats;
    }
}

/// The answer is as it will be: into the file with it. An engine that has not heard of the question
/// never will.
void UiState::end_generation() {
    if (file.held && file.held->first.id == generating) {
        file.held.reset();
    }
    Conversation& c = chats[generating_chat_];
    if (!restoring_ && c.valid(cache_node_)) {
        file.saver.tokens(c, cache_node_);
        file.saver.message(c, cache_node_, true);
    }
    generating = 0;
    stopping = restoring_ = resuming_.on = false;
}

void UiState::on(const Finished& e) {
    Message* m = writing(e.id);
    if (m == nullptr) {
        return;
    }
    const bool answered = !restoring_;
    const NodeId node = cache_node_;
    if (answered) {
        m->state = AnswerState::done;
        m->finish = e.reason;
        m->stats = resuming_.on ? sum_of(resuming_.begun, e.stats) : e.stats;
        reopening_.n_losses = 0;
    }
    if (model && model->replayed && !head_chosen) {
        choose_head_of_last_row(*m);
    }
    end_generation();
    follow();  // a text that was read has a row after its last token
    if (answered) {
        show_starter(node);
    }
    if (saving.waiting) {
        start_recording();
    }
    if (answered && e.reason == FinishReason::context_full) {
        context_is_full(node, true);
    }
}

void UiState::fail_generation(const Failed& e) {
    const NodeId node = cache_node_;
    if (restoring_) {
        trouble = Trouble{e.message, e.hint, e.device_lost};
        forget_cache();
    } else if (Message* m = writing(e.id)) {
        m->state = AnswerState::failed;
        m->error = e.message;
        m->hint = e.hint;
    }
    end_generation();
    if (e.context_full) {
        context_is_full(node, false);
    }
}

void UiState::on(const Failed& e) {
    for (RequestId& id : asked_) {
        if (id == e.id && id != 0) {
            id = 0;
        }
    }
    if (e.id != 0 && (e.id == saving.id || (saving.waiting && e.id == generating))) {
        recording_failed(e);
    }
    if (load && load->id == e.id) {
        const bool cancelled = load->cancelled;
        load.reset();
        if (!cancelled) {
            trouble = Trouble{e.message, e.hint, e.device_lost};
        }
        if (!cancelled && e.no_room) {
            trouble->hint = e.no_room->parts;
            trouble->offers = e.no_room->alternatives;
            trouble->offers.push_back({.text = "Load it anyway",
                                       .path = e.no_room->path,
                                       .device = e.no_room->device,
                                       .n_ctx = e.no_room->n_ctx,
                                       .can_open = true,
                                       .anyway = true});
        }
    } else if (e.id != 0 && e.id == generating) {
        fail_generation(e);
    } else if (e.id == 0 || e.device_lost) {
        trouble = Trouble{e.message, e.hint, e.device_lost};
    }
    if (e.device_lost) {
        lose_device(e);
    }
}

/// What it held is gone; the conversation is not. The model is opened anew by itself, on a new
/// device, but not for ever.
void UiState::lose_device(const Failed& e) {
    if (generating != 0) {
        Failed all = e;
        all.id = generating;
        fail_generation(all);
    }
    const bool had_model = model != nullptr;
    model.reset();
    forget_cache();
    if (had_model && !load && ++reopening_.n_losses <= Reopening::kMost) {
        const std::optional<Trouble> why = trouble;
        open_model(reopening_.path, device_selector, n_ctx);
        trouble = why;
    } else if (had_model) {
        trouble = Trouble{e.message, e.hint, true};
    }
}

void UiState::on(const Logged& e) {
    log.push_back(e.line);
    if (log.size() > 500) {
        log.erase(log.begin());
    }
}

}  // namespace app::ui
