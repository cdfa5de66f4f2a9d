// What the leak checker must not blame on us: lavapipe, LLVM, the loader and the validation layer
// keep some memory for ever. It knows its callers by the file they are in, so that file has to stay
// loaded until the end. The layer also races with itself when a semaphore is destroyed.

#if defined(__SANITIZE_ADDRESS__)
#define LAPIDARY_ASAN
#elif defined(__SANITIZE_THREAD__)
#define LAPIDARY_TSAN
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define LAPIDARY_ASAN
#elif __has_feature(thread_sanitizer)
#define LAPIDARY_TSAN
#endif
#endif

#ifdef LAPIDARY_ASAN
#include <dlfcn.h>

// NOLINTBEGIN(bugprone-reserved-identifier,readability-identifier-naming): the checker's names
extern "C" const char* __lsan_default_suppressions();
extern "C" const char* __lsan_default_options();

const char* __lsan_default_suppressions() {
    return "leak:libvulkan\nleak:libLLVM\nleak:libVkLayer\n";
}
const char* __lsan_default_options() {
    return "print_suppressions=0";
}
// NOLINTEND(bugprone-reserved-identifier,readability-identifier-naming)

namespace {

[[maybe_unused]] const void* const kDriver = dlopen("libvulkan_lvp.so", RTLD_LAZY | RTLD_NODELETE);
[[maybe_unused]] const void* const kLayer =
    dlopen("libVkLayer_khronos_validation.so", RTLD_LAZY | RTLD_NODELETE);

}  // namespace
#endif

#ifdef LAPIDARY_TSAN
// NOLINTBEGIN(bugprone-reserved-identifier,readability-identifier-naming): the checker's name
extern "C" const char* __tsan_default_suppressions();
const char* __tsan_default_suppressions() {
    return "race:libVkLayer_khronos_validation.so\n";
}
// NOLINTEND(bugprone-reserved-identifier,readability-identifier-naming)
#endif
