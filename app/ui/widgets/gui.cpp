#include "app/ui/widgets/gui.h"

#include <algorithm>
#include <cmath>

#include <imgui_internal.h>

#include "app/ui/widgets/format.h"

namespace app::ui {

void Gui::begin(const Theme& theme, float scale) {
    theme_ = &theme;
    scale_ = scale;
    scrolls = false;
    typed_in.clear();
    registry_.begin_frame();
}

void Gui::note_typing(std::string_view id) {
    if ((ImGui::GetCurrentWindow()->RootWindow->Flags & ImGuiWindowFlags_Popup) == 0) {
        typed_in = id;
    }
}

float Gui::whole(float design) const {
    return std::max(1.0f, std::round(design * scale_));
}

ImU32 Gui::rgb(Rgb c, float alpha) {
    return IM_COL32((c >> 16) & 255, (c >> 8) & 255, c & 255, int(std::lround(alpha * 255)));
}

ImDrawList* Gui::draw() const {
    return ImGui::GetWindowDrawList();
}

void Gui::fill(const Rect& r, Color c, float radius, float alpha) const {
    if (!r.empty()) {
        draw()->AddRectFilled({r.x, r.y}, {r.right(), r.bottom()}, color(c, alpha), px(radius));
    }
}

void Gui::frame(const Rect& r, Color c, float radius, float width, float alpha) const {
    const float w = std::max(1.0f, px(width));
    const float d = w / 2 - 0.5f;  // ImGui's own strokes sit half a pixel inside
    draw()->AddRect({r.x + d, r.y + d}, {r.right() - d, r.bottom() - d}, color(c, alpha),
                    std::max(0.0f, px(radius) - d), 0, w);
}

void Gui::card(const Rect& r, Color fill_color, Color edge, float radius) const {
    fill(r, fill_color, radius);
    frame(r, edge, radius);
}

void Gui::hline(float x, float y, float w, Color c) const {
    fill({std::round(x), std::round(y), std::round(w), whole(1)}, c);
}

void Gui::vline(float x, float y, float h, Color c) const {
    fill({std::round(x), std::round(y), whole(1), std::round(h)}, c);
}

void Gui::icon(Icon which, float cx, float cy, float size, Color c, float stroke) const {
    draw_icon(draw(), which, cx, cy, px(size), color(c), stroke);
}

void Gui::gem(float cx, float cy, float size) const {
    const float u = px(size) / 24;
    const auto p = [&](float x, float y) { return ImVec2(cx + x * u, cy + y * u); };
    const ImVec2 a = p(-7.2f, -10.08f), b = p(0, -10.08f), c = p(7.2f, -10.08f);
    const ImVec2 l = p(-12, -1.92f), m = p(-4.08f, -1.92f), n = p(4.08f, -1.92f), r = p(12, -1.92f);
    const ImVec2 tip = p(0, 12);
    // Dear ImGui smooths the edges of shapes that go round clockwise.
    const auto triangle = [&](ImVec2 x, ImVec2 y, ImVec2 z, Color col) {
        const bool clockwise = (y.x - x.x) * (z.y - x.y) - (y.y - x.y) * (z.x - x.x) > 0;
        draw()->AddTriangleFilled(x, clockwise ? y : z, clockwise ? z : y, color(col));
    };
    triangle(a, l, m, Color::gem_dark);
    triangle(a, b, m, Color::gem_mid);
    triangle(b, m, n, Color::gem_light);
    triangle(b, c, n, Color::gem_mid);
    triangle(c, r, n, Color::gem_dark);
    triangle(l, m, tip, Color::gem_light);
    triangle(m, n, tip, Color::gem_mid);
    triangle(n, r, tip, Color::gem_dark);
}

namespace {

/// One em at which advances are as good as unhinted. From 128 pixels on Dear ImGui reads advances
/// without drawing the glyphs.
constexpr float kLinearEm = 128;

struct Utf8 {
    std::string_view text;
    size_t at = 0;

