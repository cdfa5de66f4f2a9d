#include "app/ui/widgets/icons.h"

#include <imgui.h>

#include <cmath>
#include <cstdlib>

namespace app::ui {

namespace {

// SVG path letters M L C Z, absolute; "O cx cy r" is a circle, "o" a filled one, "R x y w h r" a
// rounded rectangle, "r" a filled one.
const char* path_of(Icon icon) {
    switch (icon) {
        case Icon::none:
            return "";
        case Icon::plus:
            return "M8 3L8 13M3 8L13 8";
        case Icon::minus:
            return "M3 8L13 8";
        case Icon::chat:
            return "M2.5 3.5L13.5 3.5L13.5 11L7.5 11L4.5 13.5L4.5 11L2.5 11Z";
        case Icon::info:
            return "O8 8 5.8M8 7.4L8 10.8M8 5L8 5.15";
        case Icon::gear:
            return "O8 8 2.1O8 8 4.3M12.4 8L14.2 8M11.11 11.11L12.38 12.38M8 12.4L8 14.2"
                   "M4.89 11.11L3.62 12.38M3.6 8L1.8 8M4.89 4.89L3.62 3.62M8 3.6L8 1.8"
                   "M11.11 4.89L12.38 3.62";
        case Icon::chip:
            return "R4 4 8 8 0.9M5 3L5 0.8M8 3L8 0.8M11 3L11 0.8M5 15.2L5 13M8 15.2L8 13"
                   "M11 15.2L11 13M3 5L0.8 5M3 8L0.8 8M3 11L0.8 11M15.2 5L13 5M15.2 8L13 8"
                   "M15.2 11L13 11";
        case Icon::chevron_down:
            return "M4.5 6.2L8 9.7L11.5 6.2";
        case Icon::chevron_left:
            return "M9.6 4L5.8 8L9.6 12";
        case Icon::chevron_right:
            return "M6.4 4L10.2 8L6.4 12";
        case Icon::panel:
            return "R2.5 3.3 11 9.4 1M9.6 3.3L9.6 12.7";
        case Icon::copy:
            return "R6.31 6.31 6 6 0.66M10.25 3.5C10.06 3.12 9.78 2.94 9.31 2.94L4.25 2.94"
                   "C3.5 2.94 2.94 3.5 2.94 4.25L2.94 9.31C2.94 9.78 3.12 10.06 3.5 10.25";
        case Icon::refresh:
            return "M12.69 8C12.69 10.81 10.62 12.69 8 12.69C5.38 12.69 3.31 10.81 3.31 8"
                   "C3.31 5.19 5.38 3.31 8 3.31C9.88 3.31 11.38 4.25 12.31 5.75"
                   "M12.5 2.94L12.5 5.94L9.5 5.94";
        case Icon::pencil:
            return "M3.31 12.69L3.88 10.25L10.81 3.31L12.69 5.19L5.75 12.12Z";
        case Icon::search:
            return "O7 7 4.5M10.4 10.4L13.5 13.5";
        case Icon::lock:
            return "R4 7.4 8 5.4 0.5M5.2 7.2L5.2 5.2C5.2 3.4 6.4 2.2 8 2.2C9.6 2.2 10.8 3.4 10.8 "
                   "5.2"
                   "L10.8 7.2";
        case Icon::branch:
            return "O4.5 12.2 1.6O4.5 3.8 1.6O12.5 3.8 1.6M4.5 5.4L4.5 10.6"
                   "M12.5 5.4C12.5 8.4 9.5 8.2 4.8 9.6";
        case Icon::warning:
            return "M8 2.6L14.4 13.4L1.6 13.4ZM8 6.6L8 9.6M8 11.4L8 11.5";
        case Icon::check:
            return "M3.5 8.5L6.5 11.5L12.5 5";
        case Icon::arrow_up:
            return "M8 13L8 3.5M4 7.5L8 3.5L12 7.5";
        case Icon::arrow_down:
            return "M8 3L8 12.5M4 8.5L8 12.5L12 8.5";
        case Icon::folder:
            return "M2.3 3.8L6.2 3.8L7.6 5.4L13.7 5.4L13.7 12.6L2.3 12.6Z";
        case Icon::first:
            return "M10 4L5.5 8L10 12M2.5 4L2.5 12";
        case Icon::last:
            return "M6 4L10.5 8L6 12M13.5 4L13.5 12";
        case Icon::close:
            return "M4 4L12 12M12 4L4 12";
        case Icon::sidebar:
            return "R2.5 3.3 11 9.4 1M6.4 3.3L6.4 12.7";
        case Icon::stop:
            return "r4 4 8 8 1.4";
        case Icon::dot:
            return "o8 8 4";
        case Icon::ring:
            return "O8 8 4";
        case Icon::keyboard:
            return "R1.8 4 12.4 8 1.2M4.4 6.6L4.4 6.7M8 6.6L8 6.7M11.6 6.6L11.6 6.7"
                   "M5.4 9.6L10.6 9.6";
        case Icon::trash:
            return "M3 4.5L13 4.5M6.2 4.5L6.2 2.8L9.8 2.8L9.8 4.5M4.4 4.5L5 13.2L11 13.2"
                   "L11.6 4.5";
        case Icon::more:
            return "o3.6 8 1.1o8 8 1.1o12.4 8 1.1";
        case Icon::lines:
            return "M2.5 4L13.5 4M2.5 8L13.5 8M2.5 12L9 12";
    }
    return "";
}

class PathReader {
public:
    PathReader(ImDrawList* draw, const char* path, ImVec2 origin, float unit, ImU32 color,
               float width)
        : draw_(draw), at_(path), origin_(origin), unit_(unit), color_(color), width_(width) {}

