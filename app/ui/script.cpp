#include "app/ui/script.h"

#include <imgui.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <initializer_list>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "app/ui/text/text_field.h"
#include "app/ui/widgets/keys.h"

namespace app::ui {

namespace {

constexpr std::array<std::string_view, 25> kVerbs = {
    "open", "wait",      "send",   "click",      "double", "hover",   "drag",   "wheel",  "away",
    "key",  "type",      "theme",  "scale",      "resize", "shot",    "expect", "refute", "timeout",
    "tab",  "inspector", "select", "chat_width", "triple", "context", "seed"};

std::string_view trim(std::string_view s) {
    const size_t begin = s.find_first_not_of(" \t\r");
    return begin == std::string_view::npos
               ? std::string_view{}
               : s.substr(begin, s.find_last_not_of(" \t\r") - begin + 1);
}

std::pair<std::string, std::string> split(const std::string& text) {
    const size_t space = text.find(' ');
    if (space == std::string::npos) {
        return {text, {}};
    }
    return {text.substr(0, space), std::string(trim(std::string_view(text).substr(space)))};
}

bool is_whole(std::string_view text, int64_t low, int64_t high) {
    int64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    return error == std::errc() && end == text.data() + text.size() && value >= low &&
           value <= high;
}

bool is_number(const std::string& text, double low, double high) {
    char* end = nullptr;
    const double value = std::strtod(text.c_str(), &end);
    return !text.empty() && *end == '\0' && value >= low && value <= high;
}

bool is_one_of(std::string_view text, std::initializer_list<std::string_view> words) {
    return std::find(words.begin(), words.end(), text) != words.end();
}

/// What the command wanted instead; empty: it is right.
std::string wrong_words(const std::string& verb, const std::string& rest) {
    if (verb == "wait") {
        const auto [what, amount] = split(rest);
        const bool counted = what == "frames" || what == "tokens";
        const bool known = counted || is_one_of(what, {"ready", "idle", "loading", "trouble"});
        const bool right = counted ? is_whole(amount, 0, 1000000000) : amount.empty();
        return known && right ? ""
                              : "wait needs ready, idle, loading, trouble, frames N or tokens N";
    }
    if (verb == "theme") {
        return is_one_of(rest, {"dark", "light", "system", "contrast"})
                   ? ""
                   : "theme needs dark, light, system or contrast";
    }
    if (verb == "inspector") {
        return is_one_of(rest, {"on", "off"}) ? "" : "inspector needs on or off";
    }
    if (verb == "seed") {
        return is_whole(rest, 0, 1000000000) ? "" : "seed needs a number";
    }
    if (verb == "tab") {
        return is_whole(rest, 1, 4) ? "" : "tab needs a number from 1 to 4";
    }
    if (verb == "scale") {
        return is_whole(rest, Config::kMinScale, Config::kMaxScale)
                   ? ""
                   : fmt::format("scale needs a whole number of percent from {} to {}",
                                 Config::kMinScale, Config::kMaxScale);
    }
    if (verb == "timeout") {
        return is_number(rest, 0, 86400) ? "" : "timeout needs seconds from 0 to 86400";
    }
    if (verb == "chat_width") {
        return is_number(rest, 22, 40) ? "" : "chat_width needs a number of em from 22 to 40";
    }
    if (verb == "resize") {
        const size_t cross = rest.find('x');
        const bool right = cross != std::string::npos &&
                           is_whole(std::string_view(rest).substr(0, cross), 0, 8192) &&
                           is_whole(std::string_view(rest).substr(cross + 1), 0, 8192);
        return right ? "" : "resize needs WIDTHxHEIGHT, each from 0 to 8192";
    }
    return {};
}

}  // namespace

std::string printable(std::string_view text) {
    std::string out;
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        out += byte < 0x20 || byte == 0x7F ? fmt::format("\\x{:02x}", byte) : std::string(1, c);
    }
    return out;
}

Script::Script(std::string_view text, std::string& problem) {
    int number = 0;
    while (!text.empty()) {
        const size_t end = std::min(text.find('\n'), text.size());
        const std::string line(trim(text.substr(0, end)));
        text.remove_prefix(std::min(end + 1, text.size()));
        ++number;
        if (line.empty() || line[0] == '#') {
            continue;
        }
        auto [verb, rest] = split(line);
        if (std::find(kVerbs.begin(), kVerbs.end(), verb) == kVerbs.end()) {
            problem = fmt::format("line {}: unknown command '{}'; the commands are {}", number,
                                  printable(verb), fmt::join(kVerbs, ", "));
            return;
        }
        if (const std::string wrong = wrong_words(verb, rest); !wrong.empty()) {
            problem = fmt::format("line {}: {}, not '{}'", number, wrong, printable(rest));
            return;
        }
        lines_.push_back({number, verb, rest});
    }
    problem = lines_.empty() ? "the script has no commands" : "";
}

Script::Step Script::fail(const std::string& what) {
    error_ = fmt::format("line {}: {}", lines_[std::min(at_, lines_.size() - 1)].number,
                         printable(what));
    return Step::failed;
}

