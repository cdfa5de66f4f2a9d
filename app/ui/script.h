// Scripts: one command per line, played through ImGui's own input queue on widgets found by their
// stable ids. For tests and for the README's pictures.
//
//   open PATH | open shipped     wait ready | idle | tokens N | frames N      send TEXT
//   click ID [FX FY]   also double, triple, context (right button), hover: in the middle, or at
//   these shares of the widget   drag ID DX DY [FX FY]   wheel ID STEPS   away key CHORD (F2,
//   Ctrl+B, Escape)   type TEXT   seed N (of the next answer)   theme dark|light|system|contrast
//   scale PERCENT resize WxH shot FILE   expect TEXT   refute TEXT   timeout SECONDS   # comment
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "app/ui/application.h"

namespace app::ui {

struct ScriptLine {
    int number = 0;
    std::string verb, rest;
};

/// What a script can ask of whatever shows the application.
struct Stage {
    std::function<bool(const std::string& path, std::string& problem)> shot;
    std::function<void(int width, int height)> resize;
};

/// Control bytes as \xNN, for messages.
std::string printable(std::string_view text);

class Script {
public:
    /// Empty `problem`: the script is well-formed.
    Script(std::string_view text, std::string& problem);

    enum class Step : uint8_t { running, done, failed };
    /// Once a frame, before ImGui::NewFrame. `seconds`: time since the last call.
    Step step(Application& app, Stage& stage, double seconds);
    /// "line 12: ..." after Step::failed.
    const std::string& error() const { return error_; }

private:
    struct Action {
        std::function<void(Application&)> run;
        int frames_after = 1;
    };
    Step fail(const std::string& what);
    Step run_line(Application& app, Stage& stage);
    std::optional<Step> run_pointer(Application& app, const ScriptLine& line);
    std::optional<Step> run_setting(Application& app, Stage& stage, const ScriptLine& line);
    bool find(Application& app, const std::string& id, float& x, float& y);
    bool waited(Application& app, const ScriptLine& line);
    void queue_click(float x, float y, int times, int which);
    Step queue_key(const std::string& chord);

    std::vector<ScriptLine> lines_;
    size_t at_ = 0;
    std::vector<Action> actions_;  // reversed: the next one is the last
    int pause_ = 0;
    double waiting_ = 0, timeout_ = 120;
    int waited_frames_ = 0;
    float mouse_x_ = -1, mouse_y_ = -1;
    std::string error_;
};

}  // namespace app::ui
