#include "app/ui/text/font_finder.h"

#include <ft2build.h>
#include FT_FREETYPE_H

#include <algorithm>
#include <utility>

namespace app::ui {

FontFinder::FontFinder(FontIndex index, std::string language)
    : index_(std::move(index)), language_(std::move(language)) {
    FT_Init_FreeType(&library_);
}

FontFinder::~FontFinder() {
    stop_ = true;
    if (scan_.joinable()) {
        scan_.join();
    }
    FT_Done_FreeType(library_);
}

FT_FaceRec_* FontFinder::open(const std::string& path, int face) {
    const auto [it, fresh] = faces_.try_emplace({path, face}, nullptr);
    if (fresh) {
        FT_Face opened = nullptr;
        if (FT_New_Face(library_, path.c_str(), face, &opened) == 0) {
            it->second = opened;
        }
    }
    return it->second;
}

namespace {

bool has(FT_Face face, char32_t c) {
    return face != nullptr && FT_Get_Char_Index(face, c) != 0;
}

}  // namespace

FT_FaceRec_* FontFinder::look(char32_t c) {
    for (const FontChoice& choice : preferred_fonts(font_group(c), language_)) {
        const auto it = index_.find(std::string(choice.name));
        FT_Face face = it == index_.end() ? nullptr : open(it->second, choice.face);
        if (has(face, c)) {
            return face;
        }
    }
    if (!scanned_) {
        if (!scan_.joinable()) {
            scan_ = std::thread([this] { scan(); });
        }
        waiting_.push_back(c);
        return nullptr;
    }
    for (const Coverage& font : coverage_) {
        const auto after = std::upper_bound(font.ranges.begin(), font.ranges.end(),
                                            std::pair<uint32_t, uint32_t>{c, ~0u});
        if (after != font.ranges.begin() && std::prev(after)->second >= c) {
            FT_Face face = open(font.path, 0);
            if (has(face, c)) {
                return face;
            }
        }
    }
    missing_.push_back(font_group(c));
    return nullptr;
}

FT_FaceRec_* FontFinder::find(char32_t c) {
    const auto it = found_.find(c);
    if (it != found_.end()) {
        return it->second;
    }
    return found_[c] = look(c);
}

void FontFinder::scan() {
    FT_Library library = nullptr;
    if (FT_Init_FreeType(&library) != 0) {
        scanned_ = true;
        return;
    }
    for (const auto& [name, path] : index_) {
        FT_Face face = nullptr;
        if (stop_ || FT_New_Face(library, path.c_str(), 0, &face) != 0) {
            continue;
        }
        Coverage font{path, {}};
        FT_UInt glyph = 0;
        for (FT_ULong c = FT_Get_First_Char(face, &glyph); glyph != 0 && !stop_;
             c = FT_Get_Next_Char(face, c, &glyph)) {
            if (!font.ranges.empty() && font.ranges.back().second + 1 == c) {
                font.ranges.back().second = uint32_t(c);
            } else {
                font.ranges.push_back({uint32_t(c), uint32_t(c)});
            }
        }
        FT_Done_Face(face);
        coverage_.push_back(std::move(font));
    }
    FT_Done_FreeType(library);
    // Upright and of plain weight before the others of its family.
    const auto plain = [](const Coverage& font) {
        return font.path.find("Regular") != std::string::npos ? 0
               : font.path.find('-') == std::string::npos     ? 1
                                                              : 2;
    };
    std::stable_sort(coverage_.begin(), coverage_.end(),
                     [&](const Coverage& a, const Coverage& b) { return plain(a) < plain(b); });
    scanned_ = true;
}

bool FontFinder::take_news() {
    if (!scanned_ || std::exchange(told_, true)) {
        return false;
    }
    for (const char32_t c : std::exchange(waiting_, {})) {
        found_.erase(c);
        find(c);
    }
    return true;
}

std::vector<FontGroup> FontFinder::take_missing() {
    std::sort(missing_.begin(), missing_.end());
    missing_.erase(std::unique(missing_.begin(), missing_.end()), missing_.end());
    return std::exchange(missing_, {});
}

std::vector<std::string> FontFinder::opened() const {
    std::vector<std::string> out;
    for (const auto& [key, face] : faces_) {
        if (face != nullptr) {
            out.push_back(key.first);
        }
    }
    return out;
}

}  // namespace app::ui
