// Seeded random numbers that are the same on every platform.
#pragma once

#include <cstdint>

namespace support {

class Random {
public:
    explicit Random(uint64_t seed) : state_(seed) {}

    uint64_t next() {  // splitmix64
        state_ += 0x9e3779b97f4a7c15ull;
        uint64_t z = state_;
        z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
        z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
        return z ^ (z >> 31);
    }
    uint64_t below(uint64_t n) { return next() % n; }
    /// In [0, 1), a multiple of 2^-24.
    float uniform() { return static_cast<float>(next() >> 40) * 0x1p-24f; }
    /// Near enough to a standard normal: no library function, so the same bits everywhere.
    float normal() {
        float sum = 0;
        for (int i = 0; i < 12; ++i) {
            sum += uniform();
        }
        return sum - 6;
    }

private:
    uint64_t state_;
};

}  // namespace support
