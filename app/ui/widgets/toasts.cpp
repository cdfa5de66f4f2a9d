#include "app/ui/widgets/toasts.h"

#include <algorithm>
#include <utility>

namespace app::ui {

void Toasts::show(std::string text) {
    if (!queue_.empty() && queue_.back().text == text && !queue_.back().action) {
        if (queue_.size() == 1) {
            since_.reset();
        }
        return;
    }
    queue_.push_back({std::move(text), std::nullopt});
    // What nobody will read any more goes first; a way back is never thrown away for a notice.
    for (size_t i = 1; queue_.size() > kMost && i + 1 < queue_.size(); ++i) {
        if (!queue_[i].action) {
            queue_.erase(queue_.begin() + int64_t(i));
            return;
        }
    }
}

void Toasts::show(std::string text, ToastAction action) {
    queue_.push_back({std::move(text), std::move(action)});
}

double Toasts::lasts() const {
    if (queue_.front().action) {
        return kActionSeconds;
    }
    return queue_.size() > 1 ? kHurriedSeconds : kPlainSeconds;
}

const Toast* Toasts::current(double now, bool hold) {
    if (queue_.empty()) {
        return nullptr;
    }
    if (!since_) {
        since_ = now;
    }
    if (hold) {
        since_ = std::max(*since_, now - lasts() + 0.5);  // a moment is left when the pointer goes
    }
    if (now - *since_ >= lasts()) {
        dismiss();
        return current(now);
    }
    return &queue_.front();
}

std::optional<ToastAction> Toasts::take_action() {
    if (queue_.empty() || !queue_.front().action) {
        return std::nullopt;
    }
    std::optional<ToastAction> action = std::move(queue_.front().action);
    dismiss();
    return action;
}

void Toasts::dismiss() {
    if (!queue_.empty()) {
        queue_.pop_front();
    }
    since_.reset();
}

void Toasts::withdraw(const std::string& id) {
    const auto meant = [&](const Toast& t) { return t.action && t.action->id == id; };
    if (!queue_.empty() && meant(queue_.front())) {
        dismiss();
    }
    std::erase_if(queue_, meant);
}

std::optional<double> Toasts::due(double now) const {
    if (queue_.empty()) {
        return std::nullopt;
    }
    return since_ ? std::max(0.0, *since_ + lasts() - now) : 0.0;
}

}  // namespace app::ui
