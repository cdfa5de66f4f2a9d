// exp for the sampler: the same bits on every machine, which libm does not promise. A draw from a
// seed must not depend on the C library.
#pragma once

#include <bit>
#include <cstdint>

namespace model {

/// exp(x) for x <= 0, from additions and products only; relative error below 1e-15. 0 below -700.
inline double portable_exp(double x) {
    if (!(x > -700)) {
        return 0;
    }
    // x = n ln 2 + r with |r| <= ln 2 / 2; the upper half of ln 2 has trailing zeros, so that
    // n * upper is exact (Cody and Waite).
    // Adding and taking away 1.5 * 2^52 rounds to a whole number without a library call.
    const double n = (x * 0x1.71547652b82fep+0 + 0x1.8p52) - 0x1.8p52;
    const double r = (x - n * 0x1.62e42fee00000p-1) - n * 0x1.a39ef35793c76p-33;
    double sum = 1.0 / 6227020800.0;  // 1/13!: the next term is below 1e-17
    sum = sum * r + 1.0 / 479001600.0;
    sum = sum * r + 1.0 / 39916800.0;
    sum = sum * r + 1.0 / 3628800.0;
    sum = sum * r + 1.0 / 362880.0;
    sum = sum * r + 1.0 / 40320.0;
    sum = sum * r + 1.0 / 5040.0;
    sum = sum * r + 1.0 / 720.0;
    sum = sum * r + 1.0 / 120.0;
    sum = sum * r + 1.0 / 24.0;
    sum = sum * r + 1.0 / 6.0;
    sum = sum * r + 0.5;
    sum = sum * r + 1.0;
    sum = sum * r + 1.0;
    return sum * std::bit_cast<double>(uint64_t(1023 + int64_t(n)) << 52);
}

}  // namespace model
