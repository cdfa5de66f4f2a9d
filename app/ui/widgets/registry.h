// Registry: what the last frame put on the screen, by stable ids: widgets, texts and bound numbers.
// Scripts click by it, tests read it, a screen reader can use it later.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace app::ui {

struct Rect {
    float x = 0, y = 0, w = 0, h = 0;
    float right() const { return x + w; }
    float bottom() const { return y + h; }
    float cx() const { return x + w / 2; }
    float cy() const { return y + h / 2; }
    bool contains(float px, float py) const {
        return px >= x && py >= y && px < right() && py < bottom();
    }
    bool empty() const { return w <= 0 || h <= 0; }
    Rect inset(float dx, float dy) const { return {x + dx, y + dy, w - 2 * dx, h - 2 * dy}; }
};
Rect intersect(const Rect& a, const Rect& b);

struct Widget {
    Rect rect, visible;  // visible: what its clip rectangle leaves
    std::string role, label;
    bool enabled = true;
};
struct DrawnText {
    std::string text;
    Rect rect, clip;
    bool scrolls = false;  // its pane scrolls up and down, so that it may be cut there
};
struct BoundNumber {
    double value = 0;
    std::string text;
};

class Registry {
public:
    void begin_frame();
    void add(std::string_view id, Widget widget);
    void add_text(DrawnText text);
    void bind(std::string_view id, double value, std::string text);

    const Widget* find(std::string_view id) const;
    const BoundNumber* number(std::string_view id) const;
    const std::map<std::string, Widget, std::less<>>& widgets() const { return widgets_; }
    const std::vector<DrawnText>& texts() const { return texts_; }
    bool has_text(std::string_view part) const;

    bool record_texts = false;

private:
    std::map<std::string, Widget, std::less<>> widgets_;
    std::map<std::string, BoundNumber, std::less<>> numbers_;
    std::vector<DrawnText> texts_;
};

}  // namespace app::ui
