// Ui: the whole window, drawn once a frame. Reads UiState, calls its wishes, keeps a View.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "app/ui/panels/panels.h"
#include "app/ui/view.h"
#include "app/ui/widgets/gui.h"

namespace app::ui {

class Ui {
public:
    /// An ImGui context must be current. False: `problem` says what is missing.
    bool load_fonts(std::string& problem, const std::vector<std::string>& folders = {}) {
        return fonts_.load(problem, folders);
    }
    /// Before ImGui::NewFrame.
    void refresh_fonts() { fonts_.refresh(); }
    /// Between ImGui::NewFrame and ImGui::Render.
    void draw(UiState& state);
    /// Before the ImGui context goes: textures.
    void release();

    Registry& registry() { return registry_; }
    const Fonts& fonts() const { return fonts_; }
    const Gui& gui() const { return gui_; }
    View view;

private:
    void note_changes(Panel& p);
    void give_keyboard_back();
    void follow_sequence(const UiState& state);
    void make_room(const Panel& p, float width);
    void layout(Panel& p, const Rect& window);
    void layout_chat(Panel& p, const Rect& r, bool with_inspector);
    void splitter(Panel& p, const Rect& body, float x);

    bool popup_was_open_ = false, had_popup_ = false, was_loading_ = false, was_busy_ = false;
    std::string typed_before_;  // id of the text field that the open dialog or menu took over from
    size_t last_chat_ = 0;
    std::pair<size_t, NodeId> shown_{0, kNoNode};  // chat and answer of the last frame
    std::shared_ptr<const ModelInfo> shown_model_;

    Fonts fonts_;
    Registry registry_;
    Gui gui_{fonts_, registry_};
};

/// ImGui::NewFrame, with one thing more: a modifier that changes after another key went down waits
/// for the next frame. ImGui knows a frame's last modifiers only, so Ctrl+O that was over before a
/// frame was drawn would be a plain O.
void new_frame();
/// Frames still to be drawn after one of `left` was drawn. ImGui takes events apart and keeps the
/// rest for the next frames: as long as there are some, and while a key is held, drawing goes on.
int frames_after(int left);
/// A key is down that may repeat.
bool key_held();

/// ImGui's own style from the theme, for text fields, menus and scroll bars.
void apply_style(const Gui& gui);
/// Frames drawn after the last event: hovers, popups and scrolls settle within these.
constexpr int kFramesAfterEvent = 3;

}  // namespace app::ui
