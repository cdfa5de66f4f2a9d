// Gui: one frame's tools for the panels: measures, colours, text on the pixel, hits by stable id.
// Panels think in design pixels (1 em = 16); px() makes them device pixels.
#pragma once

#include <imgui.h>

#include <initializer_list>
#include <string>
#include <string_view>

#include "app/ui/text/fonts.h"
#include "app/ui/widgets/icons.h"
#include "app/ui/widgets/registry.h"
#include "app/ui/widgets/theme.h"

namespace app::ui {

struct TextStyle {
    Face face = Face::regular;
    float size = 16;  // design pixels of one em
    Color color = Color::text;
};

namespace type {
constexpr TextStyle kDisplay{Face::semibold, 32, Color::text};
constexpr TextStyle kNumber{Face::semibold, 20, Color::text};
constexpr TextStyle kBody{Face::regular, 16, Color::text};
constexpr TextStyle kTitle{Face::semibold, 13, Color::text};
constexpr TextStyle kControl{Face::medium, 13, Color::text};
constexpr TextStyle kNote{Face::regular, 12, Color::text2};
constexpr TextStyle kBadge{Face::medium, 11, Color::text2};
constexpr TextStyle kCode{Face::mono, 14, Color::text};
constexpr TextStyle kToken{Face::mono, 12, Color::text};
constexpr TextStyle kValue{Face::mono, 11, Color::text2};
}  // namespace type
constexpr TextStyle with(TextStyle style, Color color) {
    style.color = color;
    return style;
}

struct Hit {
    bool hovered = false, held = false, clicked = false, double_clicked = false, focused = false;
};

/// The number field that a double click on a slider opens; only one can be open.
struct ValueField {
    std::string id;
    char buffer[32] = {};
    bool focus = false;
};

class Gui {
public:
    Gui(const Fonts& fonts, Registry& registry) : fonts_(fonts), registry_(registry) {}

    void begin(const Theme& theme, float scale);

    // ---- measures ----
    float px(float design) const { return design * scale_; }
    /// Whole device pixels, at least one.
    float whole(float design) const;
    float scale() const { return scale_; }

    // ---- colours ----
    const Theme& theme() const { return *theme_; }
    ImU32 color(Color c, float alpha = 1) const { return rgb(theme_->rgb(c), alpha); }
    static ImU32 rgb(Rgb c, float alpha = 1);

    // ---- shapes, into the current window ----
    ImDrawList* draw() const;
    void fill(const Rect& r, Color c, float radius = 0, float alpha = 1) const;
    /// 1 px (or `width` design pixels) inside the rectangle's edge.
    void frame(const Rect& r, Color c, float radius = 0, float width = 1, float alpha = 1) const;
    void card(const Rect& r, Color fill_color, Color edge, float radius) const;
    void hline(float x, float y, float w, Color c = Color::separator) const;
    void vline(float x, float y, float h, Color c = Color::separator) const;
    void icon(Icon which, float cx, float cy, float size, Color c, float stroke = 1.5f) const;
    void gem(float cx, float cy, float size) const;

    // ---- text: centred on cap height at cy; each returns the x after the text ----
    float width(const TextStyle& style, std::string_view text) const;
    float text(const TextStyle& style, float x, float cy, std::string_view text) const;
    float text_right(const TextStyle& style, float right, float cy, std::string_view text) const;
    float text_centred(const TextStyle& style, float cx, float cy, std::string_view text) const;
    /// Cut with "…" where it would leave max_width; true in *cut when it was.
    float text_fit(const TextStyle& style, float x, float cy, float max_width,
                   std::string_view text, bool* cut = nullptr) const;
    /// The first of several wordings that fits; the last is cut where none does.
    float text_choice(const TextStyle& style, float x, float cy, float max_width,
                      std::initializer_list<std::string_view> wordings) const;
    /// Several lines; returns the height.
    float paragraph(const TextStyle& style, float x, float y, float max_width, float line,
                    std::string_view text, bool dry = false) const;
    /// By baseline, without recording: for glyph runs that are recorded by line.
    void glyphs(const TextStyle& style, float x, float baseline, std::string_view text,
                ImU32 c) const;
    /// A number on the screen, bound to the value it shows.
    float number(const TextStyle& style, float right, float cy, std::string_view id, double value,
                 const std::string& text) const;

    bool records() const { return registry_.record_texts; }
    void record_line(const TextStyle& style, float x, float baseline,
                     const std::string& text) const {
        record(style, x, baseline, width(style, text), text);
    }

    // ---- hits ----
    Hit hit(std::string_view id, const Rect& r, std::string_view role, std::string_view label,
            bool enabled = true, bool overlap = false);
    void focus_ring(const Rect& r, float radius) const;
    void tooltip(std::string_view text);
    /// Rectangle of the visible part of the current window.
    Rect clip() const;

    Registry& registry() { return registry_; }
    const Fonts& fonts() const { return fonts_; }
    std::string notice;        // to be said in a toast
    bool escape_used = false;  // in this frame: one Escape, one effect
    bool replayed = false;     // all data come out of a recording: badges say so
    bool scrolls = false;      // the current pane scrolls (texts may be cut there)
    ValueField value_field;
    std::string typed_in;  // id of the text field that has the keyboard, of those of no popup
    /// A text field says that it has the keyboard.
    void note_typing(std::string_view id);

private:
    void record(const TextStyle& style, float x, float baseline, float w,
                std::string_view text) const;

    const Fonts& fonts_;
    Registry& registry_;
    const Theme* theme_ = nullptr;
    float scale_ = 1;
};

}  // namespace app::ui
