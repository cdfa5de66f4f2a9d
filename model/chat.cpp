#include "model/chat.h"

#include <optional>

#include "gpu/base.h"
#include "model/utf8.h"

namespace model {
namespace {

// An empty line goes between texts that are put together: system and user, or two turns in a row.
constexpr std::string_view kBetween = "\n\n";

void append(std::vector<TokenId>& out, const std::vector<TokenId>& ids) {
    out.insert(out.end(), ids.begin(), ids.end());
}

void join(std::string& text, std::string_view more) {
    if (!text.empty() && !more.empty()) {
        text += kBetween;
    }
    text += more;
}

// The conversation as the formats want it: user, model, user, … user, and the system text apart.
struct Conversation {
    std::string system;
    std::vector<Turn> turns;
};

Conversation in_order(const std::vector<Turn>& turns, bool keep_whitespace) {
    Conversation conversation;
    for (const Turn& turn : turns) {
        if (turn.role == Role::system) {
            // The template of Gemma 3 does not trim system text.
            join(conversation.system, turn.text);
            continue;
        }
        const std::string_view text = keep_whitespace ? turn.text : utf8_trimmed(turn.text);
        if (!conversation.turns.empty() && conversation.turns.back().role == turn.role) {
            join(conversation.turns.back().text, text);
        } else {
            conversation.turns.push_back({turn.role, std::string(text)});
        }
    }
    const auto& list = conversation.turns;
    if (list.empty() || list.front().role != Role::user || list.back().role != Role::user) {
        throw base::Error(base::ErrorKind::usage,
                          "a conversation must begin and end with a user turn",
                          "Put the question into a turn of role 'user'.");
    }
    return conversation;
}

TokenId marker(const std::optional<TokenId>& id, std::string_view name) {
    if (!id) {
        throw base::Error(base::ErrorKind::usage,
                          fmt::format("this vocabulary has no token {}", name),
                          "The model is a base model: let it complete text instead.");
    }
    return *id;
}

// Spec 7.1. All that stands between two markers is tokenized as one text, as the official
// tokenizers do.
std::vector<TokenId> render_turns(const Tokenizer& tokenizer, const Conversation& conversation) {
    const TokenId start = marker(tokenizer.start_of_turn(), "<start_of_turn>");
    const TokenId end = marker(tokenizer.end_of_turn(), "<end_of_turn>");
    std::vector<TokenId> out = {tokenizer.bos()};
    bool is_first = true;
    for (const Turn& turn : conversation.turns) {
        std::string text = turn.role == Role::user ? "user\n" : "model\n";
        if (is_first && !conversation.system.empty()) {
            text += conversation.system;
            text += kBetween;
        }
        is_first = false;
        text += turn.text;
        out.push_back(start);
        append(out, tokenizer.encode(text));
        out.push_back(end);
        append(out, tokenizer.encode("\n"));
    }
    out.push_back(start);
    append(out, tokenizer.encode("model\n"));
    return out;
}

std::vector<TokenId> render_questions(const Tokenizer& tokenizer,
                                      const Conversation& conversation) {
    std::string text = conversation.system;
    for (const Turn& turn : conversation.turns) {
        if (turn.role == Role::user) {
            join(text, "Question: ");
            text += turn.text;
        } else {
            text += " ";
            text += turn.text;
            continue;
        }
        join(text, "Answer:");
    }
    return render_completion(tokenizer, text);
}

}  // namespace

ChatFormat chat_format(const Tokenizer& tokenizer) {
    return tokenizer.has_turn_template() ? ChatFormat::turns : ChatFormat::question_answer;
}

std::vector<TokenId> render_chat(const Tokenizer& tokenizer, ChatFormat format,
                                 const std::vector<Turn>& turns, bool keep_whitespace) {
    const Conversation conversation = in_order(turns, keep_whitespace);
    return format == ChatFormat::turns ? render_turns(tokenizer, conversation)
                                       : render_questions(tokenizer, conversation);
}

std::vector<TokenId> render_completion(const Tokenizer& tokenizer, std::string_view text,
                                       bool parse_special) {
    std::vector<TokenId> out = {tokenizer.bos()};
    std::vector<TokenId> ids =
        parse_special ? tokenizer.encode_special(text) : tokenizer.encode(text);
    if (!ids.empty() && ids.front() == tokenizer.bos()) {
        ids.erase(ids.begin());  // the text has brought its own
    }
    append(out, ids);
    return out;
}

std::vector<std::string> stop_texts(ChatFormat format) {
    if (format == ChatFormat::turns) {
        return {};
    }
    return {"\nQuestion:"};
}

}  // namespace model
