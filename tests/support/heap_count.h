// Counts what the calling thread takes from the heap through operator new, for tests of code that
// must not allocate. What drivers and C libraries take through malloc is not counted,
// and under the sanitizers nothing is.
#pragma once

#include <cstddef>

namespace support {

size_t heap_allocations();

}  // namespace support
