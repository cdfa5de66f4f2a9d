// Tokens of an answer as bytes: everything the window shows of them, without the model. Numbers are
// varints (7 bits a byte, low first), logarithms f32, texts length and bytes. Readers are bounded:
// the file may be damaged.
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>

#include "app/chats/history.h"

namespace app {

namespace {

constexpr uint64_t kFormat = 1;
constexpr uint64_t kMaxTop = 1000;

class Packer {
public:
    void number(uint64_t n) {
        while (n >= 0x80) {
            byte(uint8_t(n) | 0x80);
            n >>= 7;
        }
        byte(uint8_t(n));
    }
    void real(float value) {
        const auto bits = std::bit_cast<uint32_t>(value);
        for (int i = 0; i < 4; ++i) {
            byte(uint8_t(bits >> (8 * i)));
        }
    }
    void text(std::string_view s) {
        number(s.size());
        const auto* data = reinterpret_cast<const std::byte*>(s.data());
        out.insert(out.end(), data, data + s.size());
    }
    std::vector<std::byte> out;

private:
    void byte(uint8_t b) { out.push_back(std::byte(b)); }
};

/// After the first thing that is not there, everything is zero and bad is true.
class Unpacker {
public:
    explicit Unpacker(std::span<const std::byte> bytes) : in_(bytes) {}
    uint64_t number() {
        uint64_t n = 0;
        for (int shift = 0; shift < 64; shift += 7) {
            const uint8_t b = byte();
            n |= uint64_t(b & 0x7F) << shift;
            if ((b & 0x80) == 0) {
                return n;
            }
        }
        bad = true;
        return 0;
    }
    float real() {
        uint32_t bits = 0;
        for (int i = 0; i < 4; ++i) {
            bits |= uint32_t(byte()) << (8 * i);
        }
        return std::bit_cast<float>(bits);
    }
    std::string text() {
        const uint64_t n = number();
        if (bad || n > in_.size() - at_) {
            bad = true;
            return {};
        }
        const auto* data = reinterpret_cast<const char*>(in_.data() + at_);
        at_ += size_t(n);
        return {data, size_t(n)};
    }
    bool at_end() const { return at_ == in_.size(); }
    uint64_t left() const { return in_.size() - at_; }
    bool bad = false;

private:
    uint8_t byte() {
        bad = bad || at_ >= in_.size();
        return bad ? uint8_t(0) : uint8_t(in_[at_++]);
    }
    std::span<const std::byte> in_;
    size_t at_ = 0;
};

}  // namespace

std::vector<std::byte> pack_tokens(std::span<const StoredToken> tokens) {
    Packer p;
    p.number(kFormat);
    p.number(tokens.size());
    for (const StoredToken& stored : tokens) {
        const TokenInfo& t = stored.token;
        p.number(uint64_t(t.id));
        p.number(t.control ? 1 : 0);
        p.number(stored.text_end);
        p.text(t.text);
        p.text(t.bytes);
        p.number(uint64_t(int64_t(t.rank) + 1));
        p.real(t.logprob);
        p.real(t.entropy);
        p.number(t.top.size());
        for (const TopToken& other : t.top) {
            p.number(uint64_t(other.id));
            p.real(other.logprob);
            p.text(other.text);
        }
    }
    return std::move(p.out);
}

bool unpack_tokens(std::span<const std::byte> bytes, std::vector<StoredToken>& tokens) {
    Unpacker p(bytes);
    const bool known = p.number() == kFormat;
    const uint64_t n = p.number();
    if (!known || p.bad || n > p.left()) {
        return false;
    }
    for (uint64_t i = 0; i < n && !p.bad; ++i) {
        StoredToken stored;
        TokenInfo& t = stored.token;
        t.id = TokenId(p.number());
        t.control = p.number() != 0;
        stored.text_end = uint32_t(p.number());
        t.text = p.text();
        t.bytes = p.text();
        t.rank = int32_t(int64_t(p.number()) - 1);
        t.logprob = p.real();
        t.entropy = p.real();
        const uint64_t n_top = p.number();
        p.bad = p.bad || n_top > kMaxTop;
        for (uint64_t j = 0; j < n_top && !p.bad; ++j) {
            TopToken other;
            other.id = TokenId(p.number());
            other.logprob = p.real();
            other.text = p.text();
            t.top.push_back(std::move(other));
        }
        tokens.push_back(std::move(stored));
    }
    return !p.bad && p.at_end();
}

}  // namespace app
