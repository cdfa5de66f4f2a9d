// Actions: everything that can be done by a key, in one table. The keys, the list on F1, the
// command palette and the tests read it; nothing else knows a shortcut.
//
// To add one: a row in actions_chat.cpp, actions_view.cpp, actions_inspector.cpp or
// actions_heads.cpp.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "app/ui/panels/panels.h"

namespace app::ui {

/// Where its keys work.
enum class Where : uint8_t {
    anywhere,   // also while text is typed
    no_field,   // not while text is typed
    inspector,  // not while text is typed, and only while the inspector is on the screen
};

struct Action {
    std::string_view id;     // "chat.new"
    std::string_view title;  // "New chat": what it does, as a command
    std::string_view group;
    std::string_view keys;  // "Ctrl+N"; alternatives separated by " | "
    Where where = Where::anywhere;
    bool (*enabled)(const Panel& p) = nullptr;  // null: always
    void (*run)(Panel& p) = nullptr;
    bool repeats = false;    // while the key is held
    bool in_palette = true;  // false: means nothing without the key (a step of a walk)
};

/// All of them, in the order of the list on F1.
std::span<const Action> actions();
const Action* find_action(std::string_view id);
bool is_enabled(const Panel& p, const Action& action);
/// Runs it, when it can be run, and notes it in View::last_action.
bool run_action(Panel& p, const Action& action);
/// Once a frame: what was pressed. Nothing while a dialog or a menu is open.
void run_pressed_actions(Panel& p);
/// The first chord as it is shown, for tooltips and menus: "Ctrl N".
std::string action_keys(std::string_view id);

/// Actions whose title, group or id has every word of the query; the best first.
std::vector<const Action*> search_actions(std::string_view query);

// The parts of the table.
std::span<const Action> chat_actions();
std::span<const Action> view_actions();
std::span<const Action> inspector_actions();
std::span<const Action> heads_actions();

}  // namespace app::ui
