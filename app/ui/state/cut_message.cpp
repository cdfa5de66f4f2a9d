#include "app/ui/state/cut_message.h"

#include <algorithm>
#include <string_view>

#include <fmt/format.h>

#include "app/ui/widgets/format.h"

namespace app::ui {

std::optional<TurnSoFar> turn_before(const std::vector<TokenInfo>& tokens, uint32_t position) {
    const size_t end = std::min<size_t>(position, tokens.size());
    size_t begin = end;
    while (begin > 0 && !tokens[begin - 1].control) {
        --begin;
    }
    std::string text;
    for (size_t i = begin; i < end; ++i) {
        text += tokens[i].bytes;
    }
    for (const std::string_view role : {"user\n", "model\n"}) {
        if (begin > 0 && text.starts_with(role)) {
            return TurnSoFar{role == "user\n", text.substr(role.size())};
        }
    }
    return std::nullopt;
}

std::optional<CutMessage> cut_message(const Conversation& chat, NodeId id) {
    const Message& m = chat.at(id);
    if (!m.branch || m.given || m.tokens.size() <= m.answer_begin) {
        return std::nullopt;
    }
    const std::optional<TurnSoFar> turn = turn_before(m.tokens, m.answer_begin);
    if (!turn || (!turn->user && turn->text.empty())) {
        return std::nullopt;  // a whole prompt ends with the line of the model's role
    }
    CutMessage cut{turn->text, {}, turn->user};
    const std::string& system = chat.info.system;  // stands in the first message's turn
    const std::string frame = system.empty() ? std::string() : system + "\n\n";
    if (!frame.empty() && cut.read.starts_with(frame)) {
        cut.read.erase(0, frame.size());
    }
    if (cut.user && chat.valid(m.parent) && chat.at(m.parent).text.starts_with(cut.read)) {
        cut.cut = chat.at(m.parent).text.substr(cut.read.size());
    }
    return cut;
}

std::string cut_words(const CutMessage& cut, const std::string& chosen) {
    constexpr size_t kMost = 120;
    std::string read = cut.read;
    if (read.size() > kMost) {  // its end is what matters
        size_t at = read.size() - kMost;
        while (at < read.size() && (static_cast<unsigned char>(read[at]) & 0xC0) == 0x80) {
            ++at;
        }
        read = "…" + read.substr(at);
    }
    if (!read.empty()) {
        read = fmt::format("“{}”, then ", one_line(read, kMost + 1));
    }
    std::string words =
        fmt::format("Branched inside {}: of it the model read {}“{}”, and wrote on from there.",
                    cut.user ? "your message" : "an earlier answer", read, chosen);
    if (!cut.cut.empty()) {
        words += fmt::format(" It was not shown “{}”.", one_line(cut.cut, kMost));
    }
    return words + " The next question goes behind the whole chat as it stands here.";
}

}  // namespace app::ui
