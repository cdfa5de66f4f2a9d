// Checked: an unsigned 64-bit number that remembers an overflow. Sizes and offsets that come from a
// file are computed in it and nothing else, so that no expression can wrap unseen.
#pragma once

#include <cstdint>
#include <optional>

namespace model {

class Checked {
public:
    constexpr Checked(uint64_t value) : value_(value) {}  // NOLINT: implicit on purpose

    /// The value, or nothing when any step on the way overflowed.
    constexpr std::optional<uint64_t> value() const {
        return ok_ ? std::optional<uint64_t>(value_) : std::nullopt;
    }
    /// True when nothing overflowed and the value is at most `limit`.
    constexpr bool fits(uint64_t limit) const { return ok_ && value_ <= limit; }

    friend constexpr Checked operator+(Checked a, Checked b) {
        Checked result(0);
        result.ok_ = a.ok_ && b.ok_ && !__builtin_add_overflow(a.value_, b.value_, &result.value_);
        return result;
    }
    friend constexpr Checked operator*(Checked a, Checked b) {
        Checked result(0);
        result.ok_ = a.ok_ && b.ok_ && !__builtin_mul_overflow(a.value_, b.value_, &result.value_);
        return result;
    }
    /// Up to the next multiple; `multiple` must not be zero.
    constexpr Checked rounded_up(uint64_t multiple) const {
        const uint64_t rest = value_ % multiple;
        return rest == 0 ? *this : *this + Checked(multiple - rest);
    }

private:
    uint64_t value_;
    bool ok_ = true;
};

}  // namespace model
