// Structural similarity of two pictures (Wang et al. 2004): mean SSIM of their brightness over
// windows of 8 x 8, which is 1 for equal pictures.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace support {

struct Crop {
    int x = 0, y = 0, w = 0, h = 0;
};

/// `a` and `b`: [height, width, 3] of one size; only what lies in `crop` counts.
inline double ssim(const std::vector<uint8_t>& a, const std::vector<uint8_t>& b, int width,
                   const Crop& crop) {
    constexpr int kSide = 8, kStep = 4;
    constexpr double kC1 = 0.01 * 255 * 0.01 * 255, kC2 = 0.03 * 255 * 0.03 * 255;
    const auto luma = [width](const std::vector<uint8_t>& p, int x, int y) {
        const uint8_t* c = p.data() + (size_t(y) * size_t(width) + size_t(x)) * 3;
        return 0.299 * c[0] + 0.587 * c[1] + 0.114 * c[2];
    };
    double total = 0;
    size_t n_windows = 0;
    for (int y = crop.y; y + kSide <= crop.y + crop.h; y += kStep) {
        for (int x = crop.x; x + kSide <= crop.x + crop.w; x += kStep) {
            double sa = 0, sb = 0, saa = 0, sbb = 0, sab = 0;
            for (int dy = 0; dy < kSide; ++dy) {
                for (int dx = 0; dx < kSide; ++dx) {
                    const double u = luma(a, x + dx, y + dy), v = luma(b, x + dx, y + dy);
                    sa += u;
                    sb += v;
                    saa += u * u;
                    sbb += v * v;
                    sab += u * v;
                }
            }
            constexpr double n = kSide * kSide;
            const double ma = sa / n, mb = sb / n;
            const double va = saa / n - ma * ma, vb = sbb / n - mb * mb, cov = sab / n - ma * mb;
            total += (2 * ma * mb + kC1) * (2 * cov + kC2) /
                     ((ma * ma + mb * mb + kC1) * (va + vb + kC2));
            ++n_windows;
        }
    }
    return n_windows == 0 ? 0 : total / double(n_windows);
}

}  // namespace support
