#include "app/ui/widgets/widgets.h"

#include <algorithm>
#include <cmath>

namespace app::ui {

float key_cap_width(const Gui& gui, std::string_view key) {
    return gui.width(type::kBadge, key) + gui.px(8);
}

float key_cap(const Gui& gui, float x, float cy, std::string_view key, Color c) {
    const float w = key_cap_width(gui, key);
    const float h = gui.px(16);
    gui.frame({std::round(x), std::round(cy - h / 2), std::round(w), std::round(h)}, Color::text3,
              4, 1, 0.8f);
    gui.text(with(type::kBadge, c), x + gui.px(4), cy, key);
    return x + w;
}

float button_width(const Gui& gui, std::string_view label, const ButtonOptions& o) {
    float w = gui.px(24) + gui.width(type::kControl, label);
    if (o.icon != Icon::none) {
        w += gui.px(o.icon == Icon::stop ? 16 : 20);
    }
    if (!o.key.empty()) {
        w += gui.px(10) + key_cap_width(gui, o.key);
    }
    return std::ceil(w);
}

namespace {

struct Colors {
    Color fill, edge, text;
    bool filled = true;
};

Colors button_colors(const ButtonOptions& o, const Hit& hit) {
    if (!o.enabled) {
        return {Color::raised, Color::separator, Color::text3, o.look == Look::primary};
    }
    switch (o.look) {
        case Look::primary: {
            const Color c = hit.held      ? Color::accent_fill_pressed
                            : hit.hovered ? Color::accent_fill_hover
                                          : Color::accent_fill;
            return {c, c, Color::on_accent};
        }
        case Look::toggle_on:
            return {hit.held      ? Color::accent_bg_pressed
                    : hit.hovered ? Color::accent_bg_hover
                                  : Color::accent_bg,
                    Color::accent, Color::text};
        case Look::quiet:
            return {hit.held ? Color::raised : Color::hover, Color::hover,
                    hit.hovered ? Color::text : Color::text2, hit.hovered || hit.held};
        case Look::outline:
            break;
    }
    return {hit.held      ? Color::raised
            : hit.hovered ? Color::hover
                          : Color::card,
            Color::edge, Color::text};
}

}  // namespace

bool button(Gui& gui, std::string_view id, const Rect& r, std::string_view label,
            const ButtonOptions& o) {
    const Hit hit = gui.hit(id, r, "button", label, o.enabled);
    gui.tooltip(o.tooltip);
    const Colors c = button_colors(o, hit);
    if (c.filled) {
        gui.fill(r, c.fill, 7);
    }
    if (o.look != Look::quiet && !(o.look == Look::primary)) {
        gui.frame(r, c.edge, 7);
    }
    if (hit.focused) {
        gui.focus_ring(r, 7);
    }
    float content = gui.width(type::kControl, label);
    const float icon_room = o.icon == Icon::none ? 0 : gui.px(o.icon == Icon::stop ? 16 : 20);
    content += icon_room + (o.key.empty() ? 0 : gui.px(10) + key_cap_width(gui, o.key));
    float x = r.cx() - content / 2;
    if (o.icon != Icon::none) {
        gui.icon(o.icon, x + gui.px(7), r.cy(), 14, c.text);
        x += icon_room;
    }
    x = gui.text(with(type::kControl, c.text), x, r.cy(), label);
    if (!o.key.empty()) {
        key_cap(gui, x + gui.px(10), r.cy(), o.key, c.text);
    }
    return hit.clicked && o.enabled;
}

bool button_at(Gui& gui, std::string_view id, float x, float cy, std::string_view label,
               const ButtonOptions& o, Rect* taken) {
    const float h = gui.px(o.height);
    const Rect r{std::round(x), std::round(cy - h / 2), button_width(gui, label, o), std::round(h)};
    if (taken != nullptr) {
        *taken = r;
    }
    return button(gui, id, r, label, o);
}

bool link(Gui& gui, std::string_view id, float x, float cy, std::string_view label,
          std::string_view tooltip) {
    const TextStyle style{Face::medium, 12, Color::accent};
    const float w = gui.width(style, label);
    const Rect r{x - gui.px(4), cy - gui.px(11), w + gui.px(8), gui.px(22)};
    const Hit hit = gui.hit(id, r, "link", label);
    gui.tooltip(tooltip);
    gui.text(style, x, cy, label);
    if (hit.hovered) {
        gui.hline(x, cy + gui.px(7), w, Color::accent);
        ImGui::SetMouseCursor(ImGuiMouseCursor_Hand);
    }
    if (hit.focused) {
        gui.focus_ring(r.inset(gui.px(2), gui.px(2)), 4);
    }
    return hit.clicked;
}

bool icon_button(Gui& gui, std::string_view id, float cx, float cy, Icon icon,
                 std::string_view tooltip, bool enabled, float size, bool on) {
    const float s = std::round(gui.px(size));
    const Rect r{std::round(cx - s / 2), std::round(cy - s / 2), s, s};
    const Hit hit = gui.hit(id, r, "button", tooltip, enabled);
    gui.tooltip(tooltip);
    if (on || (enabled && (hit.hovered || hit.held))) {
        gui.fill(r, on || hit.held ? Color::raised : Color::hover, 7);
    }
    if (hit.focused) {
        gui.focus_ring(r, 7);
    }
    const Color c = !enabled ? Color::text3 : on || hit.hovered ? Color::text : Color::text2;
    const float icon_size = size >= 28 ? 16 : 14;
    draw_icon(gui.draw(), icon, r.cx(), r.cy(), gui.px(icon_size),
              gui.color(c, enabled ? 1.0f : 0.55f));
    return hit.clicked && enabled;
}

float chip_width(const Gui& gui, std::string_view name, std::string_view detail,
                 const ChipOptions& o) {
    float w = gui.px(30) + gui.width(type::kControl, name);
    if (!detail.empty()) {
        w += gui.px(8) + gui.width(type::kNote, detail);
    }
    w += o.chevron ? gui.px(24) : gui.px(12);
    w = std::ceil(w);
    return o.max_width > 0 ? std::min(w, o.max_width) : w;
}

bool chip(Gui& gui, std::string_view id, const Rect& r, std::string_view name,
          std::string_view detail, const ChipOptions& o, std::string_view tooltip) {
    const Hit hit = gui.hit(id, r, "button", name);
    gui.tooltip(tooltip);
    const Color fill = o.warning     ? Color::row_bg
                       : hit.held    ? Color::raised
                       : hit.hovered ? Color::hover
                                     : Color::card;
    gui.card(r, fill, o.warning ? Color::row_text : Color::edge, 8);
    if (hit.focused) {
        gui.focus_ring(r, 8);
    }
    const float cx = r.x + gui.px(17), cy = r.cy();
    if (o.warning) {
        gui.icon(Icon::warning, cx, cy, 15, Color::row_text);
    } else if (o.icon == Icon::none) {
        gui.gem(cx, cy + gui.px(0.5f), 15);
    } else {
        gui.icon(o.icon, cx, cy, 13, Color::text2, 1.6f);
    }
    const float end = r.right() - (o.chevron ? gui.px(24) : gui.px(10));
    float x = gui.text_fit(type::kControl, r.x + gui.px(30), cy, end - r.x - gui.px(30), name);
    if (!detail.empty() && x + gui.px(24) < end) {
        x = gui.text_fit(with(type::kNote, o.warning ? Color::row_text : Color::text2),
                         x + gui.px(8), cy, end - x - gui.px(8), detail);
    }
    if (o.chevron) {
        gui.icon(Icon::chevron_down, r.right() - gui.px(15), cy, 12, Color::text2);
    }
    return hit.clicked;
}

namespace {

struct SourceWords {
    std::string_view name, explanation;
};

SourceWords source_words(Source source) {
    switch (source) {
        case Source::captured:
            return {"captured", "Left behind by the forward pass that wrote this text."};
        case Source::recomputed:
            return {
                "recomputed exact",
                "Computed again from the kept queries, cached keys and row sums of the forward "
                "pass: on the plain path its very bits; on the fast path, which adds in another "
                "order, from the same 16-bit queries and keys, equal within rounding."};
        case Source::pooled:
            return {"pooled", "Each pixel is the largest weight of the cells under it."};
        case Source::top_only:
            return {"top-k only", "Only the most likely tokens of this step are here."};
        case Source::replayed:
            return {"replayed", "Out of a recording of an earlier forward pass."};
        case Source::not_captured:
            return {"not captured", "There are no data for this view."};
    }
    return {};
}

void draw_source_mark(const Gui& gui, Source source, float cx, float cy) {
    ImDrawList* draw = gui.draw();
    const ImU32 c = gui.color(Color::text2);
    const auto p = [&](float v) { return gui.px(v); };
    switch (source) {
        case Source::captured:
            draw->AddCircleFilled({cx, cy}, p(2.6f), c);
            break;
        case Source::recomputed:
            draw->AddCircle({cx, cy}, p(2.6f), c, 0, std::max(1.0f, p(1.2f)));
            draw->AddCircleFilled({cx, cy}, p(1.0f), c);
            break;
        case Source::pooled:
            for (const float dx : {-2.8f, 0.4f}) {
                for (const float dy : {-2.8f, 0.4f}) {
                    draw->AddRectFilled({cx + p(dx), cy + p(dy)},
                                        {cx + p(dx + 2.4f), cy + p(dy + 2.4f)}, c);
                }
            }
            break;
        case Source::top_only:
            for (int i = 0; i < 3; ++i) {
                const float x = cx + p(-3.3f + 2.6f * float(i));
                draw->AddRectFilled({x, cy + p(-3 + 2 * float(i))}, {x + p(1.8f), cy + p(3)}, c);
            }
            break;
        case Source::replayed:
            draw->AddTriangleFilled({cx - p(2.2f), cy - p(2.8f)}, {cx + p(2.8f), cy},
                                    {cx - p(2.2f), cy + p(2.8f)}, c);
            break;
        case Source::not_captured:
            draw->AddCircle({cx, cy}, p(2.6f), gui.color(Color::text3), 0, std::max(1.0f, p(1.2f)));
            draw->AddLine({cx - p(2.4f), cy + p(2.6f)}, {cx + p(2.4f), cy - p(2.6f)},
                          gui.color(Color::text3), std::max(1.0f, p(1.2f)));
            break;
    }
}

std::string badge_label(Source source, std::string_view detail) {
    std::string label(source_words(source).name);
    return detail.empty() ? label : label + ", " + std::string(detail);
}

}  // namespace

static Source shown_source(const Gui& gui, Source source) {
    return gui.replayed && source != Source::not_captured ? Source::replayed : source;
}

float badge_width(const Gui& gui, Source source, std::string_view detail) {
    const std::string label = badge_label(shown_source(gui, source), detail);
    return std::ceil(gui.width(type::kBadge, label) + gui.px(23));
}

float badge(Gui& gui, std::string_view id, float right, float cy, Source captured_as,
            std::string_view detail) {
    const Source source = shown_source(gui, captured_as);
    const std::string label = badge_label(source, detail);
    const float w = badge_width(gui, source, detail), h = std::round(gui.px(18));
    const Rect r{std::round(right - w), std::round(cy - h / 2), w, h};
    const Hit hit = gui.hit(id, r, "note", label);
    gui.tooltip(source_words(source).explanation);
    if (hit.hovered) {
        gui.fill(r, Color::hover, 9);
    }
    gui.frame(r, Color::edge, 9);
    if (hit.focused) {
        gui.focus_ring(r, 9);
    }
    draw_source_mark(gui, source, r.x + gui.px(9.5f), r.cy());
    gui.text(type::kBadge, r.x + gui.px(16), r.cy(), label);
    return r.x;
}

constexpr TextStyle kSegment{Face::medium, 12, Color::text};

float segmented_width(const Gui& gui, std::span<const std::string_view> labels) {
    float total = gui.px(3);
    for (const std::string_view label : labels) {
        total += gui.width(kSegment, label) + gui.px(16);
    }
    return std::ceil(total + gui.px(3));
}

int segmented(Gui& gui, std::string_view id, float right, float cy,
              std::span<const std::string_view> labels, int current, Rect* taken) {
    const TextStyle style = kSegment;
    const float total = segmented_width(gui, labels);
    const float h = std::round(gui.px(24));
    const Rect r{std::round(right - total), std::round(cy - h / 2), total, h};
    gui.card(r, Color::card, Color::edge, 7);
    int chosen = -1;
    float x = r.x + gui.px(3);
    for (int i = 0; i < int(labels.size()); ++i) {
        const float w = gui.width(style, labels[size_t(i)]) + gui.px(16);
        const Rect part{std::round(x), r.y + gui.px(2), std::round(w), r.h - 2 * gui.px(2)};
        const std::string part_id = std::string(id) + "." + std::string(labels[size_t(i)]);
        const Hit hit = gui.hit(part_id, part, "option", labels[size_t(i)]);
        if (i == current || hit.hovered) {
            gui.fill(part, i == current ? Color::raised : Color::hover, 5);
        }
        if (hit.focused) {
            gui.focus_ring(part, 5);
        }
        gui.text_centred(with(style, i == current ? Color::text : Color::text2), part.cx(), cy,
                         labels[size_t(i)]);
        chosen = hit.clicked ? i : chosen;
        x += w;
    }
    if (taken != nullptr) {
        *taken = r;
    }
    return chosen;
}

}  // namespace app::ui
