#include "tests/support/heap_count.h"

#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <new>

namespace {

thread_local size_t n_allocations = 0;
std::atomic<size_t> largest{SIZE_MAX};

}  // namespace

size_t support::heap_allocations() {
    return n_allocations;
}

// The sanitizers bring their own operators, which they must keep to pair new with delete.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define LAPIDARY_SANITIZED
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define LAPIDARY_SANITIZED
#endif
#endif

#ifndef LAPIDARY_SANITIZED
void* operator new(size_t size) {
    ++n_allocations;
    void* const memory = size <= largest ? std::malloc(size > 0 ? size : 1) : nullptr;
    if (memory != nullptr) {
        return memory;
    }
    throw std::bad_alloc();
}

void operator delete(void* memory) noexcept {
    std::free(memory);
}
void operator delete(void* memory, size_t) noexcept {
    std::free(memory);
}
#endif

support::HeapLimit::HeapLimit(size_t most) {
    largest = most;
}

support::HeapLimit::~HeapLimit() {
    largest = SIZE_MAX;
}

bool support::HeapLimit::works() {
#ifdef LAPIDARY_SANITIZED
    return false;
#else
    return true;
#endif
}
