// ChatListView: how the window looks at the list of chats: search field, row being renamed, menu.
#pragma once

#include <ctime>
#include <optional>
#include <string>
#include <string_view>

#include "app/ui/text/field_text.h"
#include "app/ui/widgets/registry.h"

namespace app::ui {

struct ChatListView {
    std::string search;
    bool focus_search = false;
    std::optional<size_t> renaming;  // index of the chat
    std::string name;
    bool focus_name = false;
    size_t menu_chat = 0;
    bool open_menu = false;
    Rect menu_anchor;
    std::optional<size_t> under_pointer;  // F2 and Delete mean this one
    bool show_system = false;             // open the system prompt's dialog
    FieldText system;
    bool show_export = false;  // open the dialog once the current chat's messages are here
    bool export_json = false;
    std::string export_path;
};

/// Heading that a chat of this day stands under, "Today" to "Earlier". Times in seconds since 1970;
/// used_at 0: in this session.
std::string_view chat_group(std::time_t used_at, std::time_t now);

}  // namespace app::ui