Script::Step Script::step(Application& app, Stage& stage, double seconds) {
    waiting_ += seconds;
    if (pause_ > 0) {
        --pause_;
        return Step::running;
    }
    if (!actions_.empty()) {
        const Action action = std::move(actions_.back());
        actions_.pop_back();
        action.run(app);
        pause_ = action.frames_after;
        return Step::running;
    }
    if (at_ >= lines_.size()) {
        return Step::done;
    }
    return run_line(app, stage);
}

bool Script::find(Application& app, const std::string& id, float& x, float& y) {
    const Widget* w = app.ui.registry().find(id);
    if (w == nullptr || w->visible.empty()) {
        return false;
    }
    x = w->visible.cx();
    y = w->visible.cy();
    return true;
}

void Script::queue_click(float x, float y, int times, int which) {
    mouse_x_ = x;
    mouse_y_ = y;
    std::vector<Action> all;
    all.push_back({[x, y](Application&) { ImGui::GetIO().AddMousePosEvent(x, y); }, 2});
    for (int i = 0; i < times; ++i) {
        for (const bool down : {true, false}) {
            all.push_back(
                {[which, down](Application&) { ImGui::GetIO().AddMouseButtonEvent(which, down); },
                 1});
        }
    }
    all.back().frames_after = 3;
    actions_.assign(std::make_move_iterator(all.rbegin()), std::make_move_iterator(all.rend()));
}

Script::Step Script::queue_key(const std::string& chord) {
    const auto parsed = parse_chord(chord);
    if (!parsed) {
        return fail("unknown key '" + chord + "'");
    }
    std::vector<ImGuiKey> keys;
    for (const ImGuiKey mod : {ImGuiMod_Ctrl, ImGuiMod_Shift, ImGuiMod_Alt}) {
        if ((*parsed & mod) != 0) {
            keys.push_back(mod);
        }
    }
    keys.push_back(ImGuiKey(*parsed & ~ImGuiMod_Mask_));
    const auto press = [keys](bool down) {
        for (const ImGuiKey key : keys) {
            ImGui::GetIO().AddKeyEvent(key, down);
        }
    };
    actions_.push_back({[press](Application&) { press(false); }, 3});
    actions_.push_back({[press](Application&) { press(true); }, 2});
    return Step::running;
}

bool Script::waited(Application& app, const ScriptLine& line) {
    const auto [what, amount] = split(line.rest);
    const UiState& s = app.state;
    if (what == "ready") {
        return s.ready() && !s.loading();
    }
    if (what == "idle") {
        // Also what the open views asked for has come.
        return !s.loading() && !s.busy() && !s.saving.running() && s.outbox.empty() &&
               !s.asking() && ++waited_frames_ > 6;
    }
    if (what == "loading") {
        return s.loading() && s.load->total > 0;
    }
    if (what == "frames") {
        return ++waited_frames_ > std::atoi(amount.c_str());
    }
    if (what == "tokens") {
        const Message* m = s.selected();
        const size_t n =
            m == nullptr ? 0 : m->tokens.size() - std::min<size_t>(m->n_prompt, m->tokens.size());
        // An answer that ended earlier will not get there.
        return n >= size_t(std::atoi(amount.c_str())) || (m != nullptr && !s.busy());
    }
    return what == "trouble" ? s.trouble.has_value() : false;
}

std::optional<Script::Step> Script::run_pointer(Application& app, const ScriptLine& line) {
    const auto [id, rest] = split(line.rest);
    float x = 0, y = 0;
    if (line.verb == "away") {
        actions_.push_back(
            {[](Application&) { ImGui::GetIO().AddMousePosEvent(-10000, -10000); }, 3});
        return Step::running;
    }
    if (!is_one_of(line.verb, {"click", "double", "triple", "context", "hover", "drag", "wheel"})) {
        return std::nullopt;
    }
    if (!find(app, id, x, y)) {
        if (waited_frames_++ < 30) {
            --at_;  // it may appear with the next frames
            return Step::running;
        }
        return fail("there is no '" + id + "' on the screen");
    }
    waited_frames_ = 0;
    const bool clicks = is_one_of(line.verb, {"click", "double", "triple", "context"});
    float dx = 0, dy = 0, fx = 0, fy = 0;
    const int n = std::sscanf(rest.c_str(), "%f %f %f %f", &dx, &dy, &fx, &fy);
    const Rect& r = app.ui.registry().find(id)->rect;
    if ((clicks || line.verb == "hover") && n == 2) {
        x = r.x + r.w * dx;
        y = r.y + r.h * dy;
    }
    if (clicks) {
        queue_click(x, y,
                    line.verb == "double"   ? 2
                    : line.verb == "triple" ? 3
                                            : 1,
                    line.verb == "context" ? 1 : 0);
    } else if (line.verb == "hover") {
        actions_.push_back({[x, y](Application&) { ImGui::GetIO().AddMousePosEvent(x, y); }, 40});
    } else if (line.verb == "drag") {
        if (n != 2 && n != 4) {
            return fail("drag needs an id and two numbers, or four");
        }
        if (n == 4) {  // from there, as a share of the widget
            x = r.x + r.w * fx;
            y = r.y + r.h * fy;
        }
        actions_.push_back({[](Application&) { ImGui::GetIO().AddMouseButtonEvent(0, false); }, 3});
        actions_.push_back(
            {[=](Application&) { ImGui::GetIO().AddMousePosEvent(x + dx, y + dy); }, 3});
        actions_.push_back({[](Application&) { ImGui::GetIO().AddMouseButtonEvent(0, true); }, 2});
        actions_.push_back({[=](Application&) { ImGui::GetIO().AddMousePosEvent(x, y); }, 2});
    } else {
        const float steps = std::strtof(rest.c_str(), nullptr);
        actions_.push_back(
            {[steps](Application&) { ImGui::GetIO().AddMouseWheelEvent(0, steps); }, 3});
        actions_.push_back({[=](Application&) { ImGui::GetIO().AddMousePosEvent(x, y); }, 2});
    }
    return Step::running;
}

