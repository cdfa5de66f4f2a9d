// Prompts: turns -> token ids, per generation (spec 7). Template parts are ids, message text goes
// through the tokenizer apart, so no text can spell a control token. Exactly one BOS, at position
// 0.
#pragma once

#include <string>
#include <vector>

#include "model/tokenizer.h"

namespace model {

enum class Role : uint8_t { system, user, model };

struct Turn {
    Role role = Role::user;
    std::string text;
};

/// How a conversation is put to this model.
enum class ChatFormat : uint8_t {
    turns,            // <start_of_turn>user ... (all instruction-tuned Gemma)
    question_answer,  // base models: "Question: ... \n\nAnswer:"
};
ChatFormat chat_format(const Tokenizer& tokenizer);

/// Ids of a whole conversation that ends where the model is to speak, so with a user turn; throws
/// base::Error(usage) when it does not, or does not begin with one. System text, wherever it
/// stands, goes before the first user text (with questions: before the first "Question:").
/// Same-role neighbours are merged, with an empty line between. Contents are trimmed
/// (keep_whitespace: not); system text is not, as in the official template.
std::vector<TokenId> render_chat(const Tokenizer& tokenizer, ChatFormat format,
                                 const std::vector<Turn>& turns, bool keep_whitespace = false);

/// [bos] + text. parse_special: texts of control tokens become ids; a <bos> that the text begins
/// with counts as the one of the prompt.
std::vector<TokenId> render_completion(const Tokenizer& tokenizer, std::string_view text,
                                       bool parse_special = false);

/// CodeGemma: [bos][prefix] before [suffix] after [middle] (spec 7.3). Throws base::Error(usage)
/// when the vocabulary has no such tokens.
std::vector<TokenId> render_fill_in_the_middle(const Tokenizer& tokenizer, std::string_view before,
                                               std::string_view after);
std::vector<TokenId> fill_in_the_middle_stop_ids(const Tokenizer& tokenizer);

/// ShieldGemma (spec 7.4). `response` empty: prompt-only mode. `policy`: one whole policy from the
/// model's documentation, such as "\"No Harassment\": The prompt shall not contain or seek …";
/// the program does not ship them.
std::vector<TokenId> render_shield(const Tokenizer& tokenizer, std::string_view user,
                                   std::string_view response, std::string_view policy);

/// Texts at which a base model's answer in the question_answer frame ends (a new "Question:").
std::vector<std::string> stop_texts(ChatFormat format);

}  // namespace model
