// What the window and `chat` offer to try: prompts among the shipped model's skills.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <string_view>

namespace app {

struct Starter {
    std::string_view prompt;
    std::string_view card;  // the same on the window's card, in two lines
    std::string_view note;  // what its attention shows
    // Where the shipped model shows it: the last token of the answer that is this word, and the
    // head that reads it from the question. Without: nothing is chosen for the reader.
    std::string_view word;
    uint32_t layer = 0, head = 0;
};

/// Of a token's text: that word alone, or behind the sign of a space.
constexpr bool spells(std::string_view token, std::string_view word) {
    const std::string_view before =
        token.substr(0, token.size() - std::min(token.size(), word.size()));
    return token.ends_with(word) &&
           (before.empty() || before == "\u00B7" || before == "\u2420" || before == "\u2581");
}

constexpr std::array<Starter, 4> kStarters = {{
    {"The cup is red. The hat is blue. What colour is the hat?",
     "The cup is red. The hat is blue.\nWhat colour is the hat?", "look-up in one cell", "blue", 3,
     3},
    {"Repeat after me: river lamp stone bell", "Repeat after me:\nriver lamp stone bell",
     "a head that copies", "bell", 3, 3},
    {"Tell me a story about Tim and a dog.", "Tell me a story about\nTim and a dog.",
     "a chain of choices"},
    {"What is attention?", "What is attention?", "the model on itself"},
}};

}  // namespace app