std::optional<Script::Step> Script::run_setting(Application& app, Stage& stage,
                                                const ScriptLine& line) {
    View& v = app.ui.view;
    if (line.verb == "theme" && line.rest == "contrast") {
        v.config.high_contrast = !v.config.high_contrast;
    } else if (line.verb == "theme") {
        v.config.theme = line.rest == "dark"    ? ThemeMode::dark
                         : line.rest == "light" ? ThemeMode::light
                                                : ThemeMode::system;
    } else if (line.verb == "scale") {
        v.config.scale_percent =
            std::clamp(std::atoi(line.rest.c_str()), Config::kMinScale, Config::kMaxScale);
    } else if (line.verb == "seed") {
        app.state.next_seed = uint64_t(std::atoll(line.rest.c_str()));
    } else if (line.verb == "timeout") {
        timeout_ = std::strtod(line.rest.c_str(), nullptr);
    } else if (line.verb == "inspector") {
        v.show_inspector(line.rest != "off");
    } else if (line.verb == "chat_width") {
        v.chat_em = std::strtof(line.rest.c_str(), nullptr);
    } else if (line.verb == "tab") {
        v.tab = Tab(std::clamp(std::atoi(line.rest.c_str()), 1, 4) - 1);
    } else if (line.verb == "select") {
        const auto [what, value] = split(line.rest);
        int a = 0, b = 0;
        if (what == "position" && std::sscanf(value.c_str(), "%d", &a) == 1) {
            app.state.select_position(a);
        } else if (what == "head" && std::sscanf(value.c_str(), "%d %d", &a, &b) == 2) {
            app.state.select_head(a, b);
        } else if (what == "key" && std::sscanf(value.c_str(), "%d", &a) == 1) {
            app.state.select_key(uint32_t(a));
        } else {
            return fail("select needs: position N, head L H, or key N");
        }
    } else if (line.verb == "resize") {
        int w = 0, h = 0;
        if (std::sscanf(line.rest.c_str(), "%dx%d", &w, &h) != 2 || w < 0 || h < 0) {
            return fail("resize needs WIDTHxHEIGHT");
        }
        stage.resize(w, h);
    } else {
        return std::nullopt;
    }
    pause_ = 4;
    return Step::running;
}

Script::Step Script::run_line(Application& app, Stage& stage) {
    const ScriptLine line = lines_[at_];
    if (line.verb == "wait") {
        if (waited(app, line)) {
            waiting_ = 0;
            waited_frames_ = 0;
            ++at_;
        } else if (waiting_ > timeout_) {
            return fail("waited " + std::to_string(int(timeout_)) + " s for '" + line.rest + "'");
        }
        return Step::running;
    }
    waiting_ = 0;
    ++at_;
    if (const auto done = run_pointer(app, line)) {
        return *done;
    }
    if (const auto done = run_setting(app, stage, line)) {
        return *done;
    }
    if (line.verb == "open") {
        app.state.open_model(line.rest == "shipped" ? "" : line.rest, app.ui.view.device,
                             app.state.n_ctx);
    } else if (line.verb == "send") {
        if (!app.state.ready() || app.state.busy()) {
            return fail("nothing can be sent now");
        }
        app.state.send(line.rest);
        app.ui.view.scroll_to_bottom = true;
    } else if (line.verb == "key") {
        return queue_key(line.rest);
    } else if (line.verb == "type") {
        ImGui::GetIO().AddInputCharactersUTF8(line.rest.c_str());
        pause_ = int(line.rest.size()) + 3;
    } else if (line.verb == "expect" || line.verb == "refute") {
        app.ui.registry().record_texts = true;
        if (waited_frames_++ < 2) {
            --at_;
            return Step::running;
        }
        waited_frames_ = 0;
        const bool there =
            app.ui.registry().has_text(line.rest) || app.ui.registry().find(line.rest) != nullptr;
        if (there != (line.verb == "expect")) {
            return fail((there ? "there is '" : "there is no '") + line.rest + "' on the screen");
        }
    } else if (line.verb == "shot") {
        std::string problem;
        if (!stage.shot(line.rest, problem)) {
            return fail(problem);
        }
    }
    return Step::running;
}

}  // namespace app::ui