    bool next(ImWchar& c) {
        if (at >= text.size()) {
            return false;
        }
        const size_t n = utf8_length(text, at);
        const auto byte = [&](size_t i) {
            return uint32_t(static_cast<unsigned char>(text[at + i]));
        };
        c = byte(0);
        if (n == 1 && c >= 0x80) {
            c = 0xFFFD;
        } else if (n > 1) {
            c = byte(0) & (0xFFu >> (n + 1));
            for (size_t i = 1; i < n; ++i) {
                c = c << 6 | (byte(i) & 0x3F);
            }
        }
        at += n;
        return true;
    }
};

}  // namespace

// Hinting rounds every advance to whole pixels, which sets small text wide apart. Glyphs are
// hinted, but stand where their unhinted advances put them.
float Gui::width(const TextStyle& style, std::string_view text) const {
    ImFontBaked* linear =
        fonts_.font(style.face)->GetFontBaked(fonts_.imgui_size(style.face, kLinearEm));
    float w = 0;
    ImWchar c = 0;
    for (Utf8 reader{text}; reader.next(c);) {
        w += linear->GetCharAdvance(c);
    }
    return w * px(style.size) / kLinearEm;
}

void Gui::glyphs(const TextStyle& style, float x, float baseline, std::string_view text,
                 ImU32 c) const {
    if (text.empty() || (c & IM_COL32_A_MASK) == 0) {
        return;
    }
    ImFont* font = fonts_.font(style.face);
    ImFontBaked* linear = font->GetFontBaked(fonts_.imgui_size(style.face, kLinearEm));
    ImFontBaked* baked = font->GetFontBaked(fonts_.imgui_size(style.face, px(style.size)));
    const float unit = px(style.size) / kLinearEm;
    const float top = std::round(baseline) - baked->Ascent;
    const Rect seen = clip();
    ImDrawList* list = draw();
    float at = x;
    ImWchar character = 0;
    for (Utf8 reader{text}; reader.next(character);) {
        const float advance = linear->GetCharAdvance(character) * unit;
        const ImFontGlyph* glyph = baked->FindGlyph(character);
        if (glyph != nullptr && glyph->Visible) {
            const float x0 = std::round(at + glyph->X0), y0 = top + glyph->Y0;
            const float x1 = x0 + (glyph->X1 - glyph->X0), y1 = top + glyph->Y1;
            if (x1 >= seen.x && x0 <= seen.right() && y1 >= seen.y && y0 <= seen.bottom()) {
                list->PrimReserve(6, 4);
                list->PrimRectUV({x0, y0}, {x1, y1}, {glyph->U0, glyph->V0}, {glyph->U1, glyph->V1},
                                 glyph->Colored ? c | ~IM_COL32_A_MASK : c);
            }
        }
        at += advance;
    }
}

void Gui::record(const TextStyle& style, float x, float baseline, float w,
                 std::string_view text) const {
    if (registry_.record_texts) {
        const float cap = px(style.size) * Fonts::cap_height(style.face);
        registry_.add_text({std::string(text), {x, baseline - cap, w, cap}, clip(), scrolls});
    }
}

float Gui::text(const TextStyle& style, float x, float cy, std::string_view text) const {
    const float baseline = std::round(cy + px(style.size) * Fonts::cap_height(style.face) / 2);
    const float w = width(style, text);
    glyphs(style, x, baseline, text, color(style.color));
    record(style, std::round(x), baseline, w, text);
    return std::round(x) + w;
}

float Gui::text_right(const TextStyle& style, float right, float cy, std::string_view t) const {
    const float x = right - width(style, t);
    text(style, x, cy, t);
    return x;
}

float Gui::text_centred(const TextStyle& style, float cx, float cy, std::string_view t) const {
    return text(style, cx - width(style, t) / 2, cy, t);
}

float Gui::text_fit(const TextStyle& style, float x, float cy, float max_width, std::string_view t,
                    bool* cut) const {
    if (cut != nullptr) {
        *cut = false;
    }
    if (width(style, t) <= max_width) {
        return text(style, x, cy, t);
    }
    if (cut != nullptr) {
        *cut = true;
    }
    const float room = max_width - width(style, "…");
    size_t end = 0;
    float w = 0;
    while (end < t.size()) {
        const size_t n = utf8_length(t, end);
        const float step = width(style, t.substr(end, n));
        if (w + step > room) {
            break;
        }
        w += step;
        end += n;
    }
    return room < 0 ? x : text(style, x, cy, std::string(t.substr(0, end)) + "…");
}

float Gui::text_choice(const TextStyle& style, float x, float cy, float max_width,
                       std::initializer_list<std::string_view> wordings) const {
    for (const std::string_view t : wordings) {
        if (width(style, t) <= max_width) {
            return text(style, x, cy, t);
        }
    }
    return text_fit(style, x, cy, max_width, wordings.end()[-1]);
}

float Gui::paragraph(const TextStyle& style, float x, float y, float max_width, float line,
                     std::string_view t, bool dry) const {
    float top = y;
    const float height = px(line);
    while (!t.empty()) {
        const size_t stop = std::min(t.find('\n'), t.size());
        size_t end = 0, last_space = 0;
        float w = 0;
        while (end < stop) {
            const size_t n = utf8_length(t, end);
            w += width(style, t.substr(end, n));
            if (w > max_width && end > 0) {
                break;
            }
            if (t[end] == ' ') {
                last_space = end;
            }
            end += n;
        }
        const bool whole_line = end >= stop;
        const size_t cut = whole_line ? stop : (last_space > 0 ? last_space : end);
        if (!dry) {
            text(style, x, top + height / 2, t.substr(0, cut));
        }
        top += height;
        t.remove_prefix(cut);
        if (!t.empty() && (t[0] == '\n' || t[0] == ' ')) {
            t.remove_prefix(1);
        }
    }
    return top - y;
}

float Gui::number(const TextStyle& style, float right, float cy, std::string_view id, double value,
                  const std::string& t) const {
    registry_.bind(id, value, t);
    return text_right(style, right, cy, t);
}

Rect Gui::clip() const {
    const ImVec2 a = draw()->GetClipRectMin(), b = draw()->GetClipRectMax();
    return {a.x, a.y, b.x - a.x, b.y - a.y};
}

Hit Gui::hit(std::string_view id, const Rect& r, std::string_view role, std::string_view label,
             bool enabled, bool overlap) {
    Hit out;
    if (r.w < 1 || r.h < 1) {
        return out;
    }
    registry_.add(id, {r, intersect(r, clip()), std::string(role), std::string(label), enabled});
    ImGui::SetCursorScreenPos({r.x, r.y});
    if (overlap) {
        ImGui::SetNextItemAllowOverlap();
    }
    ImGui::BeginDisabled(!enabled);
    ImGui::PushID(id.data(), id.data() + id.size());
    out.clicked = ImGui::InvisibleButton("##hit", {r.w, r.h}, ImGuiButtonFlags_EnableNav);
    ImGui::PopID();
    ImGui::EndDisabled();
    out.hovered = ImGui::IsItemHovered(enabled ? 0 : ImGuiHoveredFlags_AllowWhenDisabled);
    out.held = enabled && ImGui::IsItemActive();
    out.focused = enabled && ImGui::IsItemFocused() && ImGui::GetIO().NavVisible;
    out.double_clicked = out.hovered && ImGui::IsMouseDoubleClicked(ImGuiMouseButton_Left);
    return out;
}

void Gui::focus_ring(const Rect& r, float radius) const {
    const float d = px(3);
    frame({r.x - d, r.y - d, r.w + 2 * d, r.h + 2 * d}, Color::accent, radius + 3, 2);
}

void Gui::tooltip(std::string_view t) {
    if (t.empty() ||
        !ImGui::IsItemHovered(ImGuiHoveredFlags_ForTooltip | ImGuiHoveredFlags_AllowWhenDisabled)) {
        return;
    }
    ImGui::PushStyleVar(ImGuiStyleVar_WindowPadding, {px(10), px(7)});
    ImGui::PushStyleVar(ImGuiStyleVar_WindowRounding, px(8));
    ImGui::PushStyleVar(ImGuiStyleVar_WindowBorderSize, 1);
    if (ImGui::BeginTooltip()) {
        const float max_width = px(320);
        const float line = 18;
        float w = 0;
        for (size_t at = 0; at < t.size();) {
            const size_t end = std::min(t.find('\n', at), t.size());
            w = std::max(w, width(type::kNote, t.substr(at, end - at)));
            at = end + 1;
        }
        w = std::min(std::ceil(w) + 1, max_width);
        const ImVec2 at = ImGui::GetCursorScreenPos();
        const TextStyle style = with(type::kNote, Color::text);
        const float h = paragraph(style, at.x, at.y, w, line, t, true);
        ImGui::Dummy({w, h});
        paragraph(style, at.x, at.y, w, line, t);
        ImGui::EndTooltip();
    }
    ImGui::PopStyleVar(3);
}

}  // namespace app::ui
