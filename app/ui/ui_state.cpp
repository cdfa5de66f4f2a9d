#include "app/ui/ui_state.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "app/ui/format.h"

namespace app::ui {

// ---- the user's wishes ----

void UiState::open_model(const std::string& path, const std::string& device, uint32_t context) {
    if (busy()) {
        stop();
    }
    if (load) {
        outbox.push_back(CancelLoad{load->id});
    }
    device_selector = device;
    n_ctx = context;
    trouble.reset();
    load = LoadStatus{next_id_++, path, {}, 0, 0, false};
    LoadModel command;
    command.id = load->id;
    command.path = path;
    command.device = device;
    command.n_ctx = context;
    outbox.push_back(command);
}

void UiState::cancel_load() {
    if (load && !load->cancelled) {
        load->cancelled = true;
        outbox.push_back(CancelLoad{load->id});
    }
}

void UiState::send(const std::string& typed) {
    const std::string text = trimmed(typed);
    if (!ready() || busy() || text.empty()) {
        return;
    }
    const std::vector<NodeId> path = chat().path();
    const NodeId user = chat().add(path.empty() ? kNoNode : path.back(), model::Role::user, text);
    regenerate(chat().add(user, model::Role::model, {}));
}

void UiState::regenerate(NodeId answer) {
    if (!ready() || busy() || !chat().valid(answer)) {
        return;
    }
    const NodeId user = chat().at(answer).parent;
    const bool fresh = chat().at(answer).state == AnswerState::none;
    const NodeId node = fresh ? answer : chat().add(user, model::Role::model, {});
    Generate command;
    command.turns = chat().turns(user);
    start(node, std::move(command));
}

void UiState::edit_and_resend(NodeId message, const std::string& typed) {
    const std::string text = trimmed(typed);
    if (!ready() || busy() || !chat().valid(message) || text.empty()) {
        return;
    }
    const NodeId user = chat().add(chat().at(message).parent, model::Role::user, text);
    regenerate(chat().add(user, model::Role::model, {}));
}

void UiState::start(NodeId answer, Generate command) {
    Message& m = chat().at(answer);
    command.id = next_id_++;
    command.sampling = sampling;
    command.sampling.seed = next_seed++;
    m.request = command.id;
    m.state = AnswerState::prefill;
    m.seed = command.sampling.seed;
    m.model_name = model->name;
    m.model_serial = model_serial_;
    generating = command.id;
    generating_chat_ = current_chat;
    restoring_ = false;
    stopping = false;
    trouble.reset();
    forget_cache();
    cache_node_ = answer;
    cache_chat_ = current_chat;
    selection.branch = answer;
    selection.key.reset();
    selection.locked = false;
    if (!head_chosen) {
        selection.head = 0;
    }
    thumbs.reset(model->n_layers, model->n_heads);
    outbox.push_back(std::move(command));
}

std::vector<TokenId> UiState::ids_before(const Message& answer, uint32_t position) const {
    std::vector<TokenId> ids;
    for (uint32_t i = 0; i < std::min<size_t>(position, answer.tokens.size()); ++i) {
        ids.push_back(answer.tokens[i].id);
    }
    return ids;
}

std::string UiState::branch_obstacle(uint32_t position) const {
    const Message* from = selected();
    if (from == nullptr || position >= from->tokens.size()) {
        return "no token here yet";
    }
    if (busy()) {
        return "an answer is being written; stop it first";
    }
    if (!ready() || from->model_serial != model_serial_) {
        return "this answer came from a model that is no longer loaded";
    }
    if (position < from->answer_begin) {
        return "this token is part of the prompt; edit the message instead";
    }
    return {};
}

void UiState::branch(uint32_t position, TokenId id) {
    if (!branch_obstacle(position).empty()) {
        return;
    }
    const NodeId from = selection.branch;
    const NodeId node = chat().add(chat().at(from).parent, model::Role::model, {});
    const Message& old = chat().at(from);
    Message& fresh = chat().at(node);
    fresh.answer_begin = old.answer_begin;
    const TokenInfo& was = old.tokens[position];
    fresh.branch =
        BranchNote{position, token_text(id), token_words(was.text, was.bytes, was.control)};
    Generate command;
    command.tokens = ids_before(old, position);
    command.tokens.push_back(id);
    start(node, std::move(command));
}

void UiState::restore_selected() {
    const Message* m = selected();
    if (m == nullptr || busy() || !ready() || m->model_serial != model_serial_ ||
        m->tokens.empty()) {
        return;
    }
    // Computes the sequence without drawing a token: what is looked at stays as it is.
    const NodeId node = selection.branch;
    Generate command;
    command.id = next_id_++;
    command.tokens = ids_before(*m, uint32_t(m->tokens.size()));
    command.sampling = sampling;
    command.max_tokens = 0;
    command.score_prompt = false;
    const Selection keep = selection;
    forget_cache();
    cache_node_ = node;
    cache_chat_ = current_chat;
    selection = keep;
    thumbs.reset(model->n_layers, model->n_heads);
    generating = command.id;
    generating_chat_ = current_chat;
    restoring_ = true;
    stopping = false;
    chat().at(node).request = command.id;
    outbox.push_back(std::move(command));
}

/// A short answer is looked into without asking first. What it shares with the sequence in the
/// cache is not computed again.
void UiState::restore_if_cheap() {
    if (!std::exchange(restore_wanted_, false) || !can_restore()) {
        return;  // once: what failed is not tried again and again
    }
    const std::vector<TokenInfo>& wanted = selected()->tokens;
    size_t shared = 0;
    if (cache_node_ != kNoNode && cache_chat_ < chats.size()) {
        const std::vector<TokenInfo>& held = chats[cache_chat_].at(cache_node_).tokens;
        while (shared < std::min(wanted.size(), held.size()) &&
               wanted[shared].id == held[shared].id) {
            ++shared;
        }
    }
    if (wanted.size() - shared <= kCheapTokens) {
        restore_selected();
    }
}

void UiState::stop() {
    if (busy() && !stopping) {
        stopping = true;
        outbox.push_back(Stop{generating});
    }
}

void UiState::show_sibling(NodeId id, int step) {
    const NodeId now = chat().show_sibling(id, step);
    if (chat().at(now).role == model::Role::model) {
        selection.branch = now;
    } else {
        selection.branch = chat().last(model::Role::model);
    }
    const Message* m = selected();
    const uint32_t last = m != nullptr && !m->tokens.empty() ? uint32_t(m->tokens.size()) - 1 : 0;
    selection.position = selection.locked ? std::min(selection.position, last) : last;
    selection.query = selection.position > 0 ? selection.position - 1 : 0;
    selection.key.reset();
    forget_row_answers();
    restore_wanted_ = true;
}

void UiState::new_chat() {
    if (busy() || chat().empty()) {
        return;
    }
    const auto empty =
        std::find_if(chats.begin(), chats.end(), [](const Conversation& c) { return c.empty(); });
    if (empty == chats.end()) {
        chats.emplace_back();
        show_chat(chats.size() - 1);
    } else {
        show_chat(size_t(empty - chats.begin()));
    }
}

void UiState::show_chat(size_t index) {
    if (index >= chats.size() || index == current_chat) {
        return;
    }
    current_chat = index;
    selection.branch = chat().last(model::Role::model);
    selection.locked = false;
    selection.key.reset();
    forget_row_answers();
    follow();
    restore_wanted_ = true;
}

// ---- the selection ----

const Message* UiState::selected() const {
    return chat().valid(selection.branch) ? &chat().at(selection.branch) : nullptr;
}

void UiState::select_position(int64_t position) {
    const Message* m = selected();
    if (m == nullptr || m->tokens.empty()) {
        return;
    }
    const auto last = int64_t(m->tokens.size()) - 1;
    selection.position = uint32_t(std::clamp<int64_t>(position, 0, last));
    selection.query = selection.position > 0 ? selection.position - 1 : 0;
    selection.key.reset();
    selection.locked = true;
}

void UiState::select_query(uint32_t query) {
    select_position(int64_t(query) + 1);
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
}

void UiState::go_live() {
    selection.locked = false;
    selection.key.reset();
    follow();
}

void UiState::follow() {
    const Message* m = selected();
    if (m == nullptr || m->tokens.empty() || selection.locked) {
        return;
    }
    selection.position = uint32_t(m->tokens.size()) - 1;
    selection.query = selection.position > 0 ? selection.position - 1 : 0;
    selection.key.reset();
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
    if (busy() && (m.state == AnswerState::prefill || restoring_)) {
        return 0;
    }
    // The last token has been drawn but not been through the model.
    return m.tokens.empty() ? 0 : uint32_t(m.tokens.size()) - 1;
}

std::string UiState::not_in_cache_reason() const {
    const Message* m = selected();
    if (m == nullptr || m->tokens.empty()) {
        return "Nothing has been computed yet.";
    }
    if (!ready() || m->model_serial != model_serial_) {
        return "This answer came from a model that is no longer loaded.";
    }
    if (!selected_cached()) {
        return "The model's memory holds another answer now.";
    }
    return {};
}

bool UiState::can_restore() const {
    const Message* m = selected();
    return m != nullptr && !m->tokens.empty() && ready() && m->model_serial == model_serial_ &&
           !selected_cached() && !busy();
}

size_t UiState::context_used() const {
    const Message* m = selected();
    return m != nullptr && ready() && m->model_serial == model_serial_ ? m->tokens.size() : 0;
}

bool UiState::lens_coming() const {
    if (busy() || waiting(InspectKind::lens) || waiting(InspectKind::distribution)) {
        return true;
    }
    const bool row_came = distribution.row == selection.query;
    return row_came ? distribution.logits && lens.row != selection.query
                    : selection.query < rows_in_cache();
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
    matrix_not_captured.clear();
    thumbs_not_captured.clear();
    thumbs_wanted_ = 0;
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
    if (inspector_open) {
        restore_if_cheap();
    }
    if (!inspector_open || !selected_cached() || rows_in_cache() == 0 || model->n_layers == 0) {
        return;
    }
    ask_distribution();
    ask_tile();
    ask_thumbnails();
    ask_lens();
}

void UiState::ask_thumbnails() {
    // Rows that came before the live ones: the prompt, once. Later rows arrive live.
    if (thumbs_wanted_ == 0) {
        thumbs_wanted_ = rows_in_cache();
    }
    if (waiting(InspectKind::thumbnails) || !thumbs_not_captured.empty()) {
        return;
    }
    const uint32_t layer = thumbs.next_missing(thumbs_wanted_, selection.layer);
    if (layer < thumbs.n_layers()) {
        ask(InspectKind::thumbnails).layer = layer;
    }
}

void UiState::ask_tile() {
    const uint32_t rows = rows_in_cache();
    const uint32_t window =
        selection.layer < model->layers.size() ? model->layers[selection.layer].window : 0;
    if (!matrix.is(selection.layer, selection.head)) {
        matrix.reset(selection.layer, selection.head, window);
        matrix_not_captured.clear();
        asked_[size_t(InspectKind::tile)] = 0;
    }
    uint32_t begin = 0;
    if (rows > HeadMatrix::kMaxRows) {
        const uint32_t half = HeadMatrix::kMaxRows / 2;
        const uint32_t wanted = selection.query > half ? selection.query - half : 0;
        begin = std::min(wanted, rows - HeadMatrix::kMaxRows);
        // Moving by single rows would fetch all the time.
        begin = begin / HeadMatrix::kBlockRows * HeadMatrix::kBlockRows;
    }
    matrix.set_range(begin, std::min(rows, begin + HeadMatrix::kMaxRows));
    for (uint32_t q = matrix.begin(); q < matrix.end(); ++q) {
        const model::LiveRows* row = matrix.has_row(q) ? nullptr : live.find(q, selection.layer);
        if (row != nullptr) {
            matrix.add(*row);
        }
    }
    uint32_t first = 0, last = 0;
    if (waiting(InspectKind::tile) || !matrix_not_captured.empty() ||
        !matrix.missing(selection.query, first, last)) {
        return;
    }
    Inspect& question = ask(InspectKind::tile);
    question.layer = selection.layer;
    question.head = selection.head;
    question.query_begin = first;
    question.n_queries = last - first + 1;
    question.key_begin = 0;
    question.n_keys = last + 1;
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
        lens.row == selection.query || (busy() && !selection.locked)) {
        return;
    }
    std::vector<TokenId> ids;
    const auto& logits = *distribution.logits;
    ids.push_back(TokenId(std::max_element(logits.begin(), logits.end()) - logits.begin()));
    const TokenId drawn = m->tokens[selection.position].id;
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
}

}  // namespace app::ui
