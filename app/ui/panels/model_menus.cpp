// The menus of the two chips: which model is open and what else there is; which device computes,
// how fast each one copies, and the report for a fault.
#include <algorithm>

#include <fmt/format.h>

#include "app/ui/panels/panels.h"

namespace app::ui {

namespace {

constexpr size_t kMostFound = 8;  // the open dialog has them all

void model_facts(Panel& p, const ModelInfo& m) {
    Gui& gui = p.gui;
    menu_title(gui, display_name(m));
    std::string facts = fmt::format(
        "{} architecture, {}, {} parameters, {} layers × {} heads, {}\n{} weights and {} cache "
        "on the device",
        architecture_name(m), m.quant, parameter_count(m.n_params), m.n_layers, m.n_heads,
        file_size(m.file_bytes), file_size(m.weight_bytes), file_size(m.kv_bytes));
    if (m.base_model) {
        facts += "\nBase model, asked in a Question / Answer frame";
    }
    menu_note(gui, facts);
    for (const std::string& notice : m.notices) {
        menu_note(gui, notice, Color::row_text);
    }
    menu_separator(gui);
}

bool is_open(const Panel& p, const std::string& path) {
    return p.state.model && !p.state.model->shipped && p.state.model->path == path;
}

void recent_models(Panel& p) {
    for (size_t i = 0; i < p.view.config.recent.size(); ++i) {
        const std::string path = p.view.config.recent[i];
        const bool open = is_open(p, path);
        if (menu_item(p.gui, "menu.recent." + std::to_string(i),
                      path.substr(path.find_last_of('/') + 1), {}, open, Icon::none, !open)) {
            open_model_at(p, path);
        }
    }
}

/// What other programs have brought and was not opened before.
void found_models(Panel& p) {
    Gui& gui = p.gui;
    const std::vector<std::string>& recent = p.view.config.recent;
    size_t n_shown = 0, n_more = 0;
    for (const ModelsView::Row& row : p.view.models.rows(p.view.device)) {
        if (!row.can_open || std::ranges::count(recent, row.path) > 0) {
            continue;
        }
        if (n_shown == kMostFound) {
            ++n_more;
            continue;
        }
        if (n_shown == 0) {
            menu_separator(gui);
            menu_title(gui, "On this computer");
        }
        const std::string note = row.fits ? row.facts : row.room;
        if (menu_item(gui, "menu.found." + std::to_string(n_shown), row.name, note,
                      is_open(p, row.path), Icon::none, !is_open(p, row.path))) {
            open_model_at(p, row.path);
        }
        ++n_shown;
    }
    if (n_more > 0 &&
        menu_item(gui, "menu.more", fmt::format("{} more…", n_more), "Ctrl O", false)) {
        p.view.show_open = true;
    }
}

}  // namespace

void draw_model_menu(Panel& p) {
    Gui& gui = p.gui;
    const bool lists = p.view.models.library != nullptr;
    if (!begin_menu(gui, "model", p.view.menu_anchor.x, p.view.menu_anchor.y,
                    gui.px(lists ? 460 : 340))) {
        return;
    }
    if (const ModelInfo* m = p.state.model.get()) {
        model_facts(p, *m);
    }
    if (menu_item(gui, "menu.open", "Open a model or a recording…", "Ctrl O", false,
                  Icon::folder)) {
        p.view.show_open = true;
    }
    const bool shipped = p.state.model && p.state.model->shipped;
    if (menu_item(gui, "menu.shipped", "Lapidary demo", "shipped", shipped, Icon::none, !shipped)) {
        open_model_at(p, {});
    }
    recent_models(p);
    found_models(p);
    end_menu(gui);
}

namespace {

void device_facts(Panel& p, const ModelInfo& m) {
    Gui& gui = p.gui;
    menu_title(gui, m.device_name);
    if (!m.device_warning.empty()) {
        menu_note(gui, m.device_warning, Color::row_text);
    }
    std::string facts = fmt::format("All {} layers are on this device.", m.n_layers);
    if (!m.device_why.empty()) {
        facts += "\nChosen because: " + m.device_why;
    }
    if (!m.device_driver.empty()) {
        facts += "\nDriver: " + m.device_driver;
    }
    if (!m.device_uuid.empty()) {
        facts += "\nUUID: " + m.device_uuid;
    }
    const Message* answer = p.state.selected();
    if (answer != nullptr && answer->stats.device_bytes > 0) {
        facts += "\nDevice memory in use: " + file_size(answer->stats.device_bytes);
    }
    menu_note(gui, facts);
    menu_separator(gui);
    if (menu_item(gui, "menu.copy_device", "Copy these facts", {}, false, Icon::copy)) {
        ImGui::SetClipboardText((m.device_name + "\n" + facts).c_str());
        p.view.say("Copied");
    }
}

/// The model that is open, on another device.
void reopen_on(Panel& p, const std::string& device) {
    p.view.device = device;
    if (const ModelInfo* m = p.state.model.get()) {
        open_model_at(p, m->shipped ? std::string() : m->path);
    }
}

void device_list(Panel& p) {
    Gui& gui = p.gui;
    const LibraryFacts& facts = p.view.models.facts();
    menu_separator(gui);
    menu_title(gui, "Devices");
    if (!facts.device_problem.empty()) {
        menu_note(gui, facts.device_problem, Color::row_text);
    }
    for (size_t i = 0; i < facts.devices.size(); ++i) {
        const DeviceFacts& device = facts.devices[i];
        const bool in_use = p.state.model && p.state.model->device_uuid == device.uuid;
        const std::string note = device.kind + ", " + speed_text(device);
        const bool usable = device.problem.empty() && (in_use || !p.state.busy());
        if (menu_item(gui, "device." + std::to_string(i), one_line(device.name, 40), note, in_use,
                      Icon::none, usable) &&
            !in_use) {
            reopen_on(p, device.uuid);
        }
    }
    const bool idle = !p.state.busy() && !p.state.loading() && !facts.measuring;
    if (menu_item(gui, "device.measure",
                  facts.measuring ? "Measuring…" : "Measure how fast each one copies",
                  "up to 2 s each", false, Icon::refresh, idle && !facts.devices.empty())) {
        p.view.models.library->measure();
    }
    if (menu_item(gui, "device.diagnostics", "Copy diagnostics", "no text of any chat", false,
                  Icon::info)) {
        copy_diagnostics(p);
    }
}

}  // namespace

void draw_device_menu(Panel& p) {
    Gui& gui = p.gui;
    const bool lists = p.view.models.library != nullptr;
    if (!begin_menu(gui, "device", p.view.menu_anchor.x, p.view.menu_anchor.y,
                    gui.px(lists ? 440 : 360))) {
        return;
    }
    if (const ModelInfo* m = p.state.model.get()) {
        device_facts(p, *m);
    }
    if (lists) {
        device_list(p);
    } else {
        menu_note(gui, "Another device: start with --device NAME. `lapidary devices` lists them.",
                  Color::text3);
    }
    end_menu(gui);
}

}  // namespace app::ui
