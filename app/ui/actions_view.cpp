// Actions on the window: its parts, its look, models and settings.
#include <algorithm>

#include "app/ui/actions.h"

namespace app::ui {

namespace {

void set_scale(Panel& p, int percent) {
    p.view.config.scale_percent = std::clamp(percent, Config::kMinScale, Config::kMaxScale);
}

bool has_model(const Panel& p) {
    return p.state.ready();
}

/// Menus that hang on a chip or a button open where it is; without it, in the middle.
void open_menu(Panel& p, bool& which, std::string_view anchor) {
    which = true;
    const Widget* w = p.gui.registry().find(anchor);
    const ImVec2 size = ImGui::GetIO().DisplaySize;
    p.view.menu_anchor = w != nullptr ? Rect{w->rect.x, w->rect.bottom() + p.gui.px(4), 0, 0}
                                      : Rect{size.x / 3, size.y / 4, 0, 0};
}

const Action kActions[] = {
    {"help.palette", "Find a command", "Window", "Ctrl+K | Ctrl+Shift+P", Where::anywhere, nullptr,
     [](Panel& p) { p.view.palette.open = true; }, false, false},
    {"help.keys", "Show all keys", "Window", "F1", Where::anywhere, nullptr,
     [](Panel& p) { p.view.show_shortcuts = true; }},
    {"window.inspector", "Show or hide the inspector", "Window", "F2", Where::anywhere, nullptr,
     [](Panel& p) { p.view.show_inspector(!p.view.inspector_on()); }},
    {"window.settings", "Settings", "Window", "Ctrl+Comma", Where::anywhere, nullptr,
     [](Panel& p) { p.view.settings.open = true; }},
    {"window.larger", "Larger text", "Window", "Ctrl+Equal | Ctrl+Shift+Equal | Ctrl+KeypadAdd",
     Where::anywhere,
     [](const Panel& p) { return p.view.config.scale_percent < Config::kMaxScale; },
     [](Panel& p) { set_scale(p, p.view.config.scale_percent + 25); }, true},
    {"window.smaller", "Smaller text", "Window", "Ctrl+Minus | Ctrl+KeypadSubtract",
     Where::anywhere,
     [](const Panel& p) { return p.view.config.scale_percent > Config::kMinScale; },
     [](Panel& p) { set_scale(p, p.view.config.scale_percent - 25); }, true},
    {"window.normal_size", "Text at its normal size", "Window", "Ctrl+0", Where::anywhere, nullptr,
     [](Panel& p) { set_scale(p, 100); }},
    {"window.theme", "Dark or light theme", "Window", "Ctrl+Shift+L", Where::anywhere, nullptr,
     [](Panel& p) { p.view.config.theme = p.view.dark() ? ThemeMode::light : ThemeMode::dark; }},
    {"window.contrast", "High contrast on or off", "Window", "Ctrl+Shift+H", Where::anywhere,
     nullptr, [](Panel& p) { p.view.config.high_contrast = !p.view.config.high_contrast; }},
    {"window.motion", "Reduced motion on or off", "Window", "Ctrl+Shift+M", Where::anywhere,
     nullptr,
     [](Panel& p) {
         p.view.config.reduced_motion = !p.view.config.reduced_motion;
         p.view.say(p.view.config.reduced_motion ? "Nothing moves by itself now"
                                                 : "Notices and panes may move again");
     }},
    {"notice.use", "The button of the notice (Undo)", "Window", "Ctrl+Shift+U", Where::anywhere,
     [](const Panel& p) { return p.view.toasts.has_action(); },
     [](Panel& p) { run_toast_action(p); }},
    {"notice.undo", "The button of the notice (Undo)", "Window", "Ctrl+Z", Where::no_field,
     [](const Panel& p) { return p.view.toasts.has_action(); },
     [](Panel& p) { run_toast_action(p); }, false, false},
    {"window.quit", "Quit", "Window", "Ctrl+Q", Where::anywhere, nullptr,
     [](Panel& p) { p.view.quit = true; }},

    {"model.open", "Open a model or a recording", "Model", "Ctrl+O", Where::anywhere, nullptr,
     [](Panel& p) { p.view.show_open = true; }},
    {"model.menu", "Models: what this one is, open another", "Model", "Ctrl+M", Where::anywhere,
     has_model, [](Panel& p) { open_menu(p, p.view.menu_model, "top.model"); }},
    {"model.device", "Device: what it is and why", "Model", "Ctrl+Shift+G", Where::anywhere,
     has_model, [](Panel& p) { open_menu(p, p.view.menu_device, "top.device"); }},
    {"sampling.menu", "Sampling and its presets", "Model", "Ctrl+Shift+S", Where::anywhere,
     has_model,
     [](Panel& p) {
         p.view.menu_sampling = true;
         p.view.presets.anchor_to = "composer.sampling";
     }},
    {"sampling.reset", "Sampling: back to the model's own", "Model", "Ctrl+Shift+0",
     Where::anywhere, has_model, [](Panel& p) { p.state.reset_sampling(); }},
};

}  // namespace

std::span<const Action> view_actions() {
    return kActions;
}

}  // namespace app::ui
