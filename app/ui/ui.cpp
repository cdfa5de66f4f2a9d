#include "app/ui/ui.h"

#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

#include <imgui_internal.h>

#include "app/ui/text_field.h"

namespace app::ui {

void apply_style(const Gui& gui) {
    ImGuiStyle& style = ImGui::GetStyle();
    style.WindowPadding = {0, 0};
    style.WindowBorderSize = 0;
    style.PopupBorderSize = 1;
    style.PopupRounding = gui.px(10);
    style.FrameRounding = gui.px(7);
    style.ScrollbarSize = gui.px(10);
    style.ScrollbarRounding = gui.px(5);
    style.ItemSpacing = {0, 0};
    style.WindowMinSize = {1, 1};
    style.DisabledAlpha = 1;
    style.CurveTessellationTol = 0.8f;
    style.CircleTessellationMaxError = 0.2f;
    style.HoverDelayNormal = 0.35f;
    style.HoverStationaryDelay = 0.08f;
    const auto set = [&](ImGuiCol slot, Color c, float alpha = 1) {
        style.Colors[slot] = ImGui::ColorConvertU32ToFloat4(gui.color(c, alpha));
    };
    set(ImGuiCol_Text, Color::text);
    set(ImGuiCol_TextDisabled, Color::text3);
    set(ImGuiCol_WindowBg, Color::bg);
    set(ImGuiCol_ChildBg, Color::bg, 0);
    set(ImGuiCol_PopupBg, Color::card);
    set(ImGuiCol_Border, Color::edge);
    set(ImGuiCol_FrameBg, Color::card);
    set(ImGuiCol_TextSelectedBg, Color::accent_bg_hover);
    set(ImGuiCol_ScrollbarBg, Color::bg, 0);
    set(ImGuiCol_ScrollbarGrab, Color::edge, 0.8f);
    set(ImGuiCol_ScrollbarGrabHovered, Color::text3, 0.7f);
    set(ImGuiCol_ScrollbarGrabActive, Color::text3);
    set(ImGuiCol_NavCursor, Color::accent, 0);  // our widgets draw their own ring
    set(ImGuiCol_InputTextCursor, Color::accent);
    set(ImGuiCol_ModalWindowDimBg, Color::rail, 0.55f);
}

namespace {

bool is_modifier(ImGuiKey key) {
    return (key & ImGuiMod_Mask_) != 0 || (key >= ImGuiKey_LeftCtrl && key <= ImGuiKey_RightSuper);
}

}  // namespace

void new_frame() {
    ImVector<ImGuiInputEvent>& queue = ImGui::GetCurrentContext()->InputEventsQueue;
    bool pressed = false;
    int n = 0;
    for (; n < queue.Size; ++n) {
        if (queue[n].Type != ImGuiInputEventType_Key) {
            continue;
        }
        const ImGuiInputEventKey& event = queue[n].Key;
        const bool modifier = is_modifier(event.Key);
        if (modifier && pressed) {
            break;
        }
        pressed = pressed || (event.Down && !modifier);
    }
    const std::vector<ImGuiInputEvent> later(queue.begin() + n, queue.end());
    queue.resize(n);
    ImGui::NewFrame();
    for (const ImGuiInputEvent& event : later) {  // behind what ImGui left for the next frame
        queue.push_back(event);
    }
}

int frames_after(int left) {
    return ImGui::GetCurrentContext()->InputEventsQueue.Size > 0 ? kFramesAfterEvent
                                                                 : std::max(left - 1, 0);
}

bool key_held() {
    for (int k = ImGuiKey_Keyboard_BEGIN; k < ImGuiKey_Keyboard_END; ++k) {
        const auto key = ImGuiKey(k);
        if (!is_modifier(key) && ImGui::IsKeyDown(key)) {
            return true;
        }
    }
    return false;
}

namespace {

bool chord(ImGuiKeyChord keys) {
    return ImGui::Shortcut(keys, ImGuiInputFlags_RouteGlobal | ImGuiInputFlags_RouteOverActive |
                                     ImGuiInputFlags_Repeat);
}

/// The chat next to the current one in the list.
void step_chat(Panel& p, int step) {
    const std::vector<size_t> listed = p.state.listed_chats();
    const auto now = std::find(listed.begin(), listed.end(), p.state.current_chat);
    const int64_t at = now == listed.end() ? (step > 0 ? -1 : 0) : now - listed.begin();
    const int64_t wanted = at + step;
    if (wanted >= 0 && wanted < int64_t(listed.size())) {
        p.state.show_chat(listed[size_t(wanted)]);
    }
}

/// Not the keys that a text field keeps for itself (arrows, Page Up, Delete): the message box has
/// the keyboard most of the time. F2 and Delete mean the chat under the pointer or with the
/// keyboard's focus, where there is one.
void chat_keys(Panel& p) {
    View& v = p.view;
    const bool on_row = v.rail_open && v.chat_list.under_pointer.has_value();
    const size_t row = on_row ? *v.chat_list.under_pointer : p.state.current_chat;
    if (ImGui::IsKeyPressed(ImGuiKey_F2, false)) {
        if (on_row || ImGui::GetIO().KeyShift) {
            begin_rename(p, row);
        } else {
            v.inspector = !v.inspector;
        }
    }
    if (chord(ImGuiMod_Ctrl | ImGuiMod_Shift | ImGuiKey_D) ||
        (on_row && !ImGui::GetIO().WantTextInput && ImGui::IsKeyPressed(ImGuiKey_Delete, false))) {
        delete_with_undo(p, row);
    }
    if (chord(ImGuiMod_Ctrl | ImGuiKey_F)) {
        v.rail_open = v.chat_list.focus_search = true;
    }
    if (chord(ImGuiMod_Ctrl | ImGuiKey_S) && !p.state.chat().empty()) {
        v.chat_list.show_export = true;
    }
    if (chord(ImGuiMod_Ctrl | ImGuiKey_LeftBracket)) {
        step_chat(p, -1);
    }
    if (chord(ImGuiMod_Ctrl | ImGuiKey_RightBracket)) {
        step_chat(p, 1);
    }
}

void keys_everywhere(Panel& p) {
    View& v = p.view;
    Config& c = v.config;
    if (chord(ImGuiMod_Ctrl | ImGuiKey_Equal) ||
        chord(ImGuiMod_Ctrl | ImGuiMod_Shift | ImGuiKey_Equal) ||
        chord(ImGuiMod_Ctrl | ImGuiKey_KeypadAdd)) {
        c.scale_percent = std::min(c.scale_percent + 25, Config::kMaxScale);
    }
    if (chord(ImGuiMod_Ctrl | ImGuiKey_Minus) || chord(ImGuiMod_Ctrl | ImGuiKey_KeypadSubtract)) {
        c.scale_percent = std::max(c.scale_percent - 25, Config::kMinScale);
    }
    if (chord(ImGuiMod_Ctrl | ImGuiKey_0)) {
        c.scale_percent = 100;
    }
    if (chord(ImGuiMod_Ctrl | ImGuiKey_N)) {
        p.state.new_chat();
        v.composer.take_focus = true;
    }
    if (chord(ImGuiMod_Ctrl | ImGuiKey_O)) {
        v.show_open = true;
    }
    if (chord(ImGuiMod_Ctrl | ImGuiKey_B)) {
        v.rail_open = !v.rail_open;
    }
    if (chord(ImGuiMod_Ctrl | ImGuiKey_Q)) {
        v.quit = true;
    }
    const NodeId last = p.state.chat().last(model::Role::model);
    if (chord(ImGuiMod_Ctrl | ImGuiKey_R) && last != kNoNode) {
        p.state.regenerate(last);
        v.scroll_to_bottom = true;
    }
    if (chord(ImGuiMod_Ctrl | ImGuiMod_Shift | ImGuiKey_C) && last != kNoNode) {
        ImGui::SetClipboardText(p.state.chat().at(last).text.c_str());
        v.say("Copied");
    }
    chat_keys(p);
    if (ImGui::IsKeyPressed(ImGuiKey_F1, false)) {
        v.show_shortcuts = true;
    }
    // In a text field it leaves the field, unless there is something to stop.
    const bool in_field = ImGui::GetIO().WantTextInput && !p.state.busy() && !p.state.loading();
    if (ImGui::IsKeyPressed(ImGuiKey_Escape, false) && !p.gui.escape_used && !in_field) {
        if (p.state.loading()) {
            p.state.cancel_load();
        } else if (p.state.busy()) {
            p.state.stop();
        } else if (!p.view.messages.selection.empty()) {
            p.view.messages.selection.clear();
        } else if (p.state.selection.locked) {
            p.state.go_live();
        } else if (p.state.trouble) {
            p.state.trouble.reset();
        }
    }
}

void matrix_keys(Panel& p) {
    const auto linked = effective_key(p, selected_links(p, 0.7f, 1));
    const double query = double(p.state.selection.query) + 0.5;
    const double key = linked ? double(*linked) + 0.5 : query;
    if (ImGui::IsKeyPressed(ImGuiKey_Equal) || ImGui::IsKeyPressed(ImGuiKey_KeypadAdd)) {
        zoom_matrix_keys(p, 0.7, key, query);
    }
    if (ImGui::IsKeyPressed(ImGuiKey_Minus) || ImGui::IsKeyPressed(ImGuiKey_KeypadSubtract)) {
        zoom_matrix_keys(p, 1 / 0.7, key, query);
    }
    if (ImGui::IsKeyPressed(ImGuiKey_0)) {
        p.view.zoom.whole = true;
    }
    if (ImGui::IsKeyPressed(ImGuiKey_G, false)) {
        p.state.sink = SinkMode((int(p.state.sink) + 1) % 3);
    }
}

/// Ctrl+C and Ctrl+A of the messages, where no text field has them.
void copy_keys(Panel& p) {
    if (ImGui::GetIO().WantTextInput) {
        return;
    }
    if (chord(ImGuiMod_Ctrl | ImGuiKey_C)) {
        copy_marked(p, false);
    }
    if (chord(ImGuiMod_Ctrl | ImGuiKey_A)) {
        mark_message(p);
    }
}

void keys_without_field(Panel& p) {
    Selection& s = p.state.selection;
    const auto step = [&](ImGuiKey key, int64_t by) {
        if (ImGui::IsKeyPressed(key)) {
            p.state.select_position(int64_t(s.position) + by);
        }
    };
    if (!ImGui::GetIO().NavVisible) {  // a focused slider keeps these two
        step(ImGuiKey_LeftArrow, -1);
        step(ImGuiKey_RightArrow, 1);
    }
    step(ImGuiKey_Home, -int64_t(1) << 40);
    step(ImGuiKey_End, int64_t(1) << 40);
    const auto head = [&](ImGuiKey key, int64_t layer, int64_t which) {
        if (ImGui::IsKeyPressed(key)) {
            p.state.select_head(int64_t(s.layer) + layer, int64_t(s.head) + which);
        }
    };
    head(ImGuiKey_UpArrow, -1, 0);
    head(ImGuiKey_DownArrow, 1, 0);
    head(ImGuiKey_LeftBracket, 0, -1);
    head(ImGuiKey_RightBracket, 0, 1);
    for (int i = 0; i < 4; ++i) {
        if (ImGui::IsKeyPressed(ImGuiKey(ImGuiKey_1 + i), false)) {
            p.view.tab = Tab(i);
        }
    }
    if (ImGui::IsKeyPressed(ImGuiKey_B, false) && p.view.open_candidate) {
        p.state.branch(s.position, *p.view.open_candidate);
        p.view.open_candidate.reset();
    }
    if (ImGui::IsKeyPressed(ImGuiKey_E, false)) {
        p.view.exporting.show = true;
    }
    if (ImGui::IsKeyPressed(ImGuiKey_Slash, false)) {
        p.view.focus_search = true;
    }
    matrix_keys(p);
}

}  // namespace

static bool popup_open() {
    return ImGui::IsPopupOpen(nullptr, ImGuiPopupFlags_AnyPopupId | ImGuiPopupFlags_AnyPopupLevel);
}

/// The message box gets the keyboard where typing is what comes next.
void Ui::note_changes(Panel& p) {
    const bool dialog = ImGui::IsPopupOpen("open") || ImGui::IsPopupOpen("export") ||
                        ImGui::IsPopupOpen("shortcuts");
    const bool loading = p.state.loading();
    if ((dialog_was_open_ && !dialog) || (was_loading_ && !loading) ||
        last_chat_ != p.state.current_chat) {
        view.composer.take_focus = true;
    }
    dialog_was_open_ = dialog;
    was_loading_ = loading;
    last_chat_ = p.state.current_chat;
}

void handle_keys(Panel& p) {
    if (popup_open()) {
        return;
    }
    keys_everywhere(p);
    copy_keys(p);
    const ImGuiIO& io = ImGui::GetIO();
    if (!io.WantTextInput && !io.KeyCtrl && !io.KeyAlt && p.view.inspector) {
        // Arrows walk the selection; focus moves with Tab.
        for (const ImGuiKey key : {ImGuiKey_LeftArrow, ImGuiKey_RightArrow, ImGuiKey_UpArrow,
                                   ImGuiKey_DownArrow, ImGuiKey_Home, ImGuiKey_End}) {
            ImGui::SetKeyOwner(key, ImGui::GetID("selection keys"));
        }
        keys_without_field(p);
    }
}

void Ui::release() {
    view.matrix_picture.release();
    view.heads_picture.release();
    view.strip_picture.release();
}

void Ui::draw(UiState& state) {
    const ImGuiIO& io = ImGui::GetIO();
    gui_.escape_used = false;
    gui_.replayed = state.model != nullptr && state.model->replayed;
    view.restore_offered = false;
    view.moving = false;
    gui_.begin(view.dark() ? dark_theme() : light_theme(), view.scale());
    apply_style(gui_);
    view.hovered_position = view.next_hovered_position;
    view.hovered_cell = view.next_hovered_cell;
    view.next_hovered_position.reset();
    view.next_hovered_cell.reset();
    if (io.DisplaySize.x < 1 || io.DisplaySize.y < 1) {
        return;  // minimised: nothing is drawn, everything goes on
    }
    ImGui::SetNextWindowPos({0, 0});
    ImGui::SetNextWindowSize(io.DisplaySize);
    ImGui::Begin("lapidary", nullptr,
                 ImGuiWindowFlags_NoDecoration | ImGuiWindowFlags_NoMove |
                     ImGuiWindowFlags_NoSavedSettings | ImGuiWindowFlags_NoBringToFrontOnFocus |
                     ImGuiWindowFlags_NoScrollWithMouse | ImGuiWindowFlags_NoBackground);
    // What an answer's end brings, an error or a question, is followed as the answer was.
    if (std::exchange(was_busy_, state.busy()) && !state.busy() && view.chat_at_bottom) {
        view.scroll_to_bottom = true;
    }
    Panel p{gui_, state, view};
    layout(p, {0, 0, io.DisplaySize.x, io.DisplaySize.y});
    draw_menus(p);
    draw_message_menus(p);
    draw_chat_menu(p);
    draw_system_dialog(p);
    draw_chat_export_dialog(p);
    draw_shortcuts(p);
    draw_open_dialog(p);
    draw_export_dialog(p);
    // The key that closed a popup has had its effect, also where ImGui closed it before this frame.
    if (!std::exchange(popup_was_open_, popup_open())) {
        handle_keys(p);
        popup_was_open_ = popup_open();
    }
    note_changes(p);
    for (const FontHint& hint : fonts_.take_hints()) {
        view.say(hint.text);
    }
    view.moving = view.moving || fonts_.searching();
    draw_toast(p, {0, 0, io.DisplaySize.x, io.DisplaySize.y});
    ImGui::End();
    for (const auto& wish : std::exchange(view.deferred, {})) {
        wish(state);
    }
    state.ask_for_data(view.inspector);
}

void Ui::splitter(Panel& p, const Rect& body, float x) {
    const Rect grip{x - gui_.px(3), body.y, gui_.px(6), body.h};
    const Hit hit = gui_.hit("splitter", grip, "splitter", "Width of the chat");
    if (hit.hovered || hit.held) {
        ImGui::SetMouseCursor(ImGuiMouseCursor_ResizeEW);
        gui_.fill({x - gui_.px(1), body.y, gui_.px(2), body.h}, Color::accent, 0, 0.6f);
    }
    if (hit.held) {
        p.view.chat_em =
            std::clamp((ImGui::GetIO().MousePos.x - body.x) / gui_.px(16), 22.0f, 40.0f);
    }
    if (hit.double_clicked) {
        p.view.chat_em = 26;
    }
}

void Ui::layout_chat(Panel& p, const Rect& r, bool with_inspector) {
    Gui& gui = p.gui;
    const float trouble = draw_trouble(p, r);
    const float column = with_inspector ? std::min(gui.px(640), r.w - gui.px(40))
                                        : std::min(gui.px(528), r.w - gui.px(40));
    const float composer = std::round(composer_height(p));
    const bool note = p.state.ready() && p.state.model->base_model;
    const bool unsaved = p.state.file.problem.has_value();
    const float note_h = gui.px(14 + (note ? 16.0f : 0.0f) + (unsaved ? 20.0f : 0.0f));
    const Rect box{std::round(r.x + (r.w - column) / 2 - gui.px(4)),
                   std::round(r.bottom() - gui.px(16) - composer), std::round(column + gui.px(8)),
                   composer};
    const float question = std::round(context_question_height(p));
    const Rect chat{r.x, r.y + trouble, r.w, box.y - note_h - question - r.y - trouble};
    if (question > 0) {
        draw_context_question(p, {box.x, std::round(chat.bottom()), box.w, question - gui.px(8)});
    }
    if (chat.h > gui.px(20)) {
        draw_chat(p, chat, column);
    }
    if (note) {
        gui.icon(Icon::info, box.x + gui.px(10), box.y - gui.px(18), 13, Color::text3);
        gui.text_fit(type::kNote, box.x + gui.px(24), box.y - gui.px(18), box.w - gui.px(24),
                     "Base model, asked in a Question / Answer frame");
    }
    if (unsaved) {
        draw_unsaved(p, box.x + gui.px(2), box.y - gui.px(note ? 38 : 18), box.w - gui.px(4));
    }
    draw_composer(p, box);
}

void Ui::layout(Panel& p, const Rect& window) {
    Gui& gui = p.gui;
    gui.fill(window, Color::bg);
    const float rail = std::round(gui.px(view.rail_open ? 236 : 48));
    const float top = std::round(gui.px(49));
    const Rect body{rail, top, window.w - rail, window.h - top};
    const bool empty = p.state.chat().empty();
    const bool coming = p.state.chat().info.content != ChatContent::here;
    const bool inspect = view.inspector && !empty && !p.state.loading();
    // The chat gives way down to 22 em before the inspector loses its second column.
    const float wanted = gui.px(16 * view.chat_em);
    const float chat_w =
        std::round(std::clamp(body.w - gui.px(868), std::min(gui.px(352), wanted), wanted));
    const bool both = inspect && body.w - chat_w > gui.px(400);
    const float split = both ? body.x + chat_w : body.x;
    if (p.state.loading()) {
        draw_loading(p, body);
    } else if (coming) {
        if (p.state.chat().info.content == ChatContent::unreadable) {
            gui.text_centred(type::kControl, body.cx(), body.cy(),
                             "This chat cannot be read; its file is damaged.");
        }
    } else if (empty) {
        const float trouble = draw_trouble(p, body);
        draw_welcome(p, {body.x, body.y + trouble, body.w, body.h - trouble});
    } else if (both) {
        layout_chat(p, {body.x, body.y, chat_w, body.h}, true);
        draw_inspector(p, {split, body.y, body.right() - split, body.h});
        splitter(p, body, split);
    } else if (inspect) {
        draw_inspector(p, body);  // too narrow for both: the toggle goes back to the chat
    } else {
        layout_chat(p, body, false);
    }
    if (empty && p.state.file.problem && !p.state.loading()) {
        draw_unsaved(p, body.x + gui.px(16), body.bottom() - gui.px(12), body.w - gui.px(32));
    }
    draw_top_bar(p, {rail, 0, window.w - rail, top}, both ? split : rail + gui.px(4));
    draw_rail(p, {0, 0, rail, window.h});
}

}  // namespace app::ui
