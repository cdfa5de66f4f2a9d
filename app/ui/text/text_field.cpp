#include "app/ui/text/text_field.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include <fmt/format.h>
#include <imgui_internal.h>

#include "app/ui/widgets/widgets.h"

namespace app::ui {

namespace {

constexpr std::string_view kSoftBreak = "\r\n";

std::string unwrap(std::string_view text, size_t* cursor) {
    std::string out;
    size_t at = cursor != nullptr ? *cursor : 0;
    size_t plain = 0;
    for (size_t i = 0; i < text.size();) {
        if (cursor != nullptr && i <= at) {
            plain = out.size();
        }
        if (text.compare(i, 2, kSoftBreak) == 0) {
            i += 2;
            continue;
        }
        if (text[i] != '\r') {
            out += text[i];
        }
        ++i;
    }
    if (cursor != nullptr) {
        *cursor = at >= text.size() ? out.size() : plain;
    }
    return out;
}

/// Backspace and Delete beside a soft break take one half of it, and mean the character beyond it.
/// `before`: the text of the last frame; `now` and its cursor are put right.
void delete_across(const std::string& before, std::string& now, size_t& cursor) {
    if (now.size() + 1 != before.size()) {
        return;
    }
    const auto differs = std::mismatch(now.begin(), now.end(), before.begin());
    size_t at = size_t(differs.first - now.begin());
    if (before.compare(at, 2, kSoftBreak) != 0) {
        if (at == 0 || before.compare(at - 1, 2, kSoftBreak) != 0) {
            return;
        }
        --at;
    }
    now = before;
    if (ImGui::IsKeyDown(ImGuiKey_Backspace)) {
        size_t begin = at;
        do {
            begin -= begin > 0 ? 1 : 0;
        } while (begin > 0 && (static_cast<unsigned char>(now[begin]) & 0xC0) == 0x80);
        now.erase(begin, at - begin);
        cursor = begin;
    } else if (at + 2 < now.size()) {
        now.erase(at + 2, utf8_length(now, at + 2));
        cursor = at + 2;
    }
}

/// While it lives, what is copied loses its soft breaks.
class PlainCopies {
public:
    PlainCopies() : set_(std::exchange(ImGui::GetPlatformIO().Platform_SetClipboardTextFn, &copy)) {
        before_ = std::exchange(set_now_, set_);
    }
    ~PlainCopies() {
        ImGui::GetPlatformIO().Platform_SetClipboardTextFn = set_;
        set_now_ = before_;
    }
    PlainCopies(const PlainCopies&) = delete;
    PlainCopies& operator=(const PlainCopies&) = delete;

private:
    using Set = void (*)(ImGuiContext*, const char*);
    static void copy(ImGuiContext* context, const char* text) {
        if (set_now_ != nullptr) {
            set_now_(context, unwrap(text, nullptr).c_str());
        }
    }
    static inline thread_local Set set_now_ = nullptr;
    Set set_, before_;
};

struct WrapContext {
    Gui* gui = nullptr;
    TextStyle style;
    float width = 0;
    FieldText* field = nullptr;
};

/// As the stock field sets it, with hinted advances.
float field_width(const WrapContext& c, std::string_view text) {
    const Fonts& fonts = c.gui->fonts();
    const float size = fonts.imgui_size(c.style.face, c.gui->px(c.style.size));
    return fonts.font(c.style.face)
        ->CalcTextSizeA(size, FLT_MAX, 0, text.data(), text.data() + text.size())
        .x;
}

std::string wrap(const WrapContext& c, std::string_view text, size_t* cursor) {
    std::string out;
    size_t mapped = 0;
    float x = 0;
    for (size_t i = 0; i < text.size();) {
        size_t n = 1;
        if (text[i] != '\n') {
            size_t end = i;
            while (end < text.size() && text[end] != ' ' && text[end] != '\n') {
                end += utf8_length(text, end);
            }
            while (end < text.size() && text[end] == ' ') {
                ++end;
            }
            n = std::max<size_t>(end - i, 1);
            const float w = field_width(c, text.substr(i, n));
            if (x > 0 && x + w > c.width) {
                out += kSoftBreak;
                x = 0;
            }
            if (w > c.width) {
                n = utf8_length(text, i);  // too long a word: character by character
            }
        }
        if (cursor != nullptr && *cursor >= i && *cursor < i + n) {
            mapped = out.size() + (*cursor - i);
        }
        const std::string_view part = text.substr(i, n);
        out += part;
        x = part == "\n" ? 0 : x + field_width(c, part);
        i += n;
    }
    if (cursor != nullptr) {
        *cursor = *cursor >= text.size() ? out.size() : mapped;
    }
    return out;
}

/// More than this a field does not take; what it was given (set_text) may be larger.
constexpr size_t kMost = size_t{1} << 20;

/// What was typed or pasted is taken back as a whole where the text would become too long, and that
/// is said: nothing is cut. `size`: of the text as it would be, without soft breaks.
bool refuse(ImGuiInputTextCallbackData* data, const std::string& before, size_t size, Gui& gui) {
    if (size <= kMost || size <= unwrap(before, nullptr).size()) {
        return false;
    }
    gui.notice = fmt::format("Not taken: the text would have {:.1f} MiB, and a field holds 1 MiB",
                             double(size) / double(kMost));
    const std::string_view now(data->Buf, size_t(data->BufTextLen));
    const auto differs = std::mismatch(before.begin(), before.end(), now.begin(), now.end());
    auto caret = int(differs.first - before.begin());
    while (caret > 0 && (static_cast<unsigned char>(before[size_t(caret)]) & 0xC0) == 0x80) {
        --caret;  // to the beginning of a character
    }
    data->DeleteChars(0, data->BufTextLen);
    data->InsertChars(0, before.data(), before.data() + before.size());
    data->CursorPos = data->SelectionStart = data->SelectionEnd = caret;
    return true;
}

void grow(ImGuiInputTextCallbackData* data, std::string& buffer) {
    buffer.resize(size_t(data->BufTextLen));
    data->Buf = buffer.data();
}

int on_edit(ImGuiInputTextCallbackData* data) {
    const auto* c = static_cast<const WrapContext*>(data->UserData);
    FieldText& field = *c->field;
    if (data->EventFlag == ImGuiInputTextFlags_CallbackResize) {
        grow(data, field.buffer);
        return 0;
    }
    if (std::exchange(field.caret_to_end, false)) {
        data->CursorPos = data->SelectionStart = data->SelectionEnd = data->BufTextLen;
    }
    const std::string_view now(data->Buf, size_t(data->BufTextLen));
    const FieldText::Wrapped as{c->width, c->gui->scale(), c->gui->fonts().version()};
    if (field.wrapped == as && now == field.buffer) {
        return 0;  // as it was left by the last frame: a long text is measured once
    }
    field.wrapped = {};
    auto cursor = size_t(data->CursorPos);
    const bool selecting = data->SelectionStart != data->SelectionEnd;
    std::string meant(now);
    delete_across(field.buffer, meant, cursor);
    const std::string plain = unwrap(meant, &cursor);
    if (refuse(data, field.buffer, plain.size(), *c->gui)) {
        return 0;
    }
    const std::string wrapped = wrap(*c, plain, &cursor);
    if (wrapped != now && !selecting) {
        data->DeleteChars(0, data->BufTextLen);
        data->InsertChars(0, wrapped.data(), wrapped.data() + wrapped.size());
        data->CursorPos = data->SelectionStart = data->SelectionEnd = int(cursor);
    }
    if (!selecting || wrapped == now) {
        field.wrapped = as;
    }
    return 0;
}

/// Dear ImGui gives a field the keyboard two frames after it was asked to, and drops what is typed
/// until then: it is put behind the text, and keys are not commands meanwhile.
void take_while_coming(Gui& gui, FieldText& field, std::string_view id) {
    --field.coming;
    if (!ImGui::GetIO().KeyCtrl && !ImGui::GetIO().KeyAlt) {
        append_typed(field);
    }
    gui.note_typing(id);
}

struct LineContext {
    Gui* gui = nullptr;
    std::string* text = nullptr;
};

int on_line(ImGuiInputTextCallbackData* data) {
    const auto* c = static_cast<const LineContext*>(data->UserData);
    if (data->EventFlag == ImGuiInputTextFlags_CallbackResize) {
        grow(data, *c->text);
    } else {
        refuse(data, *c->text, size_t(data->BufTextLen), *c->gui);
    }
    return 0;
}

}  // namespace

std::string typed_text(const FieldText& field) {
    return unwrap(field.buffer, nullptr);
}

void set_text(FieldText& field, std::string_view text) {
    field.buffer.assign(text);
    std::erase(field.buffer, '\r');
    field.wrapped = {};
}

bool append_typed(FieldText& field) {
    ImVector<ImWchar>& typed = ImGui::GetIO().InputQueueCharacters;
    std::string text = typed_text(field);
    const size_t before = text.size();
    for (const ImWchar c : typed) {
        if (c >= ' ' && c != 127) {
            char utf8[5];
            ImTextCharToUtf8(utf8, c);
            text += utf8;
        }
    }
    typed.resize(0);  // the field, which gets the keyboard now, must not take them again
    if (text.size() == before) {
        return false;
    }
    set_text(field, text);
    field.caret_to_end = true;
    return true;
}

int line_count(const FieldText& field) {
    return 1 + int(std::count(field.buffer.begin(), field.buffer.end(), '\n'));
}

FieldResult text_field(Gui& gui, std::string_view id, const Rect& r, FieldText& field,
                       std::string_view placeholder, bool enter_sends) {
    FieldResult out;
    gui.registry().add(id,
                       {r, intersect(r, gui.clip()), "text field", std::string(placeholder), true});
    WrapContext context{&gui, type::kBody, r.w - gui.px(6), &field};
    ImGui::SetCursorScreenPos({r.x, r.y});
    ImGui::PushFont(gui.fonts().font(Face::regular),
                    gui.fonts().imgui_size(Face::regular, gui.px(16)));
    ImGui::PushStyleColor(ImGuiCol_FrameBg, 0);
    ImGui::PushStyleVar(ImGuiStyleVar_FramePadding, {0, gui.px(2)});
    ImGui::PushID(id.data(), id.data() + id.size());
    // Taking the keyboard from an open dialog would close it: then it is taken afterwards.
    const bool free = field.in_dialog || !ImGui::IsPopupOpen(nullptr, ImGuiPopupFlags_AnyPopup);
    if (field.take_focus && free) {
        ImGui::SetKeyboardFocusHere();
        field.take_focus = false;
        field.coming = field.active ? 0 : 2;
    }
    if (field.coming > 0) {
        take_while_coming(gui, field, id);
    }
    ImGuiIO& io = ImGui::GetIO();
    const bool ctrl = io.KeyCtrl;
    if (enter_sends && io.KeyShift && ImGui::IsKeyPressed(ImGuiKey_Enter)) {
        io.KeyCtrl = true;  // Shift+Enter is a new line, as Ctrl+Enter is for the stock field
    }
    // The stock field throws away what was typed since it got the keyboard.
    const bool escape = ImGui::IsKeyPressed(ImGuiKey_Escape, false);
    const std::string before = escape ? field.buffer : std::string();
    const PlainCopies plain_copies;
    out.submitted = ImGui::InputTextMultiline(
        "##field", field.buffer.data(), field.buffer.size() + 1, {r.w, r.h},
        ImGuiInputTextFlags_EnterReturnsTrue |
            (enter_sends ? ImGuiInputTextFlags_CtrlEnterForNewLine : 0) |
            ImGuiInputTextFlags_CallbackResize | ImGuiInputTextFlags_CallbackAlways |
            ImGuiInputTextFlags_NoHorizontalScroll,
        on_edit, &context);
    io.KeyCtrl = ctrl;
    out.focused = field.active = ImGui::IsItemActive();
    if (out.focused) {
        gui.note_typing(id);
    }
    out.cancelled = ImGui::IsItemDeactivated() && escape;
    if (out.cancelled) {
        field.buffer = before;
    }
    ImGui::PopID();
    ImGui::PopStyleVar();
    ImGui::PopStyleColor();
    ImGui::PopFont();
    if (field.buffer.empty()) {
        gui.text_fit(with(type::kBody, Color::text3), r.x, r.y + gui.px(11), r.w, placeholder);
    }
    return out;
}

bool line_field(Gui& gui, std::string_view id, const Rect& r, std::string& text,
                std::string_view placeholder, float text_left, bool take_focus) {
    gui.registry().add(id,
                       {r, intersect(r, gui.clip()), "text field", std::string(placeholder), true});
    gui.card(r, Color::card, Color::edge, 7);
    LineContext context{&gui, &text};
    const float size = gui.fonts().imgui_size(Face::regular, gui.px(12));
    ImGui::SetCursorScreenPos({r.x + text_left, r.y});
    ImGui::SetNextItemWidth(r.w - text_left - gui.px(8));
    ImGui::PushFont(gui.fonts().font(Face::regular), size);
    ImGui::PushStyleColor(ImGuiCol_FrameBg, 0);
    ImGui::PushStyleVar(ImGuiStyleVar_FramePadding, {0, std::floor((r.h - size) / 2)});
    ImGui::PushID(id.data(), id.data() + id.size());
    if (take_focus) {
        ImGui::SetKeyboardFocusHere();
    }
    const bool entered =
        ImGui::InputText("##line", text.data(), text.size() + 1,
                         ImGuiInputTextFlags_EnterReturnsTrue | ImGuiInputTextFlags_CallbackResize |
                             ImGuiInputTextFlags_CallbackEdit,
                         on_line, &context);
    const bool active = ImGui::IsItemActive();
    gui.escape_used = gui.escape_used ||
                      (ImGui::IsItemDeactivated() && ImGui::IsKeyPressed(ImGuiKey_Escape, false));
    ImGui::PopID();
    ImGui::PopStyleVar();
    ImGui::PopStyleColor();
    ImGui::PopFont();
    if (text.empty()) {
        gui.text_fit(with(type::kNote, Color::text3), r.x + text_left, r.cy(),
                     r.w - text_left - gui.px(8), placeholder);
    }
    if (active) {
        gui.note_typing(id);
        gui.frame(r, Color::accent, 7, 1.5f);
    }
    return entered;
}

}  // namespace app::ui