    void run() {
        while (*at_ != '\0') {
            command(*at_++);
        }
        stroke(false);
    }

private:
    float number() {
        char* end = nullptr;
        const float v = std::strtof(at_, &end);
        at_ = end;
        return v;
    }
    ImVec2 point() {
        const float x = number(), y = number();
        return {origin_.x + x * unit_, origin_.y + y * unit_};
    }
    void stroke(bool closed) {
        if (draw_->_Path.Size > 1) {
            draw_->PathStroke(color_, closed ? ImDrawFlags_Closed : 0, width_);
        }
        draw_->PathClear();
    }
    void command(char letter) {
        if (letter == 'M') {
            stroke(false);
            draw_->PathLineTo(point());
        } else if (letter == 'L') {
            draw_->PathLineTo(point());
        } else if (letter == 'C') {
            const ImVec2 a = point(), b = point(), c = point();
            draw_->PathBezierCubicCurveTo(a, b, c);
        } else if (letter == 'Z') {
            stroke(true);
        } else if (letter == 'O' || letter == 'o') {
            stroke(false);
            const ImVec2 centre = point();
            const float r = number() * unit_;
            letter == 'O' ? draw_->AddCircle(centre, r, color_, 0, width_)
                          : draw_->AddCircleFilled(centre, r, color_);
        } else if (letter == 'R' || letter == 'r') {
            stroke(false);
            const ImVec2 a = point();
            const float w = number() * unit_, h = number() * unit_, round = number() * unit_;
            const ImVec2 b = {a.x + w, a.y + h};
            letter == 'R' ? draw_->AddRect(a, b, color_, round, 0, width_)
                          : draw_->AddRectFilled(a, b, color_, round);
        }
    }

    ImDrawList* draw_;
    const char* at_;
    ImVec2 origin_;
    float unit_;
    ImU32 color_;
    float width_;
};

}  // namespace

void draw_icon(ImDrawList* draw, Icon icon, float cx, float cy, float size, uint32_t color,
               float stroke) {
    const float unit = size / 16;
    PathReader reader(draw, path_of(icon), {cx - size / 2, cy - size / 2}, unit, color,
                      std::max(1.0f, stroke * unit));
    reader.run();
}

}  // namespace app::ui
