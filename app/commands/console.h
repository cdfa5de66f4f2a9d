// Standard output and standard error. The answer must arrive, or the program fails; talk about it
// may get lost.
#pragma once

#include <fmt/format.h>

#include <exception>
#include <string_view>
#include <utility>

namespace app {

/// Thrown when the reader of standard output is gone (`| head -1`): the program ends, quietly.
class OutputClosed : public std::exception {
public:
    const char* what() const noexcept override { return "standard output is closed"; }
};

/// Puts /dev/null where standard input, output or error is closed, in the direction that fails when
/// it is used: otherwise the next file that is opened, a driver's, takes the number.
void occupy_standard_files();

/// Writes to standard error. What cannot be written is lost and changes nothing.
void tell_text(std::string_view text) noexcept;
template <class... Args>
void tell(fmt::format_string<Args...> format, Args&&... args) noexcept {
    try {
        tell_text(fmt::format(format, std::forward<Args>(args)...));
    } catch (...) {  // no memory for a note: no note
    }
}

/// Writes to standard output. Throws OutputClosed, or base::Error(runtime) with the reason.
void put_text(std::string_view text);
void flush_output();
/// The same to standard error, of an answer that was asked for there.
void put_error_text(std::string_view text);
template <class... Args>
void put(fmt::format_string<Args...> format, Args&&... args) {
    put_text(fmt::format(format, std::forward<Args>(args)...));
}

}  // namespace app
