// Panels: one draw function each. They read the state, draw into a rectangle, and call the state's
// wishes; nothing here computes a fact about the model.
#pragma once

#include "app/ui/view.h"
#include "app/ui/widgets/widgets.h"

namespace app::ui {

struct Panel {
    Gui& gui;
    UiState& state;
    View& view;

    /// What changes messages or answers waits until the frame is drawn: the panels that come after
    /// still look at what was there.
    void later(std::function<void(UiState&)> what) { view.deferred.push_back(std::move(what)); }
};

void draw_rail(Panel& p, const Rect& r);
void draw_chat_list(Panel& p, const Rect& r);
void draw_chat_menu(Panel& p);
void draw_chat_export_dialog(Panel& p);
void begin_rename(Panel& p, size_t index);
void delete_with_undo(Panel& p, size_t index);
/// The chat that was deleted last.
void bring_back_deleted(Panel& p);
/// On the start page: what is typed while no field has the keyboard goes into the composer.
void type_into_composer(Panel& p);
/// Why what is written now is not saved, in lines of this width.
float unsaved_height(const Panel& p, float room);
void draw_unsaved(Panel& p, const Rect& r);
void draw_top_bar(Panel& p, const Rect& r, float chips_x);
void draw_menus(Panel& p);
void draw_chat(Panel& p, const Rect& r, float column);
/// The text of a message, laid out for this width; code and tables may be as wide as `wide`.
MessageText& message_text(Panel& p, NodeId id, float width, float wide);
void draw_message_text(Panel& p, NodeId id, MessageText& text, float x, float y);
void draw_message_menus(Panel& p);
// ---- of one message (message_actions.cpp) ----
void begin_edit(Panel& p, NodeId id);
bool is_edited(const Panel& p, NodeId id);
/// These return the y below what they drew.
float draw_edit_card(Panel& p, NodeId id, float x, float y, float column);
float draw_failure(Panel& p, NodeId id, float x, float y, float column);
float draw_above_message(Panel& p, NodeId id, float x, float y, float column);
void draw_user_actions(Panel& p, NodeId id, const Rect& card);
void draw_answer_actions(Panel& p, NodeId id, float x, float y, float column);
void message_menu_items(Panel& p, NodeId id);
/// 0: nothing is to be asked in this chat.
float context_question_height(const Panel& p, float w);
void draw_context_question(Panel& p, const Rect& r);
void draw_system_dialog(Panel& p);
void copy_text(Panel& p, const std::string& text);
/// False when nothing is marked.
bool copy_marked(Panel& p, bool markdown);
/// Marks the message that was clicked last, else the last answer.
bool mark_message(Panel& p);
void draw_composer(Panel& p, const Rect& r);
/// What the selection and its row are in the text of a message.
void draw_text_marks(Panel& p, const Message& m, const TextLayout& layout, float x, float y);
// ---- a text that is read, not answered (given_text.cpp) ----
float draw_given_text(Panel& p, NodeId id, float x, float y, float column);
void draw_given_foot(Panel& p, const Rect& r);
/// The dialog that a text is pasted into, or why there is none now.
void begin_text(Panel& p);
void draw_text_dialog(Panel& p);
// ---- all branches (branch_tree.cpp) ----
void draw_branch_tree(Panel& p);
/// A new branch of the selected answer, with a notice that undoes it.
void branch_with(Panel& p, uint32_t position, TokenId id);
/// Height that the composer wants for its text.
float composer_height(const Panel& p);
void draw_welcome(Panel& p, const Rect& r);
void draw_loading(Panel& p, const Rect& r);
/// An error across the top of the pane; returns the height it took.
float draw_trouble(Panel& p, const Rect& r);
void draw_shortcuts(Panel& p);
void draw_palette(Panel& p);
void draw_settings(Panel& p);
void draw_sampling_menu(Panel& p);
/// Name of the preset in use, of the model's defaults, or that the sampling was changed.
std::string sampling_label(const Panel& p);
/// A dialog in the middle of the window: between these two, when the first says so. Position and
/// size are set before.
bool begin_dialog(Gui& gui, const char* name);
/// Enter in the open dialog, where neither a text field nor a button that keys have chosen takes
/// it.
bool enter_presses_primary();
void end_dialog();
void draw_open_dialog(Panel& p);
void draw_export_dialog(Panel& p);
void draw_record_dialog(Panel& p);
/// In the composer's place: what a recording says of itself.
void draw_replay_card(Panel& p, const Rect& r);
float replay_card_height(const Panel& p);
void open_model_at(Panel& p, const std::string& path);
/// A found model with a button that opens it; true when that was clicked.
bool draw_model_row(Panel& p, const std::string& id, const Rect& row, const ModelsView::Row& model);
void draw_model_menu(Panel& p);
void draw_device_menu(Panel& p);
/// What the model's cache of keys and values holds, layer by layer.
void draw_cache_menu(Panel& p);
/// The report goes to the clipboard as soon as it is there.
void copy_diagnostics(Panel& p);
void draw_toast(Panel& p, const Rect& r);
/// What the button of the toast does; false when there is none.
bool run_toast_action(Panel& p);

/// Before anything is drawn: which cell or token the pointer is on, as things lay in the last
/// frame.
void find_hovered(Panel& p);
void draw_inspector(Panel& p, const Rect& r);
void draw_inspector_head(Panel& p, const Rect& r);
void draw_token_strip(Panel& p, const Rect& r);
void draw_coloring_menu(Panel& p);
void draw_heads(Panel& p, const Rect& r);
void draw_head(Panel& p, const Rect& r);
/// Heads worth seeing, in one line.
void draw_head_ranks(Panel& p, const Rect& r, float cy, std::optional<uint32_t> key);
void draw_next_token(Panel& p, const Rect& r, bool full);
void draw_sampler(Panel& p, const Rect& r);
void draw_lens(Panel& p, const Rect& r, bool full);

/// Heights of the right column's parts at this scale.
float next_token_height(const Panel& p, int rows);
constexpr int kSamplerRows = 7;
float sampler_height(const Panel& p);

// ---- shared by the inspector's panels ----

/// The links of the selected row; empty when the row is not there.
RowLinks selected_links(const Panel& p, float share, size_t max_links);
/// The key looked at: hovered, selected, or the strongest link of the row.
std::optional<uint32_t> effective_key(const Panel& p, const RowLinks& links);
/// "Nothing here" with its reason and, where one helps, the button that mends it.
void draw_not_captured(Panel& p, const Rect& r, std::string_view id, const std::string& reason);
TokenFace face_of(const TokenInfo& token);
/// Name of the model family's defaults: "Gemma 3 defaults".
std::string architecture_name(const ModelInfo& model);
std::string defaults_name(const ModelInfo& model);
std::string display_name(const ModelInfo& model);
/// id, probability, rank of a token, for tooltips.
std::string token_facts(const TokenInfo& token);
/// local / global sign: band in the corner, or full triangle.
void draw_layer_sign(const Gui& gui, float x, float cy, bool global, Color c);
/// Zoom about a cell: the keys + and -, the wheel.
void zoom_matrix(Panel& p, double factor, double key, double query);
/// Moves the part of the matrix that is on the screen by an eighth of it.
void pan_matrix_keys(Panel& p, double columns, double rows);
/// Make sure that view.stages holds the stages of the selected row; false when there are no logits.
bool compute_stages(Panel& p);

}  // namespace app::ui
