// The user's wishes about messages and answers: send, again, edit, branch, continue, stop; and what
// happens when a chat has outgrown the model's context.
#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "app/ui/state/ui_state.h"
#include "app/ui/widgets/format.h"

namespace app::ui {

std::string UiState::model_key() const {
    if (!ready()) {
        return {};
    }
    const ModelInfo& m = *model;
    return fmt::format("{}|{}|{}|{}|{}|{}|{}", m.name, m.architecture, m.quant, m.n_params,
                       m.vocab_size, m.file_bytes, m.path.substr(m.path.find_last_of('/') + 1));
}

bool UiState::from_loaded(const Message& m) const {
    return ready() && !m.model_key.empty() && m.model_key == model_key();
}

void UiState::send(const std::string& typed) {
    const std::string text = trimmed(typed);
    if (!ready() || busy() || text.empty() || chat().info.content != ChatContent::here ||
        chat().given_text() != kNoNode) {
        return;
    }
    const std::vector<NodeId> path = chat().path();
    const NodeId user = chat().add(path.empty() ? kNoNode : path.back(), model::Role::user, text);
    file.saver.used(chat());
    file.saver.message(chat(), user, false);
    answer(user);
}

void UiState::send_starter(const Starter& starter) {
    const bool chosen = head_chosen;
    const bool shows = ready() && model->shipped && !starter.word.empty();
    if (shows) {
        select_head(starter.layer, starter.head);
    }
    send(std::string(starter.prompt));
    if (shows) {
        starter_ = StarterShown{cache_node_, starter, chosen};
    }
}

/// The answer to a starter is done: the choice that it was asked for, unless the reader looks at
/// something else by now.
void UiState::show_starter(NodeId answer) {
    const std::optional<StarterShown> shown = std::exchange(starter_, {});
    if (!shown || selection.layer != shown->starter.layer ||
        selection.head != shown->starter.head) {
        return;
    }
    head_chosen = shown->head_chosen;
    if (answer != shown->answer || !selected_cached() || selection.locked) {
        return;
    }
    const Message& m = chat().at(answer);
    for (size_t n = m.tokens.size(); n > std::max<size_t>(m.answer_begin, 1); --n) {
        if (spells(token_text(m.tokens[n - 1].id), shown->starter.word)) {
            return select_position(int64_t(n) - 1);
        }
    }
}

void UiState::answer(NodeId user) {
    if (ready() && !busy() && chat().valid(user)) {
        regenerate(chat().add(user, model::Role::model, {}));
    }
}

void UiState::regenerate(NodeId answer, bool same_seed) {
    if (!ready() || busy() || !chat().valid(answer) || chat().at(answer).given) {
        return;
    }
    const NodeId user = chat().at(answer).parent;
    const bool fresh = chat().at(answer).state == AnswerState::none && !chat().at(answer).edited;
    if (!fresh && model->replayed) {
        return;  // nothing can be computed
    }
    const model::SamplingParams drawn = chat().at(answer).sampling;
    const NodeId node = fresh ? answer : chat().add(user, model::Role::model, {});
    Generate command;
    command.turns = chat().turns(user);
    start(node, std::move(command), same_seed ? &drawn : nullptr);
}

std::string UiState::replay_obstacle() const {
    return ready() && model->replayed ? "This is a recording: nothing can be computed" : "";
}

std::string UiState::edit_obstacle(NodeId message) const {
    if (!chat().valid(message) || chat().at(message).given) {
        return "this is no message that can be edited";
    }
    if (busy()) {
        return "an answer is being written; stop it first";
    }
    if (chat().at(message).role == model::Role::model || computes()) {
        return {};
    }
    return ready() ? "this is a recording: nothing can be computed" : "open a model first";
}

bool UiState::edit_and_resend(NodeId message, const std::string& typed) {
    const std::string text = trimmed(typed);
    if (!edit_obstacle(message).empty() || !computes() || text.empty()) {
        return false;
    }
    const NodeId user = chat().add(chat().at(message).parent, model::Role::user, text);
    file.saver.used(chat());
    file.saver.message(chat(), user, false);
    answer(user);
    return true;
}

bool UiState::edit_answer(NodeId answer, const std::string& typed) {
    const std::string text = trimmed(typed);
    if (!edit_obstacle(answer).empty() || text.empty()) {
        return false;
    }
    if (text == chat().at(answer).text) {
        return true;
    }
    const NodeId node = chat().add(chat().at(answer).parent, model::Role::model, text);
    Message& m = chat().at(node);
    m.edited = true;
    m.state = AnswerState::done;
    m.model_name = chat().at(answer).model_name;
    file.saver.used(chat());
    file.saver.message(chat(), node, true);
    selection.branch = node;
    selection.key.reset();
    forget_row_answers();
    return true;
}

/// Everything of a new generation that does not depend on what is asked.
void UiState::start(NodeId answer, Generate command, const model::SamplingParams* drawn) {
    Message& m = chat().at(answer);
    command.sampling = drawn != nullptr ? *drawn : sampling;
    if (drawn == nullptr && !model->replayed) {  // a recording was drawn with its own
        command.sampling.seed = next_seed++;
    }
    m.sampling = command.sampling;
    m.model_name = model->name;
    m.model_key = model_key();
    resuming_.on = false;
    hand_over(std::move(command), answer);
    if (!head_chosen) {
        selection.head = 0;
    }
}

/// The engine's cache will hold this answer's sequence. Its question is on the disk before the
/// engine hears of it.
void UiState::hand_over(Generate command, NodeId answer) {
    Message& m = chat().at(answer);
    command.id = next_id_++;
    command.drop_oldest = command.drop_oldest || chat().info.policy == ContextPolicy::drop_oldest;
    m.request = command.id;
    m.state = AnswerState::prefill;
    m.prefill_done = m.prefill_total = 0;
    m.error.clear();
    m.hint.clear();
    m.finish.reset();
    generating = command.id;
    generating_chat_ = current_chat;
    restoring_ = false;
    stopping = false;
    trouble.reset();
    context_question.reset();
    forget_cache();
    cache_node_ = answer;
    cache_chat_ = current_chat;
    selection.branch = answer;
    selection.key.reset();
    selection.locked = false;
    thumbs.reset(model->n_layers, model->n_heads);
    file.saver.message(chat(), answer, true);
    if (file.saver.on()) {
        file.held = {std::move(command), file.saver.last_serial()};
    } else {
        outbox.push_back(std::move(command));
    }
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
    if (!from_loaded(*from)) {
        return "this answer came from a model that is no longer loaded";
    }
    if (from->given) {
        return "this text is only read; nothing is written behind it";
    }
    if (position == 0) {
        return "nothing stands before the first token";
    }
    return {};
}

void UiState::branch(uint32_t position, TokenId id) {
    if (!branch_obstacle(position).empty()) {
        return;
    }
    trail.leave(current_chat, selection);
    const NodeId from = selection.branch;
    const NodeId node = chat().add(chat().at(from).parent, model::Role::model, {});
    const Message& old = chat().at(from);
    Message& fresh = chat().at(node);
    // In a branch of the prompt all that follows the choice is the model's.
    fresh.answer_begin = std::min(old.answer_begin, position);
    fresh.n_dropped_turns = old.n_dropped_turns;
    const TokenInfo& was = old.tokens[position];
    fresh.branch =
        BranchNote{position, token_text(id), token_words(was.text, was.bytes, was.control)};
    Generate command;
    command.tokens = ids_before(old, position);
    command.tokens.push_back(id);
    start(node, std::move(command));
}

void UiState::show_branch(NodeId id) {
    if (!chat().valid(id) || busy()) {
        return;
    }
    trail.leave(current_chat, selection);
    chat().show(id);
    for (NodeId n = id; n != kNoNode; n = chat().at(n).parent) {
        if (chat().sibling_count(n) > 1) {
            file.saver.shown(chat(), n);
        }
    }
    file.reveal = id;
    selection.branch =
        chat().at(id).role == model::Role::model ? id : chat().last(model::Role::model);
    selection.key.reset();
    selection.locked = false;
    forget_row_answers();
    follow();
    restore_wanted_ = true;
}

void UiState::leave_branch() {
    const std::optional<BranchTrail::Place> place = trail.take();
    if (!place || place->chat >= chats.size() || chats[place->chat].info.deleted ||
        !chats[place->chat].valid(place->selection.branch)) {
        return;
    }
    stop();
    show_chat(place->chat);
    const NodeId node = place->selection.branch;
    chat().show(node);
    file.saver.shown(chat(), node);
    selection = place->selection;
    forget_row_answers();
    restore_wanted_ = true;
}

std::string UiState::text_obstacle() const {
    if (!ready()) {
        return "A text is scored by a model: open one first.";
    }
    if (model->replayed) {
        return "A recording computes nothing: open a model to score a text.";
    }
    return busy() ? "An answer is being written: stop it first." : "";
}

void UiState::read_text(const std::string& text) {
    if (text_obstacle().empty() && !text.empty()) {
        show_text(text);
    }
}

void UiState::show_text(const std::string& text) {
    new_chat();  // none where the current one is empty
    const NodeId node = chat().add(kNoNode, model::Role::model, text);
    Message& m = chat().at(node);
    m.given = true;
    file.saver.used(chat());
    Generate command;
    command.text = text;
    command.max_tokens = 0;
    start(node, std::move(command));
}

// ---- going on ----

std::string UiState::continue_obstacle(NodeId answer) const {
    if (!chat().valid(answer) || chat().at(answer).role != model::Role::model) {
        return "this is no answer";
    }
    const Message& m = chat().at(answer);
    if (m.given) {
        return "this text is only read";
    }
    if (busy()) {
        return "an answer is being written; stop it first";
    }
    if (!ready()) {
        return "open a model first";
    }
    if (model->replayed) {
        return "this is a recording: nothing can be computed";
    }
    if (!m.children.empty()) {
        return "there are messages behind it; put it into a new chat first";
    }
    if (m.edited) {
        return {};
    }
    if (m.state == AnswerState::done && m.finish == FinishReason::stop) {
        return "the model has said all it wanted";
    }
    if (m.tokens.empty()) {
        return m.stored_tokens > 0 ? "its tokens are being read" : "nothing has been written yet";
    }
    return from_loaded(m) ? "" : "this answer came from a model that is no longer loaded";
}

namespace {

/// Tokens at the end whose text was held back (half a character, or what may begin a stop text) and
/// control tokens are drawn again: the answer goes on from the last one that can be read.
void drop_unread_tokens(Message& m) {
    while (m.tokens.size() > m.answer_begin + 1) {
        const size_t last = m.tokens.size() - 1;
        const bool read = last < m.text_end.size() && m.text_end[last] > m.text_end[last - 1];
        if (read && !m.tokens[last].control) {
            break;
        }
        m.tokens.pop_back();
        m.text_end.resize(m.tokens.size());
    }
    m.saved_tokens = std::min(m.saved_tokens, uint32_t(m.tokens.size()));
}

}  // namespace

void UiState::continue_answer(NodeId answer) {
    if (!continue_obstacle(answer).empty()) {
        return;
    }
    Generate command;
    Message& m = chat().at(answer);
    const bool full = m.finish == FinishReason::context_full;
    if (m.edited && m.tokens.empty()) {
        command.turns = chat().turns(m.parent);
        command.answer_text = m.text;
        command.sampling = sampling;
        command.sampling.seed = next_seed++;
        m.sampling = command.sampling;
        m.model_name = model->name;
        m.model_key = model_key();
    } else {
        drop_unread_tokens(m);
        command.sampling = m.sampling;
        if (full) {
            command.turns = chat().turns(m.parent);
            command.drop_oldest = true;
            for (size_t i = m.answer_begin; i < m.tokens.size(); ++i) {
                command.answer.push_back(m.tokens[i].id);
            }
        } else {
            command.tokens = ids_before(m, uint32_t(m.tokens.size()));
        }
    }
    resuming_.begun = m.stats;
    resuming_.on = true;
    hand_over(std::move(command), answer);
}

void UiState::restore_selected() {
    const Message* m = selected();
    if (m == nullptr || busy() || m->tokens.empty() || !from_loaded(*m)) {
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
    command.known = m->tokens;
    const Selection keep = selection;
    forget_cache();
    cache_node_ = node;
    cache_chat_ = current_chat;
    selection = keep;
    thumbs.reset(model->n_layers, model->n_heads);
    generating = command.id;
    generating_chat_ = current_chat;
    restoring_ = true;
    resuming_.on = false;
    stopping = false;
    chat().at(node).request = command.id;
    outbox.push_back(std::move(command));
}

/// A short answer is looked into without asking first. What it shares with the sequence in the
/// cache is not computed again.
void UiState::restore_if_cheap() {
    if (busy() || !std::exchange(restore_wanted_, false) || !can_restore()) {
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
    if (!busy() || stopping) {
        return;
    }
    stopping = true;
    if (!file.held) {
        outbox.push_back(Stop{generating});
        return;
    }
    // The engine has not heard of it yet.
    const RequestId id = file.held->first.id;
    file.held.reset();
    on(Finished{id, FinishReason::stopped, {}});
}

// ---- a chat that has outgrown the context ----

void UiState::context_is_full(NodeId answer, bool begun) {
    const Conversation& c = chats[generating_chat_];
    if (c.info.policy == ContextPolicy::ask) {
        context_question = ContextQuestion{generating_chat_, answer, begun};
    } else if (c.info.policy == ContextPolicy::drop_oldest && begun &&
               generating_chat_ == current_chat) {
        continue_answer(answer);
    }
}

void UiState::choose_context(ContextChoice choice) {
    if (!context_question || busy() || context_question->chat >= chats.size()) {
        return;
    }
    const ContextQuestion question = *std::exchange(context_question, std::nullopt);
    show_chat(question.chat);
    if (!chat().valid(question.answer)) {
        return;
    }
    if (choice == ContextChoice::new_chat) {
        const NodeId user = chat().at(question.answer).parent;
        const std::string text = chat().valid(user) ? chat().at(user).text : std::string();
        const std::string system = chat().info.system;
        new_chat();
        set_system(system);
        send(text);
        return;
    }
    chat().info.policy =
        choice == ContextChoice::stop ? ContextPolicy::stop : ContextPolicy::drop_oldest;
    file.saver.chat_changed(chat());
    if (choice == ContextChoice::drop_oldest) {
        question.begun ? continue_answer(question.answer) : regenerate(question.answer);
    }
}

}  // namespace app::ui
