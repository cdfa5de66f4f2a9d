// What the window and `chat` offer to try: prompts among the shipped model's skills.
#pragma once

#include <array>
#include <string_view>

namespace app {

struct Starter {
    std::string_view prompt;
    std::string_view card;  // the same on the window's card, in two lines
    std::string_view note;  // what its attention shows
};

constexpr std::array<Starter, 4> kStarters = {{
    {"The cup is red. The hat is blue. What colour is the hat?",
     "The cup is red. The hat is blue.\nWhat colour is the hat?", "look-up in one cell"},
    {"Repeat after me: river lamp stone bell", "Repeat after me:\nriver lamp stone bell",
     "a head that copies"},
    {"Tell me a story about Tim and a dog.", "Tell me a story about\nTim and a dog.",
     "a chain of choices"},
    {"What is attention?", "What is attention?", "the model on itself"},
}};

}  // namespace app
