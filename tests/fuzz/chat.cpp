// Any conversation becomes a prompt with one <bos>, the markers of its turns and no other control
// token, or is refused.
// Input: one byte for the vocabulary, one for the format, then records: role, length, text.
#include "model/chat.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "gpu/base.h"
#include "tests/support/vocabularies.h"

namespace {

using namespace model;

const Tokenizer& tokenizer_of(uint8_t seed) {
    static std::array<std::optional<Tokenizer>, 16> tokenizers;
    auto& one = tokenizers[seed % tokenizers.size()];
    if (!one) {
        one.emplace(support::tokenizer_for(support::random_vocabulary(seed % tokenizers.size())));
    }
    return *one;
}

size_t n_controls(const Tokenizer& tokenizer, const std::vector<TokenId>& ids) {
    return static_cast<size_t>(std::count_if(ids.begin(), ids.end(), [&](TokenId id) {
        const TokenKind kind = tokenizer.kind(id);
        return kind == TokenKind::control || kind == TokenKind::unknown;
    }));
}

void check_prompt(const Tokenizer& tokenizer, const std::vector<TokenId>& ids, size_t expected) {
    CHECK(!ids.empty() && ids.front() == tokenizer.bos());
    CHECK(n_controls(tokenizer, ids) == expected, "{} control tokens, expected {}",
          n_controls(tokenizer, ids), expected);
}

/// Runs of turns of one role, system text left out.
size_t n_runs(const std::vector<Turn>& turns) {
    size_t n = 0;
    Role last = Role::system;
    for (const Turn& turn : turns) {
        if (turn.role != Role::system) {
            n += turn.role != last ? 1 : 0;
            last = turn.role;
        }
    }
    return n;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
    if (size < 2) {
        return 0;
    }
    const Tokenizer& tokenizer = tokenizer_of(bytes[0]);
    const bool in_turns = (bytes[1] & 1) != 0, keep_whitespace = (bytes[1] & 2) != 0;
    bytes += 2;
    size -= 2;
    std::vector<Turn> turns;
    std::string all;
    while (size >= 2) {
        const size_t length = std::min<size_t>(bytes[1], size - 2);
        turns.push_back({static_cast<Role>(bytes[0] % 3),
                         std::string(reinterpret_cast<const char*>(bytes) + 2, length)});
        all += turns.back().text;
        bytes += 2 + length;
        size -= 2 + length;
    }
    try {
        const ChatFormat format = in_turns ? ChatFormat::turns : ChatFormat::question_answer;
        const auto ids = render_chat(tokenizer, format, turns, keep_whitespace);
        check_prompt(tokenizer, ids, in_turns ? 2 + 2 * n_runs(turns) : 1);
    } catch (const base::Error& error) {
        CHECK(error.kind() == base::ErrorKind::usage);
    }
    check_prompt(tokenizer, render_completion(tokenizer, all), 1);
    check_prompt(tokenizer, render_fill_in_the_middle(tokenizer, all, all), 4);
    check_prompt(tokenizer, render_shield(tokenizer, all, "", all), 3);
    check_prompt(tokenizer, render_shield(tokenizer, all, "x" + all, all), 5);
    return 0;
}
