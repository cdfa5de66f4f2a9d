#include "app/home_folder.h"

#include <cstdlib>
#include <filesystem>
#include <system_error>

namespace app {
namespace {

std::string whole_path(const char* variable) {
    const char* const value = std::getenv(variable);
    return value != nullptr && *value == '/' ? value : "";
}

}  // namespace

std::string home_folder() {
    return whole_path("HOME");
}

std::string xdg_folder(const char* variable, const char* below_home) {
    if (const std::string base = whole_path(variable); !base.empty()) {
        return base + "/lapidary";
    }
    const std::string home = home_folder();
    return home.empty() ? home : home + below_home + "/lapidary";
}

std::string proposed_folder() {
    const std::string home = home_folder();
    std::error_code error;
    if (home.empty()) {
        return "/tmp";
    }
    return std::filesystem::is_directory(home + "/Downloads", error) ? home + "/Downloads" : home;
}

std::string expand_home(const std::string& path) {
    const std::string home = home_folder();
    const bool below_home = path == "~" || path.starts_with("~/");
    return below_home && !home.empty() ? home + path.substr(1) : path;
}

}  // namespace app
