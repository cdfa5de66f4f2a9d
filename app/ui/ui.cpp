#include "app/ui/ui.h"

#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

#include <imgui_internal.h>

#include "app/ui/actions.h"
#include "app/ui/text/text_field.h"

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

// In design pixels.
constexpr float kRailWidth = 48, kListWidth = 236, kLeastChat = 352, kLeastInspector = 400;

static bool popup_open() {
    return ImGui::IsPopupOpen(nullptr, ImGuiPopupFlags_AnyPopupId | ImGuiPopupFlags_AnyPopupLevel);
}

/// The text field that had the keyboard before a dialog or a menu took it has it again; without
/// one, keys are keys.
void Ui::give_keyboard_back() {
    ChatListView& list = view.chat_list;
    const bool wanted = view.composer.take_focus || view.edit_field.take_focus ||
                        view.focus_search || list.focus_search || list.focus_name;
    const std::string id = std::exchange(typed_before_, {});
    if (wanted || id.empty()) {
        return;  // what was done in the dialog goes on in a field
    }
    view.composer.take_focus = id == "composer.text";
    view.edit_field.take_focus = id.ends_with(".edit_text");
    view.focus_search = id == "next.search";
    list.focus_search = id == "rail.search_text";
}

/// The message box gets the keyboard where typing is what comes next.
void Ui::note_changes(Panel& p) {
    const bool popup = popup_open();
    if (popup && !had_popup_) {
        typed_before_ = gui_.typed_in;
    } else if (!popup && had_popup_) {
        give_keyboard_back();
    }
    had_popup_ = popup;
    const bool loading = p.state.loading();
    if ((was_loading_ && !loading) || last_chat_ != p.state.current_chat) {
        view.composer.take_focus = true;
    }
    was_loading_ = loading;
    last_chat_ = p.state.current_chat;
}

/// What was zoomed to, opened and searched for belongs to the sequence that was shown, and to the
/// model that reads its ids.
void Ui::follow_sequence(const UiState& state) {
    const std::pair now{state.current_chat, state.selection.branch};
    const bool same_model = std::exchange(shown_model_, state.model) == state.model;
    if (std::exchange(shown_, now) == now && same_model) {
        return;
    }
    view.open_candidate.reset();
    view.zoom = {};
    view.search.clear();
    view.searched.clear();
    view.found.clear();
    view.n_found = 0;
}

void Ui::release() {
    view.matrix_picture.release();
    view.heads_picture.release();
    view.minimap_picture.release();
}

void Ui::draw(UiState& state) {
    const ImGuiIO& io = ImGui::GetIO();
    gui_.escape_used = false;
    gui_.replayed = state.model != nullptr && state.model->replayed;
    view.restore_offered = false;
    view.moving = false;
    follow_sequence(state);
    Panel p{gui_, state, view};
    find_hovered(p);
    gui_.begin(theme_of(view.dark(), view.config.high_contrast), view.scale());
    apply_style(gui_);
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
    layout(p, {0, 0, io.DisplaySize.x, io.DisplaySize.y});
    draw_menus(p);
    draw_message_menus(p);
    draw_chat_menu(p);
    draw_system_dialog(p);
    draw_text_dialog(p);
    draw_branch_tree(p);
    draw_chat_export_dialog(p);
    draw_shortcuts(p);
    draw_palette(p);
    draw_settings(p);
    draw_open_dialog(p);
    draw_export_dialog(p);
    draw_record_dialog(p);
    // The key that closed a popup has had its effect, also where ImGui closed it before this frame.
    if (!std::exchange(popup_was_open_, popup_open())) {
        run_pressed_actions(p);
        popup_was_open_ = popup_open();
    }
    note_changes(p);
    for (const FontHint& hint : fonts_.take_hints()) {
        view.say(hint.text);
    }
    if (!gui_.notice.empty()) {
        view.say(std::exchange(gui_.notice, {}));
    }
    view.moving = view.moving || fonts_.searching();
    draw_toast(p, {0, 0, io.DisplaySize.x, io.DisplaySize.y});
    ImGui::End();
    for (const auto& wish : std::exchange(view.deferred, {})) {
        wish(state);
    }
    view.chat_sampling.follow(state);
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
    const bool given = p.state.chat().given_text() != kNoNode;
    const float composer = std::round(given ? gui.px(52) : composer_height(p));
    const bool note = !given && p.state.ready() && p.state.model->base_model;
    const bool unsaved = p.state.file.problem.has_value();
    const float unsaved_w = std::round(column + gui.px(4));
    const float unsaved_h = unsaved ? unsaved_height(p, unsaved_w) : 0;
    const float note_h = gui.px(14 + (note ? 16.0f : 0.0f)) + unsaved_h;
    const Rect box{std::round(r.x + (r.w - column) / 2 - gui.px(4)),
                   std::round(r.bottom() - gui.px(16) - composer), std::round(column + gui.px(8)),
                   composer};
    const float question = std::round(context_question_height(p, box.w));
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
        draw_unsaved(p, {box.x + gui.px(2), box.y - gui.px(note ? 28 : 8) - unsaved_h, unsaved_w,
                         unsaved_h});
    }
    given ? draw_given_foot(p, box) : draw_composer(p, box);
}

