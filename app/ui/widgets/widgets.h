// Widgets: the components of the design, drawn by us, found by stable ids.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "app/ui/widgets/format.h"
#include "app/ui/widgets/gui.h"

namespace app::ui {

enum class Look : uint8_t { outline, primary, toggle_on, quiet };

struct ButtonOptions {
    Look look = Look::outline;
    Icon icon = Icon::none;
    std::string_view key = {};  // shown in a small frame: "Esc"
    std::string_view tooltip = {};
    bool enabled = true;
    float height = 28;
};
float button_width(const Gui& gui, std::string_view label, const ButtonOptions& options = {});
bool button(Gui& gui, std::string_view id, const Rect& r, std::string_view label,
            const ButtonOptions& options = {});
/// At x, centred on cy, as wide as it needs; the rectangle it took comes back.
bool button_at(Gui& gui, std::string_view id, float x, float cy, std::string_view label,
               const ButtonOptions& options, Rect* taken = nullptr);
/// A link: accent text, underlined when hovered.
bool link(Gui& gui, std::string_view id, float x, float cy, std::string_view label,
          std::string_view tooltip = {});

bool icon_button(Gui& gui, std::string_view id, float cx, float cy, Icon icon,
                 std::string_view tooltip, bool enabled = true, float size = 28, bool on = false);

struct ChipOptions {
    Icon icon = Icon::none;  // none: the gem
    bool warning = false;
    bool chevron = true;
    float max_width = 0;  // 0: as wide as it needs
};
float chip_width(const Gui& gui, std::string_view name, std::string_view detail,
                 const ChipOptions& options);
bool chip(Gui& gui, std::string_view id, const Rect& r, std::string_view name,
          std::string_view detail, const ChipOptions& options, std::string_view tooltip);

/// Where the data of a view come from.
enum class Source : uint8_t { captured, recomputed, pooled, top_only, replayed, not_captured };
/// Right-aligned; returns its left edge. The tooltip explains the word.
float badge(Gui& gui, std::string_view id, float right, float cy, Source source,
            std::string_view detail = {});
float badge_width(const Gui& gui, Source source, std::string_view detail = {});

struct SliderOptions {
    double min = 0, max = 1, standard = 0;
    double step = 0.01;
    int digits = 2;
    bool logarithmic = false;
    std::string_view tooltip = {};
    bool enabled = true;
};
/// Track in r, value at value_right; a dot after it when it differs from the model's own: click
/// resets. True when the value changed.
bool slider(Gui& gui, std::string_view id, const Rect& r, float value_right, double& value,
            const SliderOptions& options);

float segmented_width(const Gui& gui, std::span<const std::string_view> labels);
/// Right-aligned; -1 when nothing was clicked.
int segmented(Gui& gui, std::string_view id, float right, float cy,
              std::span<const std::string_view> labels, int current, Rect* taken = nullptr);

/// A key name in its frame, left edge at x; returns the x after it.
float key_cap(const Gui& gui, float x, float cy, std::string_view key, Color c = Color::text);
float key_cap_width(const Gui& gui, std::string_view key);

// ---- tokens ----

struct TokenLook {
    Rgb background = 0;
    float shade = 0;       // 0..1: how far from the card, for what can be read on it
    bool special = false;  // edge only
    Color text = Color::text;
    float bar = 0;  // 0..1: length of the bar below, as the background
    bool row = false, key = false, drawn = false, hovered = false;
    float height = 22;
};
float token_width(const Gui& gui, const TokenFace& face);
void draw_token(const Gui& gui, const Rect& r, const TokenFace& face, const TokenLook& look);
/// The marks alone, for other things that stand for a token.
void mark_row(const Gui& gui, const Rect& r, float radius = 4, float width = 2);
void mark_key(const Gui& gui, const Rect& r, float width = 2);
void mark_drawn(const Gui& gui, const Rect& r, float radius = 4);
/// Face text with open boxes for spaces at x; returns the x after it.
float draw_face(const Gui& gui, float x, float cy, const TokenFace& face, Color text,
                const TextStyle& style = type::kToken);
float face_width(const Gui& gui, const TokenFace& face, const TextStyle& style = type::kToken);

// ---- menus ----

bool begin_menu(Gui& gui, const char* name, float x, float y, float width);
/// The same, standing on (x, y) instead of hanging from it.
bool begin_menu_above(Gui& gui, const char* name, float x, float y, float width);
void end_menu(Gui& gui);
bool menu_item(Gui& gui, std::string_view id, std::string_view label, std::string_view note = {},
               bool checked = false, Icon icon = Icon::none, bool enabled = true);
void menu_note(Gui& gui, std::string_view text, Color c = Color::text2);
void menu_title(Gui& gui, std::string_view text);
void menu_separator(Gui& gui);

}  // namespace app::ui
