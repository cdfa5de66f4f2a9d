// The slider: drag or arrow keys, wheel while hovered, double click to type.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>

#include "app/ui/widgets/widgets.h"

namespace app::ui {

namespace {

double to_share(double value, const SliderOptions& o) {
    if (o.logarithmic) {
        return std::log1p(value - o.min) / std::log1p(o.max - o.min);
    }
    return (value - o.min) / (o.max - o.min);
}

double from_share(double share, const SliderOptions& o) {
    const double s = std::clamp(share, 0.0, 1.0);
    const double raw = o.logarithmic ? o.min + std::expm1(s * std::log1p(o.max - o.min))
                                     : o.min + s * (o.max - o.min);
    return std::clamp(std::round(raw / o.step) * o.step, o.min, o.max);
}

std::string value_text(double value, const SliderOptions& o) {
    return o.digits == 0 ? std::to_string(std::llround(value)) : fixed(value, o.digits);
}

double keyboard_steps() {
    double steps = 0;
    if (ImGui::IsKeyPressed(ImGuiKey_LeftArrow)) {
        steps -= 1;
    }
    if (ImGui::IsKeyPressed(ImGuiKey_RightArrow)) {
        steps += 1;
    }
    return ImGui::GetIO().KeyShift ? steps * 10 : steps;
}

/// The number field that a double click opens; true while it is open.
bool type_value(Gui& gui, std::string_view id, const Rect& r, double& value, const SliderOptions& o,
                bool open_now, bool& changed) {
    ValueField& field = gui.value_field;
    if (open_now) {
        field.id = std::string(id);
        std::snprintf(field.buffer, sizeof field.buffer, "%s", value_text(value, o).c_str());
        field.focus = true;
    }
    if (field.id != id) {
        return false;
    }
    ImGui::SetCursorScreenPos({r.x, r.y});
    ImGui::SetNextItemWidth(r.w);
    ImGui::PushFont(gui.fonts().font(Face::mono), gui.fonts().imgui_size(Face::mono, gui.px(12)));
    ImGui::PushID(id.data(), id.data() + id.size());
    if (field.focus) {
        ImGui::SetKeyboardFocusHere();
        field.focus = false;
    }
    const bool entered =
        ImGui::InputText("##value", field.buffer, sizeof field.buffer,
                         ImGuiInputTextFlags_EnterReturnsTrue | ImGuiInputTextFlags_CharsDecimal |
                             ImGuiInputTextFlags_AutoSelectAll);
    if (entered) {
        value = std::clamp(std::strtod(field.buffer, nullptr), o.min, o.max);
        changed = true;
    }
    if (entered || ImGui::IsItemDeactivated()) {
        gui.escape_used = gui.escape_used || ImGui::IsKeyPressed(ImGuiKey_Escape, false);
        field.id.clear();
    }
    ImGui::PopID();
    ImGui::PopFont();
    return true;
}

void draw_slider(const Gui& gui, const Rect& r, double share, const Hit& hit, bool enabled) {
    const float cy = std::round(r.cy());
    const float track = std::max(2.0f, std::round(gui.px(3)));
    const float x = r.x + float(std::clamp(share, 0.0, 1.0)) * r.w;
    gui.fill({r.x, cy - track / 2, r.w, track}, Color::edge, 1.5f);
    gui.fill({r.x, cy - track / 2, std::max(x - r.x, track), track},
             enabled ? Color::accent : Color::text3, 1.5f);
    if (!enabled) {
        return;  // a value, not a handle
    }
    ImDrawList* draw = gui.draw();
    const bool hot = hit.hovered || hit.held;
    if (hot || hit.focused) {
        draw->AddCircleFilled({x, cy}, gui.px(12), gui.color(Color::halo));
    }
    const float radius = gui.px(hot ? 7.5f : 6);
    draw->AddCircleFilled({x, cy}, radius + gui.px(1), gui.color(Color::inspector));
    draw->AddCircleFilled({x, cy}, radius, gui.color(Color::knob));
    if (!gui.theme().dark) {
        draw->AddCircle({x, cy}, radius - gui.px(0.6f), gui.color(Color::accent), 0, gui.px(1.5f));
    }
}

}  // namespace

bool slider(Gui& gui, std::string_view id, const Rect& r, float value_right, double& value,
            const SliderOptions& o) {
    const Rect grab{r.x - gui.px(7), r.y, r.w + gui.px(14), r.h};
    const Hit hit = gui.hit(id, grab, "slider", id, o.enabled);
    gui.tooltip(o.tooltip);
    bool changed = false;
    const double before = value;
    if (hit.held && r.w > 0) {
        value = from_share(double((ImGui::GetIO().MousePos.x - r.x) / r.w), o);
    } else if (hit.focused) {
        const double steps = keyboard_steps();
        value = std::clamp(value + steps * o.step, o.min, o.max);
    }
    changed = value != before;
    draw_slider(gui, r, to_share(value, o), hit, o.enabled);
    if (!o.enabled) {
        gui.number(with(type::kToken, Color::text2), value_right, r.cy(), id, value,
                   value_text(value, o));
        return false;
    }
    const Rect field{value_right - gui.px(48), r.y, gui.px(48), r.h};
    const std::string field_id = std::string(id) + ".value";
    const Hit value_hit = gui.hit(field_id, field, "value", id);
    gui.tooltip("Double click to type a value");
    const bool typing = type_value(gui, id, {field.x, field.y, field.w + gui.px(4), field.h}, value,
                                   o, value_hit.double_clicked || hit.double_clicked, changed);
    const std::string text = value_text(value, o);
    if (!typing) {
        gui.number(type::kToken, value_right, r.cy(), id, value, text);
    }
    if (std::fabs(value - o.standard) > o.step / 2) {
        const float x = value_right + gui.px(6);
        gui.draw()->AddCircleFilled({x, r.cy()}, gui.px(2.5f), gui.color(Color::accent));
        const Rect dot{x - gui.px(5), r.cy() - gui.px(8), gui.px(10), gui.px(16)};
        if (gui.hit(std::string(id) + ".reset", dot, "button", "back to the model's own").clicked) {
            value = o.standard;
            changed = true;
        }
        gui.tooltip("Differs from the model's own " + value_text(o.standard, o) +
                    ". Click resets.");
    }
    if (hit.held) {
        const float x = r.x + float(to_share(value, o)) * r.w;
        const float w = gui.width(type::kToken, text) + gui.px(14);
        const Rect box{std::round(x - w / 2), std::round(r.bottom() + gui.px(2)), w, gui.px(20)};
        gui.card(box, Color::card, Color::edge, 5);
        gui.text_centred({Face::mono_medium, 12, Color::text}, box.cx(), box.cy(), text);
    }
    return changed;
}

}  // namespace app::ui