/// What gives way in a window of this width: the inspector, which then comes in the chat's place
/// when it is asked for, and the list of chats, which then lies over the rest.
void Ui::make_room(const Panel& p, float width) {
    const float folded = width - gui_.px(kRailWidth);
    view.narrow = folded < gui_.px(kLeastChat + kLeastInspector);
    view.inspector_page = view.inspector_page && view.narrow;
    const bool inspect = view.inspector_on() && !p.state.chat().empty() && !p.state.loading();
    const float needed = !inspect      ? kLeastChat
                         : view.narrow ? kLeastInspector
                                       : kLeastChat + kLeastInspector;
    view.rail_over = view.rail_open && width - gui_.px(kListWidth) < gui_.px(needed);
}

void Ui::layout(Panel& p, const Rect& window) {
    Gui& gui = p.gui;
    gui.fill(window, Color::bg);
    const float top = std::round(gui.px(49));
    const float opened = std::round(gui.px(kListWidth));
    make_room(p, window.w);
    const float rail = view.rail_open && !view.rail_over ? opened : std::round(gui.px(kRailWidth));
    const Rect body{rail, top, window.w - rail, window.h - top};
    const bool empty = p.state.chat().empty();
    const bool coming = p.state.chat().info.content != ChatContent::here;
    const bool inspect = view.inspector_on() && !empty && !p.state.loading();
    // The chat gives way down to 22 em before the inspector loses its second column.
    const float wanted = gui.px(16 * view.chat_em);
    const float chat_w =
        std::round(std::clamp(body.w - gui.px(868), std::min(gui.px(kLeastChat), wanted), wanted));
    const bool both = inspect && !view.narrow;
    const float split = both ? body.x + chat_w : body.x;
    // A chat says so above its composer.
    const Rect unsaved{body.x + gui.px(16), 0, body.w - gui.px(32), 0};
    const float foot = p.state.file.problem && (empty || p.state.loading())
                           ? std::round(unsaved_height(p, unsaved.w))
                           : 0;
    const Rect page{body.x, body.y, body.w, body.h - foot};
    if (p.state.loading()) {
        draw_loading(p, page);
    } else if (coming) {
        if (p.state.chat().info.content == ChatContent::unreadable) {
            gui.text_centred(type::kControl, body.cx(), body.cy(),
                             "This chat cannot be read; its file is damaged.");
        }
    } else if (empty) {
        type_into_composer(p);
        const float trouble = draw_trouble(p, page);
        draw_welcome(p, {page.x, page.y + trouble, page.w, page.h - trouble});
    } else if (both) {
        layout_chat(p, {body.x, body.y, chat_w, body.h}, true);
        draw_inspector(p, {split, body.y, body.right() - split, body.h});
        splitter(p, body, split);
    } else if (inspect) {
        draw_inspector(p, body);  // too narrow for both: the toggle goes back to the chat
    } else {
        layout_chat(p, body, false);
    }
    if (foot > 0) {
        draw_unsaved(p, {unsaved.x, page.bottom(), unsaved.w, foot});
    }
    draw_top_bar(p, {rail, 0, window.w - rail, top}, both ? split : rail + gui.px(4));
    draw_rail(p, {0, 0, view.rail_open ? opened : rail, window.h});
}

}  // namespace app::ui
