// A chat as a file: Markdown to read, JSON to keep and to bring back.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "app/chats/history.h"

namespace app {

/// The visible messages, the answers' figures below them.
std::string chat_markdown(const LoadedChat& chat);
/// All messages with their branches: {"format": "lapidary-chat", "version": 1, "title", "system",
/// "messages": [{"id", "parent" (0: none), "role", "text", "shown", "answer": {...}}]}. Without the
/// tokens' probabilities.
std::string chat_json(const LoadedChat& chat);
/// More is refused.
constexpr size_t kMostChatBytes = size_t{256} << 20, kMostChatMessages = 100'000;
/// False: `problem` says what was expected and found; a stranger's text harms nothing.
bool read_chat_json(std::string_view text, LoadedChat& chat, std::string& problem);
/// The same of a file, whose size is looked at before anything is read.
bool read_chat_file(const std::string& path, LoadedChat& chat, std::string& problem);

/// A name for the chat's file: letters, digits, dashes and single spaces, cut at a word to at most
/// 60 bytes; never empty.
std::string chat_file_name(const std::string& title);
/// Writes a new file whole or not at all, and replaces none. Empty: done; else what went wrong.
std::string write_new_file(const std::string& path, std::string_view text);

}  // namespace app
