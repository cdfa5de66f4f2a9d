// Hands an address to the desktop's own program for it. Only what the user asked for, and only the
// kinds of addresses that are read: the web and mail.
#pragma once

#include <string>
#include <string_view>

namespace app::ui {

/// http, https or mailto, without blanks or control characters.
bool can_open_address(std::string_view address);
/// Starts xdg-open and does not wait for it. False when it could not be started.
bool open_address(const std::string& address);

/// Another window of this program with this file; empty: it starts, else why not.
std::string open_window(const std::string& path);

}  // namespace app::ui
