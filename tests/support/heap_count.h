// Counts what the calling thread takes from the heap through operator new, for tests of code that
// must not allocate. What drivers and C libraries take through malloc is not counted,
// and under the sanitizers nothing is.
#pragma once

#include <cstddef>

namespace support {

size_t heap_allocations();

/// While it lives, operator new has no memory for more than `most` bytes at once, in any thread.
class HeapLimit {
public:
    explicit HeapLimit(size_t most);
    ~HeapLimit();
    HeapLimit(const HeapLimit&) = delete;
    HeapLimit& operator=(const HeapLimit&) = delete;
    /// False under the sanitizers, which bring their own operators.
    static bool works();
};

}  // namespace support
