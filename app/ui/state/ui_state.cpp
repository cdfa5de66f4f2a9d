#include "app/ui/state/ui_state.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "app/ui/widgets/format.h"

namespace app::ui {

// ---- the user's wishes ----

void UiState::open_model(const std::string& path, const std::string& device, uint32_t context,
                         const OpenOptions& how) {
    if (open_elsewhere && open_elsewhere(path)) {
        return;
    }
    if (busy()) {
        stop();
    }
    if (load) {
        outbox.push_back(CancelLoad{load->id});
    }
    device_selector = device;
    n_ctx = context;
    trouble.reset();
    reopening_.path = path;
    load = LoadStatus{next_id_++, path, {}, 0, 0, false};
    LoadModel command;
    command.id = load->id;
    command.path = path;
    command.device = device;
    command.n_ctx = context;
    command.anyway = how.anyway;
    command.device_optional = how.device_optional;
    command.known_models = known_models;
    outbox.push_back(command);
}

void UiState::cancel_load() {
    if (load && !load->cancelled) {
        load->cancelled = true;
        outbox.push_back(CancelLoad{load->id});
    }
}

// ---- the selection ----

const Message* UiState::selected() const {
    return chat().valid(selection.branch) ? &chat().at(selection.branch) : nullptr;
}

/// Position and row; one past the last token is the row after it, where there is one.
void UiState::stand_at(const Message& m, int64_t position) {
    const auto last = int64_t(m.tokens.size()) - 1;
    selection.after_last = position > last && has_row_after_last();
    selection.position = uint32_t(std::clamp<int64_t>(position, 0, last));
    selection.query = selection.after_last     ? selection.position
                      : selection.position > 0 ? selection.position - 1
                                               : 0;
    selection.key.reset();
}

void UiState::select_position(int64_t position) {
    const Message* m = selected();
    if (m == nullptr || m->tokens.empty()) {
        return;
    }
    stand_at(*m, position);
    selection.locked = true;
    if (selected_cached()) {
        hold_rows();  // the next frame draws them
    }
}

void UiState::select_query(uint32_t query) {
    select_position(int64_t(query) + 1);
}

bool UiState::has_row_after_last() const {
    const Message* m = selected();
    return m != nullptr && m->given && !busy() && m->finish && m->tokens.size() > 1 &&
           *m->finish != FinishReason::stopped;
}

void UiState::select_key(std::optional<uint32_t> key) {
    selection.key = key && *key <= selection.query ? key : std::nullopt;
    selection.locked = true;
}

void UiState::select_head(int64_t layer, int64_t head) {
    if (!ready() || model->n_layers == 0 || model->n_heads == 0) {
        return;
    }
    selection.layer = uint32_t(std::clamp<int64_t>(layer, 0, int64_t(model->n_layers) - 1));
    selection.head = uint32_t(std::clamp<int64_t>(head, 0, int64_t(model->n_heads) - 1));
    head_chosen = true;
    // Before the next frame: what is drawn of this head must be its own.
    selected_cached() ? hold_rows() : choose_sight();
}

/// The newest answer that is shown; messages that the user worded have no tokens to follow.
NodeId UiState::newest_answer() const {
    const std::vector<NodeId> path = chat().path();
    for (auto it = path.rbegin(); it != path.rend(); ++it) {
        const Message& m = chat().at(*it);
        if (m.role == model::Role::model && !m.edited && m.state != AnswerState::none) {
            return *it;
        }
    }
    return selection.branch;
}

void UiState::go_live() {
    if (const NodeId newest = newest_answer(); newest != selection.branch) {
        selection.branch = newest;
        forget_row_answers();
        restore_wanted_ = true;
    }
    selection.locked = false;
    selection.key.reset();
    follow();
}

void UiState::follow() {
    const Message* m = selected();
    if (m == nullptr || m->tokens.empty() || selection.locked) {
        return;
    }
    stand_at(*m, int64_t(m->tokens.size()) - (has_row_after_last() ? 0 : 1));
    if (selected_cached()) {
        hold_rows();  // the row that came with this token is in its frame
    }
}

void UiState::reset_sampling() {
    if (ready()) {
        sampling = model->sampling;
    }
}

// ---- looking ----

bool UiState::selected_cached() const {
    return cache_node_ == selection.branch && cache_chat_ == current_chat && ready();
}

uint32_t UiState::rows_in_cache() const {
    if (cache_node_ == kNoNode || cache_chat_ >= chats.size() ||
        !chats[cache_chat_].valid(cache_node_)) {
        return 0;
    }
    const Message& m = chats[cache_chat_].at(cache_node_);
    if (busy() && restoring_) {
        return 0;
    }
    if (busy() && m.state == AnswerState::prefill) {
        return std::min(m.prefill_done, uint32_t(m.tokens.size()));
    }
    if (m.given && !busy() && m.finish && *m.finish != FinishReason::stopped) {
        return uint32_t(m.tokens.size());
    }
    // The last token has been drawn but not been through the model.
    return m.tokens.empty() ? 0 : uint32_t(m.tokens.size()) - 1;
}

std::string UiState::not_in_cache_reason() const {
    const Message* m = selected();
    if (m == nullptr || m->tokens.empty()) {
        return "Nothing has been computed yet.";
    }
    if (!from_loaded(*m)) {
        return "This answer came from a model that is no longer loaded.";
    }
    if (!selected_cached()) {
        return "The model's memory holds another answer now.";
    }
    return {};
}

bool UiState::can_restore() const {
    const Message* m = selected();
    return m != nullptr && !m->tokens.empty() && from_loaded(*m) && !selected_cached() && !busy();
}

size_t UiState::context_used() const {
    const Message* m = selected();
    return m != nullptr && from_loaded(*m) ? m->tokens.size() : 0;
}

bool UiState::lens_is_here() const {
    return lens.row == selection.query && lens.mid == lens_mid;
}

bool UiState::lens_coming() const {
    if (busy() || waiting(InspectKind::lens) || waiting(InspectKind::distribution)) {
        return true;
    }
    const bool row_came = distribution.row == selection.query;
    return row_came ? distribution.logits && !lens_is_here() : selection.query < rows_in_cache();
}

const std::string& UiState::token_text(TokenId id) const {
    static const std::string unknown = "?";
    if (!ready() || !model->token_texts || id < 0 || size_t(id) >= model->token_texts->size()) {
        return unknown;
    }
    return (*model->token_texts)[size_t(id)];
}

// ---- questions to the engine ----

void UiState::forget_row_answers() {
    const uint64_t version = distribution.version + 1;
    distribution = Distribution{};
    distribution.version = version;
    lens = Lens{};
}

void UiState::forget_cache() {
    ++cache_serial_;
    live.clear();
    matrix.reset(~0u, ~0u, 0);
    sight.forget();
    ranks.forget();
    out_.first = next_id_;
    matrix_not_captured.clear();
    thumbs_not_captured.clear();
    out_.thumbs_wanted = 0;
    cache_node_ = kNoNode;
    asked_.fill(0);
    asked_row_ = ~0u;
    forget_row_answers();
}

Inspect& UiState::ask(InspectKind kind) {
    Inspect question;
    question.id = next_id_++;
    question.kind = kind;
    asked_[size_t(kind)] = question.id;
    asked_serial_[size_t(kind)] = cache_serial_;
    outbox.emplace_back(question);
    return std::get<Inspect>(outbox.back());
}

void UiState::ask_for_data(bool inspector_open) {
    ask_tokens();
    if (inspector_open) {
        restore_if_cheap();
    }
    if (!inspector_open || !selected_cached() || rows_in_cache() == 0 || model->n_layers == 0) {
        return;
    }
    ask_distribution();
    ask_rows();
    ask_sight();
    ask_thumbnails();
    ask_lens();
    ask_heads();
}

void UiState::ask_distribution() {
    // While following, the row that is being computed now: its answer comes before its token does,
    // and costs nothing, since the logits are at hand.
    const Message* m = selected();
    const bool ahead =
        busy() && !restoring() && !selection.locked && m->state == AnswerState::writing;
    if (ahead) {
        const auto newest = uint32_t(m->tokens.size()) - 1;
        if (asked_row_ != newest) {  // replaces a question that came too late for its row
            asked_row_ = newest;
            ask(InspectKind::distribution).position = newest;
        }
        return;
    }
    const uint32_t row = selection.query;
    if (waiting(InspectKind::distribution) || distribution.row == row || row >= rows_in_cache() ||
        selection.position == 0) {
        return;
    }
    ask(InspectKind::distribution).position = row;
}

void UiState::ask_lens() {
    const Message* m = selected();
    if (waiting(InspectKind::lens) || distribution.row != selection.query || !distribution.logits ||
        lens_is_here() || (busy() && !selection.locked)) {
        return;
    }
    std::vector<TokenId> ids;
    const auto& logits = *distribution.logits;
    ids.push_back(TokenId(std::max_element(logits.begin(), logits.end()) - logits.begin()));
    const TokenId drawn = selection.after_last ? ids.front() : m->tokens[selection.position].id;
    if (drawn != ids.front()) {
        ids.push_back(drawn);
    } else if (logits.size() > 1) {
        TokenId second = ids.front() == 0 ? 1 : 0;
        for (size_t i = 0; i < logits.size(); ++i) {
            if (TokenId(i) != ids.front() && logits[i] > logits[size_t(second)]) {
                second = TokenId(i);
            }
        }
        ids.push_back(second);
    }
    Inspect& question = ask(InspectKind::lens);
    question.position = selection.query;
    question.ids = ids;
    question.mid = lens_mid;
}

}  // namespace app::ui
