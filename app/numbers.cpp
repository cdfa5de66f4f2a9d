#include "app/numbers.h"

namespace app {

std::string thousands(uint64_t n) {
    std::string digits = std::to_string(n);
    for (int64_t at = int64_t(digits.size()) - 3; at > 0; at -= 3) {
        digits.insert(size_t(at), 1, ',');
    }
    return digits;
}

}  // namespace app
