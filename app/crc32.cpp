#include "app/crc32.h"

#include <array>

namespace app {

namespace {

constexpr std::array<uint32_t, 256> make_crc_table() {
    std::array<uint32_t, 256> table{};
    for (uint32_t i = 0; i < 256; ++i) {
        uint32_t c = i;
        for (int bit = 0; bit < 8; ++bit) {
            c = (c >> 1) ^ ((c & 1) != 0 ? 0xEDB88320u : 0u);
        }
        table[i] = c;
    }
    return table;
}

}  // namespace

uint32_t crc32(uint32_t crc, std::span<const std::byte> bytes) {
    static constexpr std::array<uint32_t, 256> table = make_crc_table();
    crc = ~crc;
    for (const std::byte b : bytes) {
        crc = table[(crc ^ uint32_t(b)) & 0xFF] ^ (crc >> 8);
    }
    return ~crc;
}

}  // namespace app
