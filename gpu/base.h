// The bottom of the stack: programmer errors (CHECK), the world's errors (Error) and the log.
// Everything may include this file; it includes nothing of ours.
#pragma once

#include <cstdint>
#include <functional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>

namespace base {

/// What kind of thing went wrong in the world. The value decides the exit code of the program.
enum class ErrorKind : uint8_t {
    runtime,        // 1
    usage,          // 2
    model,          // 3: not found, unreadable, malformed, unsupported
    no_device,      // 4: no usable Vulkan device
    out_of_memory,  // 5
    device_lost,    // 6
};

/// Exit code of a program that ends with this kind of error (1..6, in the order above).
int exit_code(ErrorKind kind);

/// An error of the world: a missing file, a corrupt header, no memory, a lost device.
///
/// what()  one sentence that names the thing, what was expected and what was found
/// hint()  one sentence that says what to do; may be empty
///
/// Thrown by gpu/ and model/; caught where a command or a request ends, or where the failure is an
/// answer (ARCHITECTURE.md, Errors).
class Error : public std::runtime_error {
public:
    explicit Error(ErrorKind kind, const std::string& message, std::string hint = {})
        : std::runtime_error(message), kind_(kind), hint_(std::move(hint)) {}

    ErrorKind kind() const { return kind_; }
    const std::string& hint() const { return hint_; }

private:
    ErrorKind kind_;
    std::string hint_;
};

/// Thrown between two submits when the caller's stop flag is set. Not an error: nothing is broken.
class Cancelled : public std::exception {
public:
    const char* what() const noexcept override { return "cancelled"; }
};

/// Areas of the log, switched by LAPIDARY_LOG=gpu,model,perf (or all, none).
enum class LogArea : uint8_t { gpu = 1, model = 2, perf = 4, app = 8 };

/// The words of a comma-separated list; empty ones are left out.
std::vector<std::string_view> list_words(std::string_view list);

/// Parse a list such as "gpu,model", "all" or "none" into a mask. Words that are none of these add
/// nothing and come back in `unknown`.
uint8_t parse_log_mask(std::string_view list, std::vector<std::string_view>* unknown = nullptr);
bool log_enabled(LogArea area);

/// Also give every line, of all areas whatever the mask, to `sink` (a log file); an empty one ends
/// that. The sink may be called from any thread.
void set_log_sink(std::function<void(std::string_view line)> sink);

/// Write one line to stderr, prefixed by the area, with control characters escaped.
void write_log(LogArea area, std::string_view line);
/// The same, to stderr only where the area is switched on.
void write_where_wanted(LogArea area, std::string_view line);

template <class... Args>
void log(LogArea area, fmt::format_string<Args...> format, Args&&... args) {
    if (log_enabled(area)) {
        write_where_wanted(area, fmt::format(format, std::forward<Args>(args)...));
    }
}

/// Text from a file made for a human's eye: control characters, ANSI escapes and bad UTF-8 become
/// visible escapes, and at most max_bytes are kept.
std::string escaped(std::string_view text, size_t max_bytes = 200);

[[noreturn]] void check_failed(const char* expression, const char* file, int line,
                               const std::string& values);

}  // namespace base

/// Our own mistakes stop the program: prints the expression, the values and the place, then aborts.
/// CHECK(rows > 0) or CHECK(rows == n, "rows {} n {}", rows, n). Always on.
#define CHECK(condition, ...)                                                                      \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            ::base::check_failed(#condition, __FILE__, __LINE__, ::base::check_text(__VA_ARGS__)); \
        }                                                                                          \
    } while (false)

namespace base {
inline std::string check_text() {
    return {};
}
template <class... Args>
std::string check_text(fmt::format_string<Args...> format, Args&&... args) {
    return fmt::format(format, std::forward<Args>(args)...);
}
}  // namespace base
