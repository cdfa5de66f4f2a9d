// The dialog that saves a recording, and what a replayed one says of itself.
#include <algorithm>
#include <cmath>
#include <utility>

#include <fmt/format.h>

#include "app/chats/chat_export.h"
#include "app/home_folder.h"
#include "app/recordings/recording.h"
#include "app/ui/panels/panels.h"
#include "app/ui/text/text_field.h"
#include "app/ui/widgets/format.h"

namespace app::ui {

namespace {

std::string suggested_path(const Panel& p) {
    return proposed_folder() + "/" + chat_file_name(p.state.chat().title()) + kRecordingEnding;
}

void draw_progress(Panel& p, const Rect& r) {
    Gui& gui = p.gui;
    const double share = p.state.saving.share();
    gui.fill({r.x, r.cy() - gui.px(3), r.w, gui.px(6)}, Color::bar_track, 3);
    gui.fill({r.x, r.cy() - gui.px(3), r.w * float(share), gui.px(6)}, Color::accent, 3);
    gui.registry().bind("record.progress", share, percent(share));
    p.view.moving = true;
}

/// True when the dialog has done its work.
bool draw_fields(Panel& p, const ImVec2& at, float w, bool focus) {
    Gui& gui = p.gui;
    RecordView& v = p.view.recording;
    const std::string obstacle = p.state.recording_obstacle();
    const Message* m = p.state.selected();
    gui.paragraph(with(type::kNote, Color::text2), at.x, at.y + gui.px(34), w, 17,
                  m == nullptr
                      ? std::string()
                      : fmt::format("{} tokens with the attention of every layer and head, "
                                    "what was expected after each, and the read-out "
                                    "after every layer. Opens without the model.",
                                    m->tokens.size()));
    const Rect field{at.x, std::round(at.y + gui.px(74)), w, std::round(gui.px(34))};
    bool go =
        line_field(gui, "record.path", field, v.path, "/path/to/talk.lapidary", gui.px(12), focus);
    go |= enter_presses_primary();
    const float cy = at.y + gui.px(144);
    if (!obstacle.empty()) {
        gui.text_fit(with(type::kNote, Color::row_text), at.x, cy, w - gui.px(190),
                     "Not now: " + obstacle);
    }
    const ButtonOptions primary{Look::primary, Icon::none, {}, {}, obstacle.empty()};
    const ButtonOptions quiet{Look::quiet};
    Rect taken;
    go |= button_at(gui, "record.go", at.x + w - button_width(gui, "Record", primary), cy, "Record",
                    primary, &taken);
    const bool cancel =
        button_at(gui, "record.cancel", taken.x - gui.px(8) - button_width(gui, "Cancel", quiet),
                  cy, "Cancel", quiet) ||
        ImGui::IsKeyPressed(ImGuiKey_Escape);
    if (go && !v.path.empty() && obstacle.empty()) {
        if (!v.path.ends_with(kRecordingEnding)) {
            v.path += kRecordingEnding;
        }
        p.later([path = v.path](UiState& s) { s.save_recording(path); });
        return true;
    }
    return cancel;
}

/// Closing it lets the work go on.
bool draw_running(Panel& p, const ImVec2& at, float w) {
    Gui& gui = p.gui;
    const SavingRecording& s = p.state.saving;
    gui.text_fit(type::kNote, at.x, at.y + gui.px(44), w,
                 s.waiting ? "The model goes through this answer again first"
                           : fmt::format("{} of {}", percent(s.share()), one_line(s.path, 80)));
    draw_progress(p, {at.x, at.y + gui.px(74), w, gui.px(34)});
    const ButtonOptions quiet{Look::quiet}, outline{Look::outline};
    Rect taken;
    const float cy = at.y + gui.px(144);
    const bool hide =
        button_at(gui, "record.hide", at.x + w - button_width(gui, "Go on behind", quiet), cy,
                  "Go on behind", quiet, &taken) ||
        ImGui::IsKeyPressed(ImGuiKey_Escape);
    if (button_at(gui, "record.stop", taken.x - gui.px(8) - button_width(gui, "Stop", outline), cy,
                  "Stop", outline)) {
        p.later([](UiState& state) { state.cancel_recording(); });
        return true;
    }
    return hide;
}

}  // namespace

void draw_record_dialog(Panel& p) {
    Gui& gui = p.gui;
    RecordView& v = p.view.recording;
    const bool running = p.state.saving.running();
    bool focus = false;
    if (std::exchange(v.show, false)) {
        ImGui::OpenPopup("record");
        v.path = running ? v.path : suggested_path(p);
        focus = !running;
    }
    const ImVec2 size = ImGui::GetIO().DisplaySize;
    ImGui::SetNextWindowPos({size.x / 2, size.y * 0.4f}, ImGuiCond_Always, {0.5f, 0.5f});
    ImGui::SetNextWindowSize({std::min(gui.px(560), size.x - gui.px(16)), gui.px(206)});
    if (!begin_dialog(gui, "record")) {
        return;
    }
    const ImVec2 at = ImGui::GetCursorScreenPos();
    const float w = ImGui::GetContentRegionAvail().x;
    gui.text({Face::semibold, 16, Color::text}, at.x, at.y + gui.px(10), "Record this answer");
    if (running ? draw_running(p, at, w) : draw_fields(p, at, w, focus)) {
        ImGui::CloseCurrentPopup();
    }
    end_dialog();
}

float replay_card_height(const Panel& p) {
    return p.gui.px(76);
}

void draw_replay_card(Panel& p, const Rect& r) {
    Gui& gui = p.gui;
    const ModelInfo& m = *p.state.model;
    const Message* answer = p.state.selected();
    const bool drawn = answer != nullptr && answer->answer_begin < answer->tokens.size();
    const model::SamplingParams& s = m.sampling;
    gui.card(r, Color::card, Color::edge, 12);
    const float x = r.x + gui.px(16), w = r.w - gui.px(32);
    const auto line = [&](const char* id, float y, const TextStyle& style,
                          const std::string& text) {
        gui.hit(id, {x, r.y + gui.px(y - 9), w, gui.px(18)}, "note", text);
        gui.tooltip(text);
        gui.text_fit(style, x, r.y + gui.px(y), w, text);
    };
    line("replay.model", 18, {Face::semibold, 13, Color::text},
         fmt::format("Recording of {}{}", display_name(m),
                     m.device_name.empty()
                         ? ""
                         : " on " + m.device_name.substr(0, m.device_name.find(" ("))));
    line("replay.settings", 38, with(type::kNote, Color::text2),
         drawn ? fmt::format(
                     "seed {}, temperature {:g}, top-k {}, top-p {:g}{}{}", s.seed, s.temperature,
                     s.top_k, s.top_p, s.min_p > 0 ? fmt::format(", min-p {:g}", s.min_p) : "",
                     s.repeat_penalty != 1 ? fmt::format(", repeat penalty {:g}", s.repeat_penalty)
                                           : "")
         : answer == nullptr ? "The recorded answer is not on the screen"
                             : "A text that was read: no token was drawn");
    line("replay.hash", 58, with(type::kNote, Color::text3),
         (m.model_hash.empty() ? "The model's hash was not recorded" : "Model " + m.model_hash) +
             (m.recorded_by.empty() ? "" : ", by " + m.recorded_by));
}

}  // namespace app::ui
