// View: how the window looks at the state: panes, zoom, hovers, open fields. Nothing here is known
// to the engine, nothing is a fact about the model.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "app/ui/attention_view.h"
#include "app/ui/dialog_views.h"
#include "app/ui/export_view.h"
#include "app/ui/models_view.h"
#include "app/ui/state/chat_list.h"
#include "app/ui/state/config_file.h"
#include "app/ui/state/conversation.h"
#include "app/ui/state/ui_state.h"
#include "app/ui/text/field_text.h"
#include "app/ui/text/message_view.h"
#include "app/ui/widgets/gui.h"
#include "app/ui/widgets/matrix_place.h"
#include "app/ui/widgets/picture.h"
#include "app/ui/widgets/toasts.h"
#include "app/ui/widgets/token_coloring.h"

namespace app::ui {

enum class Tab : uint8_t { overview, attention, next_token, layers };

/// The sampler's stages of one row, computed here from the full logits.
struct StageCache {
    uint64_t key = 0;
    std::vector<model::StageResult> stages;
    std::unique_ptr<model::Sampler> sampler;
    double raw_log_sum = 0;
    size_t n_vocab = 0;  // of the sampler
};

/// A message, whichever chat is shown.
struct MessageAt {
    size_t chat = 0;
    NodeId node = kNoNode;
    bool operator==(const MessageAt&) const = default;
};

struct View {
    Config config;
    std::string device;  // every model is opened on it; remembered once it has worked
    bool system_dark = true;
    float dpi_scale = 1;

    bool inspector = true;        // wanted; see inspector_on()
    bool inspector_page = false;  // in the chat's place, where there is no room beside it
    bool narrow = false;          // there is no room for both, as of the last layout
    bool rail_open = false;
    bool rail_over = false;  // the opened list lies over the chat, as of the last layout
    float chat_em = 26;
    Tab tab = Tab::overview;
    TokenColoring coloring = TokenColoring::surprise;
    bool coloring_menu = false;
    bool show_branches = false;
    bool show_shortcuts = false;
    bool menu_model = false, menu_device = false, menu_sampling = false;
    Rect menu_anchor;
    std::string path_field;
    std::string path_problem;
    bool show_open = false;  // the "open a model" dialog
    ModelsView models;
    ExportView exporting;
    RecordView recording;

    PaletteView palette;
    SettingsView settings;
    PresetsView presets;
    TextDialogView text_dialog;
    ChatSampling chat_sampling;
    std::string_view last_action;  // id of the newest that a key or the palette ran

    ChatListView chat_list;
    FieldText composer;
    std::optional<MessageAt> editing;  // its card waits where another chat is shown meanwhile
    FieldText edit_field;
    bool chat_at_bottom = true;
    bool scroll_to_bottom = false;
    MessageView messages;
    bool moving = false;  // in this frame something moved by itself: draw the next one soon

    std::optional<uint32_t> hovered_position;  // a token under the pointer, anywhere
    std::optional<uint32_t> next_hovered_position;
    std::optional<CellAt> hovered_cell;  // of the matrix; the largest of a pixel
    AttentionView attention;
    MatrixZoom zoom;
    MatrixPlace matrix_place;  // where it was drawn last
    Rect minimap;
    ColorScale matrix_scale;
    Picture matrix_picture, heads_picture, minimap_picture;

    int stage = int(model::SamplerStage::final);
    std::optional<TokenId> open_candidate;  // of the shown answer
    std::string search;
    bool focus_search = false;
    std::string searched;
    std::vector<TokenId> found;
    size_t n_found = 0;
    StageCache stages;

    bool restore_offered = false;  // in this frame

    std::vector<std::function<void(UiState&)>> deferred;

    Toasts toasts;
    bool toast_hovered = false;
    bool quit = false;

    /// The row and the key that are pointed at, by a cell or by a token (which is both).
    std::optional<uint32_t> hovered_row() const {
        return hovered_cell ? std::optional(hovered_cell->query) : hovered_position;
    }
    std::optional<uint32_t> hovered_key() const {
        return hovered_cell ? std::optional(hovered_cell->key) : hovered_position;
    }

    /// It takes the chat's place only where that was asked for: text that became larger, or a
    /// window that became smaller, leaves the chat.
    bool inspector_on() const { return inspector && (!narrow || inspector_page); }
    void show_inspector(bool on) { inspector = inspector_page = on; }
    /// What lies over the chat goes once something was chosen in it.
    void fold_list_over() { rail_open = rail_open && !rail_over; }

    float user_scale() const { return float(config.scale_percent) / 100; }
    float scale() const { return user_scale() * dpi_scale; }
    bool dark() const {
        return config.theme == ThemeMode::dark ||
               (config.theme == ThemeMode::system && system_dark);
    }
    void say(std::string text) { toasts.show(std::move(text)); }
    /// With a button: say("Chat deleted", {"Undo", [](UiState& s) { ... }}).
    void say(std::string text, ToastAction action) {
        toasts.show(std::move(text), std::move(action));
    }
};

}  // namespace app::ui
