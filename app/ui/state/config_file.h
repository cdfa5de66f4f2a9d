// Config: what the window remembers between starts, in $XDG_CONFIG_HOME/lapidary/config.json.
// Unknown keys are kept; a file that cannot be read is set aside as .bad, never overwritten.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "app/ui/state/presets.h"
#include "app/ui/widgets/theme.h"

namespace app::ui {

enum class SendKey : uint8_t { enter, ctrl_enter };

struct Config {
    ThemeMode theme = ThemeMode::system;
    int scale_percent = 100;  // 75..250
    bool high_contrast = false;
    bool reduced_motion = false;
    SendKey send_key = SendKey::enter;
    bool advanced = false;  // the settings page shows all there is
    std::vector<Preset> presets;
    std::vector<std::string> recent;         // model paths, newest first
    std::vector<std::string> model_folders;  // looked through beside other programs' own
    // Of this machine only (a home folder may be shared by several):
    std::string device;                      // selector of the device that was chosen
    std::string last_model;                  // path, opened again at the next start; empty: shipped
    std::map<std::string, double> gb_per_s;  // measured, by DeviceFacts::key()

    static constexpr size_t kMaxRecent = 8;
    static constexpr int kMinScale = 75, kMaxScale = 250;

    bool operator==(const Config&) const = default;
};

class ConfigFile {
public:
    /// Empty path: nothing is read or written (tests, scripts).
    explicit ConfigFile(std::string path) : path_(std::move(path)) {}
    static std::string default_path();

    /// Defaults for what is missing; `problem` is a sentence for the user, if there was one.
    Config load(std::string& problem);
    /// Nothing is done where nothing has changed. Written to a temporary file, then renamed. False
    /// with a sentence when that failed.
    bool save(const Config& config, std::string& problem);

private:
    std::string json_of(const Config& config) const;
    bool write(const std::string& text, std::string& problem);

    std::string path_;
    std::string text_;  // as it was read: unknown keys are taken from here
    std::optional<Config> saved_;
};

void remember_recent(Config& config, const std::string& path);

}  // namespace app::ui
