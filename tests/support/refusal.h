// What every reader of foreign files promises: a base::Error(model), soon, and nothing else.
#pragma once

#include <chrono>
#include <concepts>
#include <string>

#include "gpu/base.h"

namespace support {

/// Message of the refusal. Empty when nothing was thrown, or when it took a second or longer; any
/// other exception goes through and fails the test.
std::string refusal(std::invocable auto&& read) {
    const auto begin = std::chrono::steady_clock::now();
    std::string message;
    try {
        read();
    } catch (const base::Error& error) {
        if (error.kind() == base::ErrorKind::model) {
            message = error.what();
        }
    }
    const auto time = std::chrono::steady_clock::now() - begin;
    return time < std::chrono::seconds(1) ? message : "";
}

/// True when the message names all of these.
inline bool names(const std::string& message, std::initializer_list<std::string_view> parts) {
    if (message.empty()) {
        return false;
    }
    for (const std::string_view part : parts) {
        if (message.find(part) == std::string::npos) {
            return false;
        }
    }
    return true;
}

}  // namespace support
