// BpeLibrary: the sentencepiece library with one vocabulary loaded, safe and fast on any text.
//
// The library's time per byte and its memory grow with the text (1 MB of one letter: 1 s, 100 MB),
// so long texts go through it in windows. The result is exactly that of the whole text:
//
// A text is first split, left to right, into user-defined tokens and single characters; then
// neighbours merge, best score first, leftmost first. Let p be where one window's accepted tokens
// end and the next window begins, x the last of the accepted symbols and y the first of the next.
// If tokenizing the text of x and y alone gives x and y, then no merge crosses p in the whole text:
// up to the first such merge both sides change as they do in their own windows, what it joins are
// parts of x and y, and it beats all that is open within x and y, so it would have happened in
// their text alone too. And no user-defined token crosses p as long as p lies so far before the
// end of its window that the end cannot have cut one short.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "model/sentencepiece_proto.h"

namespace model {

class BpeLibrary {
public:
    /// Throws base::Error(model) when the library refuses the vocabulary.
    explicit BpeLibrary(const Vocabulary& vocabulary);
    ~BpeLibrary();
    BpeLibrary(const BpeLibrary&) = delete;
    BpeLibrary& operator=(const BpeLibrary&) = delete;

    /// Append the ids of `text`, which must be valid UTF-8. A text of any length takes time in
    /// proportion to it and memory in proportion to one window.
    void encode(std::vector<TokenId>& out, std::string_view text) const;

    /// The same through one call of the library, whatever the length. For tests.
    void encode_at_once(std::vector<TokenId>& out, std::string_view text) const;

    const std::string& piece(TokenId id) const;
    /// Id of a piece, also of control tokens.
    std::optional<TokenId> find(std::string_view piece) const;

private:
    struct Window;
    struct Cut;

    Window open_window(std::string_view text, size_t size) const;
    std::optional<Cut> find_cut(const Window& window, std::string_view text) const;
    bool stay_apart(std::string_view left, std::string_view right,
                    const std::vector<TokenId>& ids) const;

    struct Processor;  // keeps the library's header out of ours
    std::unique_ptr<Processor> processor_;
    std::vector<uint16_t> text_sizes_;  // bytes of text that each token stands for
    std::vector<bool> is_byte_;
    size_t margin_ = 0;    // the longest piece
    bool may_cut_ = true;  // false with tokens of type "unused", which are not merged but dissolved
};

}  // namespace model
