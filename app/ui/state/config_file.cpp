#include "app/ui/state/config_file.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <system_error>

#include <nlohmann/json.hpp>

#include "app/home_folder.h"

namespace app::ui {

namespace fs = std::filesystem;
using json = nlohmann::json;

namespace {

const char* theme_name(ThemeMode mode) {
    return mode == ThemeMode::dark ? "dark" : mode == ThemeMode::light ? "light" : "system";
}

std::string machine_name() {
    std::array<char, 256> name{};
    return ::gethostname(name.data(), name.size() - 1) == 0 ? name.data() : "this machine";
}

/// {"machines": {NAME: {"device": SELECTOR, "model": PATH, "gb_per_s": {KEY: NUMBER}}}}
void read_machine(Config& config, const json& j) {
    const auto machines = j.find("machines");
    if (machines == j.end() || !machines->is_object() || !machines->contains(machine_name())) {
        return;
    }
    const json& mine = (*machines)[machine_name()];
    if (const auto it = mine.find("device"); it != mine.end() && it->is_string()) {
        config.device = it->get<std::string>();
    }
    if (const auto it = mine.find("model"); it != mine.end() && it->is_string()) {
        config.last_model = it->get<std::string>();
    }
    if (const auto it = mine.find("gb_per_s"); it != mine.end() && it->is_object()) {
        for (const auto& [key, value] : it->items()) {
            if (value.is_number() && value.get<double>() > 0) {
                config.gb_per_s[key] = value.get<double>();
            }
        }
    }
}

void take_presets(const json& j, std::vector<Preset>& presets) {
    const auto it = j.find("presets");
    if (it == j.end() || !it->is_array()) {
        return;
    }
    for (const json& one : *it) {
        std::string problem;
        const auto preset =
            preset_from_json(one.dump(-1, ' ', false, json::error_handler_t::replace), problem);
        if (preset) {
            presets.push_back(*preset);
        }
    }
}

/// `path`, or with the first number behind it under which nothing lies.
std::string free_name(const std::string& path) {
    std::error_code error;
    std::string name = path;
    for (int i = 2; fs::exists(fs::symlink_status(name, error)); ++i) {
        name = path + "." + std::to_string(i);
    }
    return name;
}

/// Only values of the right type are taken; everything else keeps its default.
Config from_json(const json& j) {
    Config config;
    if (const auto it = j.find("theme"); it != j.end() && it->is_string()) {
        const auto name = it->get<std::string>();
        config.theme = name == "dark"    ? ThemeMode::dark
                       : name == "light" ? ThemeMode::light
                                         : ThemeMode::system;
    }
    if (const auto it = j.find("scale_percent"); it != j.end() && it->is_number_integer()) {
        config.scale_percent =
            int(std::clamp<int64_t>(it->get<int64_t>(), Config::kMinScale, Config::kMaxScale));
    }
    read_machine(config, j);
    if (const auto it = j.find("model_folders"); it != j.end() && it->is_array()) {
        for (const json& folder : *it) {
            if (folder.is_string()) {
                config.model_folders.push_back(folder.get<std::string>());
            }
        }
    }
    const auto take = [&](const char* key, bool& value) {
        const auto it = j.find(key);
        value = it != j.end() && it->is_boolean() ? it->get<bool>() : value;
    };
    take("high_contrast", config.high_contrast);
    take("reduced_motion", config.reduced_motion);
    take("advanced_settings", config.advanced);
    if (const auto it = j.find("send_key"); it != j.end() && *it == "ctrl_enter") {
        config.send_key = SendKey::ctrl_enter;
    }
    take_presets(j, config.presets);
    if (const auto it = j.find("recent"); it != j.end() && it->is_array()) {
        for (const json& path : *it) {
            if (path.is_string() && config.recent.size() < Config::kMaxRecent) {
                config.recent.push_back(path.get<std::string>());
            }
        }
    }
    return config;
}

}  // namespace

std::string ConfigFile::default_path() {
    const std::string folder = xdg_folder("XDG_CONFIG_HOME", "/.config");
    return folder.empty() ? folder : folder + "/config.json";
}

Config ConfigFile::load(std::string& problem) {
    std::error_code error;
    const fs::file_status status = fs::status(path_, error);
    if (!path_.empty() && fs::exists(status) && !fs::is_regular_file(status)) {
        problem = path_ + " is no file: the settings of this session are not kept.";
        path_.clear();
        return {};
    }
    std::ifstream in(path_, std::ios::binary);
    if (path_.empty() || !in) {
        return {};
    }
    std::stringstream all;
    all << in.rdbuf();
    text_ = all.str();
    const json j = json::parse(text_, nullptr, false);
    if (j.is_object()) {
        return from_json(j);
    }
    const std::string aside = free_name(path_ + ".bad");
    fs::rename(path_, aside, error);
    problem = error ? "The settings in " + path_ + " cannot be read, and are left as they are."
                    : "The settings could not be read; the file was set aside as " + aside + ".";
    if (error) {
        path_.clear();  // never write over it
    }
    text_.clear();
    return {};
}

bool ConfigFile::save(const Config& config, std::string& problem) {
    if (path_.empty() || saved_ == config) {
        return true;
    }
    if (!write(json_of(config), problem)) {
        return false;
    }
    saved_ = config;
    return true;
}

/// In place of the file's own, whose unknown keys stay.
std::string ConfigFile::json_of(const Config& config) const {
    json j = json::parse(text_, nullptr, false);
    if (!j.is_object()) {
        j = json::object();
    }
    j["theme"] = theme_name(config.theme);
    j["scale_percent"] = config.scale_percent;
    if (!j["machines"].is_object()) {
        j["machines"] = json::object();
    }
    json& mine = j["machines"][machine_name()];
    if (!mine.is_object()) {
        mine = json::object();
    }
    mine["device"] = config.device;
    mine["model"] = config.last_model;
    mine["gb_per_s"] = config.gb_per_s;
    j["model_folders"] = config.model_folders;
    j["high_contrast"] = config.high_contrast;
    j["reduced_motion"] = config.reduced_motion;
    j["advanced_settings"] = config.advanced;
    j["send_key"] = config.send_key == SendKey::enter ? "enter" : "ctrl_enter";
    json presets = json::array();
    for (const Preset& preset : config.presets) {
        presets.push_back(json::parse(preset_to_json(preset)));
    }
    j["presets"] = presets;
    j["recent"] = config.recent;
    return j.dump(2, ' ', false, json::error_handler_t::replace) + "\n";
}

bool ConfigFile::write(const std::string& text, std::string& problem) {
    if (text == text_) {
        return true;
    }
    std::error_code error;
    fs::create_directories(fs::path(path_).parent_path(), error);
    // What a link points at is written, so that it stays a link.
    const fs::path linked = fs::canonical(path_, error);
    const std::string target = error ? path_ : linked.string();
    const std::string temporary = target + ".new";
    {
        std::ofstream out(temporary, std::ios::binary | std::ios::trunc);
        out << text;
        if (!out.flush()) {
            problem = "The settings could not be written to " + temporary + ".";
            return false;
        }
    }
    fs::rename(temporary, target, error);
    if (error) {
        problem = "The settings could not be written to " + target + ": " + error.message() + ".";
        return false;
    }
    text_ = text;
    return true;
}

void remember_recent(Config& config, const std::string& path) {
    if (path.empty()) {
        return;
    }
    std::erase(config.recent, path);
    config.recent.insert(config.recent.begin(), path);
    if (config.recent.size() > Config::kMaxRecent) {
        config.recent.resize(Config::kMaxRecent);
    }
}

}  // namespace app::ui
