#include "app/ui/widgets/registry.h"

#include <algorithm>

namespace app::ui {

Rect intersect(const Rect& a, const Rect& b) {
    const float x = std::max(a.x, b.x), y = std::max(a.y, b.y);
    return {x, y, std::max(0.0f, std::min(a.right(), b.right()) - x),
            std::max(0.0f, std::min(a.bottom(), b.bottom()) - y)};
}

void Registry::begin_frame() {
    widgets_.clear();
    numbers_.clear();
    texts_.clear();
}

void Registry::add(std::string_view id, Widget widget) {
    widgets_.insert_or_assign(std::string(id), std::move(widget));
}

void Registry::add_text(DrawnText text) {
    texts_.push_back(std::move(text));
}

void Registry::bind(std::string_view id, double value, std::string text) {
    numbers_.insert_or_assign(std::string(id), BoundNumber{value, std::move(text)});
}

const Widget* Registry::find(std::string_view id) const {
    const auto it = widgets_.find(id);
    return it == widgets_.end() ? nullptr : &it->second;
}

const BoundNumber* Registry::number(std::string_view id) const {
    const auto it = numbers_.find(id);
    return it == numbers_.end() ? nullptr : &it->second;
}

bool Registry::has_text(std::string_view part) const {
    return std::any_of(texts_.begin(), texts_.end(),
                       [&](const DrawnText& t) { return t.text.find(part) != std::string::npos; });
}

}  // namespace app::ui
