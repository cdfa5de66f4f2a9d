// ChatSaver: what of the conversations goes into the chats' file, as changes in order. Pure: no
// thread, no file, no clock. ChatFile: what the window's state keeps of that file beside it.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "app/chats/history.h"
#include "app/chats/history_threads.h"
#include "app/ui/state/conversation.h"

namespace app::ui {

class ChatSaver {
public:
    struct Outgoing {
        uint64_t serial = 0;
        bool urgent = false;  // to be on the disk at once
        HistoryChange change;
    };

    /// From now on changes are written; ids count on from these.
    void begin(const HistoryStart& start);
    /// The file takes nothing any more.
    void end();
    bool on() const { return on_; }

    /// It moves to the head of the list.
    void used(Conversation& chat);
    /// Its name, system prompt or policy changed.
    void chat_changed(Conversation& chat);
    /// A message that is new or has changed (tokens apart).
    void message(Conversation& chat, NodeId id, bool urgent);
    /// Tokens and text that came since the last time.
    void tokens(Conversation& chat, NodeId id);
    /// The visible one among its siblings.
    void shown(const Conversation& chat, NodeId id);
    /// `to` is a copy of `from`, of the same or another chat.
    void copied(const Message& from, const Conversation& chat, NodeId to);
    void hidden(const Conversation& chat, bool hidden);
    void purge() { push(PurgeHidden{}, false); }

    uint64_t last_serial() const { return serial_; }
    std::deque<Outgoing> outbox;

private:
    void push(HistoryChange change, bool urgent);
    void ensure_chat(Conversation& chat);

    bool on_ = false;
    ChatId next_chat_ = 1;
    MessageId next_message_ = 1;
    int64_t next_use_ = 1;
    uint64_t serial_ = 0;
};

/// A message and a conversation as they were stored.
Message message_of(const StoredMessage& stored);
Conversation conversation_of(const LoadedChat& loaded);
/// The same the other way; ids are those of the nodes, from 1.
LoadedChat loaded_of(const Conversation& chat);
ChatInfo info_of(const StoredChat& stored);

/// Searching all chats, as it is typed.
struct ChatSearch {
    std::string words;
    uint64_t serial = 0;  // of the newest question
    bool waiting = false;
    std::vector<SearchHit> hits;
    double ms = 0;
    std::optional<uint64_t> again_after;  // asked once more when the saver's change is in the file
};

struct ChatFile {
    ChatSaver saver;
    std::vector<HistoryQuestion> questions;  // to be handed over
    bool readable = false;
    std::optional<HistoryProblem> problem;  // why what is written now is not saved
    ChatSearch search;
    std::vector<std::pair<std::string, std::string>> exports;  // path and text, to be written
    /// An answer that waits until its question is on the disk, up to this serial.
    std::optional<std::pair<Generate, uint64_t>> held;
    MessageId reveal_later = 0;    // once the current chat's messages are here
    std::optional<NodeId> reveal;  // scroll to it; taken by the view
};

}  // namespace app::ui
