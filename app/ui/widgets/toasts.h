// Toasts: short notices that wait their turn at the bottom of the window, one at a time, some with
// a button such as "Undo". Pure: the clock is handed in, in seconds.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <string>

namespace app::ui {

class UiState;

struct ToastAction {
    std::string label;                  // of the button: "Undo"
    std::function<void(UiState&)> run;  // after the frame, as every change of messages
    std::string id = {};                // for Toasts::withdraw; empty: it is never withdrawn
};

struct Toast {
    std::string text;
    std::optional<ToastAction> action;
};

class Toasts {
public:
    /// Behind those that wait. The same text again, without an action, only starts its clock anew.
    void show(std::string text);
    void show(std::string text, ToastAction action);

    /// The one to be drawn; null when there is none. Its clock starts with the first call that
    /// returns it; `hold` (the pointer rests on it) stops the clock.
    const Toast* current(double now, bool hold = false);
    /// Its button: hands the action over and ends the toast.
    std::optional<ToastAction> take_action();
    void dismiss();
    /// Those whose action has this id: what they offer was done in another way.
    void withdraw(const std::string& id);

    bool empty() const { return queue_.empty(); }
    /// The one on the screen has a button.
    bool has_action() const { return !queue_.empty() && queue_.front().action.has_value(); }
    /// Seconds until the picture changes by itself; nothing when it does not.
    std::optional<double> due(double now) const;
    /// Changes with every toast that comes up, for what moves in.
    double shown_since() const { return since_.value_or(0); }

    static constexpr double kPlainSeconds = 2.5, kActionSeconds = 8, kHurriedSeconds = 1.25;
    static constexpr size_t kMost = 8;

private:
    double lasts() const;

    std::deque<Toast> queue_;
    std::optional<double> since_;  // of the first one
};

}  // namespace app::ui
