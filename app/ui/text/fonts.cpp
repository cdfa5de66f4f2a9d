#include "app/ui/text/fonts.h"

#include <imgui.h>
#include <imgui_freetype.h>
#include <imgui_internal.h>

#include <algorithm>
#include <map>

#include <fmt/format.h>

#include "app/ui/text/fallback_glyphs.h"
#include "app/ui/text/font_files.h"
#include "app/ui/text/font_finder.h"

namespace app::ui {

namespace {

constexpr const char* kFiles[size_t(Face::count_)] = {
    "Inter-Regular",     "Inter-Medium",     "Inter-SemiBold",        "Inter-Bold",
    "Inter-Italic",      "Inter-BoldItalic", "JetBrainsMono-Regular", "JetBrainsMono-Medium",
    "JetBrainsMono-Bold"};

/// `behind`: into the font added last; Dear ImGui merges nowhere else.
ImFont* add(const std::string& path, bool behind) {
    ImFontConfig config;
    config.MergeMode = behind;
    config.FontLoaderFlags = ImGuiFreeTypeLoaderFlags_LightHinting;
    config.OversampleH = config.OversampleV = 1;
    return ImGui::GetIO().Fonts->AddFontFromFileTTF(path.c_str(), 16.0f, &config);
}

void add_fallback() {
    ImFontConfig config;
    config.MergeMode = true;
    config.SizePixels = 16;
    config.OversampleH = config.OversampleV = 1;
    config.FontLoader = fallback_loader();
    ImGui::GetIO().Fonts->AddFont(&config);
}

}  // namespace

struct Fonts::Fallback {
    Fallback(FontIndex index, std::string language)
        : finder(std::move(index), std::move(language)) {}
    FontFinder finder;
    FallbackGlyphs glyphs;
};

Fonts::Fonts() = default;
Fonts::~Fonts() = default;

bool Fonts::load(std::string& problem, std::vector<std::string> folders) {
    FontIndex index = index_fonts(folders.empty() ? font_folders() : folders);
    for (size_t i = 0; i < fonts_.size(); ++i) {
        if (index.count(kFiles[i]) == 0) {
            const bool mono = i >= size_t(Face::mono);
            problem = std::string("The font file ") + kFiles[i] +
                      " was not found. Install the package " +
                      (mono ? "fonts-jetbrains-mono" : "fonts-inter") +
                      " (or put the file under ~/.local/share/fonts).";
            return false;
        }
    }
    fallback_ = std::make_unique<Fallback>(index, reader_language());
    fallback_->glyphs = {&fallback_->finder,
                         [](const void* fonts, const ImFont* font) {
                             const auto& self = *static_cast<const Fonts*>(fonts);
                             const auto at =
                                 std::find(self.fonts_.begin(), self.fonts_.end(), font);
                             return 1 / self.imgui_size(Face(at - self.fonts_.begin()), 1);
                         },
                         this};
    ImGui::GetIO().Fonts->UserData = &fallback_->glyphs;
    for (size_t i = 0; i < fonts_.size(); ++i) {
        fonts_[i] = add(index.at(kFiles[i]), false);
        if (i >= size_t(Face::mono)) {
            add(index.at(kFiles[0]), true);
        }
        add_fallback();
    }
    ImGui::GetIO().FontDefault = fonts_[size_t(Face::regular)];
    return true;
}

void Fonts::refresh() {
    if (fallback_ == nullptr || !fallback_->finder.take_news()) {
        return;
    }
    for (ImFont* font : fonts_) {
        ImFontAtlasFontDiscardBakes(ImGui::GetIO().Fonts, font, 0);
    }
    ++version_;
}

bool Fonts::searching() const {
    return fallback_ != nullptr && fallback_->finder.searching();
}

std::vector<FontHint> Fonts::take_hints() {
    std::vector<FontHint> out;
    if (fallback_ == nullptr) {
        return out;
    }
    std::map<std::string_view, std::string> by_package;
    for (const FontGroup group : fallback_->finder.take_missing()) {
        const uint32_t bit = 1u << uint32_t(group);
        if ((hinted_ & bit) != 0) {
            continue;
        }
        hinted_ |= bit;
        const FontAdvice advice = font_advice(group);
        std::string& what = by_package[advice.package];
        what += (what.empty() ? "" : ", ") + std::string(advice.what);
    }
    for (const auto& [package, what] : by_package) {
        out.push_back({fmt::format("No font here has {}; the package {} does", what, package)});
    }
    return out;
}

std::vector<std::string> Fonts::fallbacks() const {
    return fallback_ == nullptr ? std::vector<std::string>{} : fallback_->finder.opened();
}

float Fonts::imgui_size(Face face, float em) const {
    // (ascender + descender) / units per em, from the files' hhea tables.
    return em * (face >= Face::mono ? 1.32f : 1.2102f);
}

}  // namespace app::ui
