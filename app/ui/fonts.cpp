#include "app/ui/fonts.h"

#include <imgui.h>
#include <imgui_freetype.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <system_error>

namespace app::ui {

namespace fs = std::filesystem;

namespace {

constexpr const char* kFiles[size_t(Face::count_)] = {
    "Inter-Regular",     "Inter-Medium",     "Inter-SemiBold",        "Inter-Bold",
    "Inter-Italic",      "Inter-BoldItalic", "JetBrainsMono-Regular", "JetBrainsMono-Medium",
    "JetBrainsMono-Bold"};

// Only one file of each group is taken: the first that is there.
const std::vector<std::vector<const char*>> kFallbackGroups = {
    {"NotoSansCJK-Regular", "NotoSansCJKsc-Regular", "NotoSansSC-Regular", "SourceHanSans-Regular",
     "wqy-zenhei", "wqy-microhei", "DroidSansFallbackFull", "DroidSansFallback"},
    {"NotoColorEmoji", "TwitterColorEmoji-SVGinOT", "Symbola"},
    {"NotoSansSymbols2-Regular"},
    {"NotoSansArabic-Regular"},
    {"NotoSansHebrew-Regular"},
    {"NotoSansDevanagari-Regular"},
    {"NotoSansThai-Regular"},
    {"DejaVuSans"},
    {"unifont"}};

constexpr uintmax_t kLargeFont = 4u << 20;

using Index = std::map<std::string, std::string>;  // file name without ending -> path

Index index_fonts() {
    Index index;
    for (const std::string& folder : font_folders()) {
        std::error_code error;
        fs::recursive_directory_iterator it(folder, fs::directory_options::skip_permission_denied,
                                            error);
        while (!error && it != fs::recursive_directory_iterator()) {
            const std::string ending = it->path().extension().string();
            if (ending == ".otf" || ending == ".ttf" || ending == ".ttc") {
                index.emplace(it->path().stem().string(), it->path().string());
            }
            it.increment(error);
        }
    }
    return index;
}

/// `behind`: into the font added last; Dear ImGui merges nowhere else.
ImFont* add(const std::string& path, bool behind, unsigned flags) {
    ImFontConfig config;
    config.MergeMode = behind;
    config.FontLoaderFlags = flags;
    config.OversampleH = config.OversampleV = 1;
    return ImGui::GetIO().Fonts->AddFontFromFileTTF(path.c_str(), 16.0f, &config);
}

}  // namespace

std::vector<std::string> font_folders() {
    std::vector<std::string> folders;
    const auto add_env = [&](const char* name, const char* below) {
        const char* value = std::getenv(name);
        if (value != nullptr && *value != '\0') {
            folders.push_back(std::string(value) + below);
        }
    };
    add_env("XDG_DATA_HOME", "/fonts");
    add_env("HOME", "/.local/share/fonts");
    add_env("HOME", "/.fonts");
    folders.insert(folders.end(), {"/usr/local/share/fonts", "/usr/share/fonts"});
    return folders;
}

bool Fonts::load(std::string& problem) {
    const Index index = index_fonts();
    for (const auto& group : kFallbackGroups) {
        const auto name = std::find_if(group.begin(), group.end(),
                                       [&](const char* n) { return index.count(n) != 0; });
        if (name != group.end()) {
            fallbacks_.push_back(index.at(*name));
        }
    }
    for (size_t i = 0; i < fonts_.size(); ++i) {
        const auto it = index.find(kFiles[i]);
        if (it == index.end()) {
            const bool mono = i >= size_t(Face::mono);
            problem = std::string("The font file ") + kFiles[i] +
                      " was not found. Install the package " +
                      (mono ? "fonts-jetbrains-mono" : "fonts-inter") +
                      " (or put the file under ~/.local/share/fonts).";
            return false;
        }
        fonts_[i] = add(it->second, false, ImGuiFreeTypeLoaderFlags_LightHinting);
        if (i >= size_t(Face::mono)) {
            add(index.at(kFiles[0]), true, ImGuiFreeTypeLoaderFlags_LightHinting);
        }
        // Every face keeps a copy of the file, so the large ones go to the faces of messages only.
        const bool messages = i == size_t(Face::regular) || i == size_t(Face::mono);
        for (const std::string& path : fallbacks_) {
            std::error_code error;
            if (messages || fs::file_size(path, error) < kLargeFont) {
                add(path, true, ImGuiFreeTypeLoaderFlags_LoadColor);
            }
        }
    }
    ImGui::GetIO().FontDefault = fonts_[size_t(Face::regular)];
    return true;
}

float Fonts::imgui_size(Face face, float em) const {
    // (ascender + descender) / units per em, from the files' hhea tables.
    return em * (face >= Face::mono ? 1.32f : 1.2102f);
}

}  // namespace app::ui
