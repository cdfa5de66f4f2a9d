// MessageView: how the window looks at the messages of the open chat: their laid out texts, their
// heights, what is marked, and what was asked about a link.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "app/ui/text/chat_heights.h"
#include "app/ui/text/message_text.h"
#include "app/ui/text/text_selection.h"

namespace app::ui {

class MessageView {
public:
    // ---- texts ----
    MessageText& text(NodeId id);
    /// The text that is laid out already; null when it is not.
    const MessageText* laid(NodeId id) const;
    /// Once a frame: texts that have not been looked at for long are let go.
    void forget_unseen();

    // ---- heights ----
    ChatHeights heights;
    std::vector<NodeId> path;  // of the heights
    float column = 0, scale = 0;
    size_t chat = 0;
    std::map<NodeId, float> around;  // height of a message without its text
    /// Bring this message to the top of the pane, with the next frame.
    std::optional<NodeId> reveal;
    float scroll_by = 0;  // pixels, with the next frame
    size_t n_drawn = 0;   // messages of the last frame

    // ---- marked text ----
    TextSelection selection;
    bool dragging = false, moved = false;
    NodeId looked_at = kNoNode;  // of the last click: what Ctrl+A marks

    // ---- menu and links ----
    bool open_menu = false, open_link = false;
    NodeId menu_node = kNoNode;
    std::string menu_link, asked_link;
    /// Hands an address to the desktop; empty where there is none. False: it could not.
    std::function<bool(const std::string&)> open_address;

    /// What is marked, as text or as Markdown; empty when nothing is.
    std::string marked(bool markdown) const;

private:
    struct Kept {
        MessageText text;
        uint64_t seen = 0;
    };
    std::map<NodeId, Kept> texts_;
    uint64_t frame_ = 0;
};

}  // namespace app::ui
