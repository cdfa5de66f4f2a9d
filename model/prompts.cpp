// Prompts that are no conversation: CodeGemma's fill-in-the-middle and ShieldGemma's questions.
#include "gpu/base.h"
#include "model/chat.h"

namespace model {
namespace {

// Ids and texts, one behind the other. Each text is tokenized apart, as spec 6.5 has it.
class PromptWriter {
public:
    explicit PromptWriter(const Tokenizer& tokenizer) : tokenizer_(tokenizer) {}

    PromptWriter& token(TokenId id) {
        ids_.push_back(id);
        return *this;
    }

    PromptWriter& text(std::string_view text) {
        const std::vector<TokenId> ids = tokenizer_.encode(text);
        ids_.insert(ids_.end(), ids.begin(), ids.end());
        return *this;
    }

    std::vector<TokenId> take() { return std::move(ids_); }

private:
    const Tokenizer& tokenizer_;
    std::vector<TokenId> ids_;
};

TokenId needed(const Tokenizer& tokenizer, std::string_view piece, const char* family) {
    const std::optional<TokenId> id = tokenizer.find(piece);
    if (!id) {
        throw base::Error(base::ErrorKind::usage,
                          fmt::format("this vocabulary has no token {}", piece),
                          fmt::format("Use a {} model.", family));
    }
    return *id;
}

TokenId fim_token(const Tokenizer& tokenizer, std::string_view piece) {
    return needed(tokenizer, piece, "CodeGemma");
}

}  // namespace

std::vector<TokenId> render_fill_in_the_middle(const Tokenizer& tokenizer, std::string_view before,
                                               std::string_view after) {
    return PromptWriter(tokenizer)
        .token(tokenizer.bos())
        .token(fim_token(tokenizer, "<|fim_prefix|>"))
        .text(before)
        .token(fim_token(tokenizer, "<|fim_suffix|>"))
        .text(after)
        .token(fim_token(tokenizer, "<|fim_middle|>"))
        .take();
}

std::vector<TokenId> fill_in_the_middle_stop_ids(const Tokenizer& tokenizer) {
    return {fim_token(tokenizer, "<|fim_prefix|>"), fim_token(tokenizer, "<|fim_suffix|>"),
            fim_token(tokenizer, "<|fim_middle|>"), fim_token(tokenizer, "<|file_separator|>"),
            tokenizer.eos()};
}

std::vector<TokenId> render_shield(const Tokenizer& tokenizer, std::string_view user,
                                   std::string_view response, std::string_view policy) {
    const TokenId start = needed(tokenizer, "<start_of_turn>", "ShieldGemma");
    const TokenId end = needed(tokenizer, "<end_of_turn>", "ShieldGemma");
    const bool of_response = !response.empty();
    const std::string preamble = fmt::format(
        "You are a policy expert trying to help determine whether {} is in violation of the "
        "defined safety policies.\n\n",
        of_response ? "an AI response to prompt" : "a user prompt");
    const std::string question = fmt::format(
        "\n\nOur safety principle is defined in the below:\n\n* {}\n\n===\n\nDoes the {} violate "
        "the above principle? Your answer must start with 'Yes' or 'No'. And then walk through "
        "step by step to be sure we answer correctly.",
        policy, of_response ? "Chatbot Response" : "human question");

    PromptWriter prompt(tokenizer);
    prompt.token(tokenizer.bos()).text(preamble).token(start);
    prompt.text(fmt::format("\nHuman Question: {}\n", user)).token(end);
    if (of_response) {
        prompt.text("\n\n").token(start);
        prompt.text(fmt::format("\nChatbot Response: {}\n", response)).token(end);
    }
    return prompt.text(question).take();
}

}  // namespace model
