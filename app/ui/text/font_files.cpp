#include "app/ui/text/font_files.h"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <filesystem>
#include <system_error>

namespace app::ui {

namespace fs = std::filesystem;

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
    // What the tarball brings, where the machine has none.
    std::error_code error;
    const fs::path program = fs::read_symlink("/proc/self/exe", error);
    folders.push_back((program.parent_path().parent_path() / "share/lapidary/fonts").string());
    return folders;
}

FontIndex index_fonts(const std::vector<std::string>& folders) {
    FontIndex index;
    for (const std::string& folder : folders) {
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

namespace {

struct Range {
    char32_t first, last;
};

template <size_t N>
bool among(const std::array<Range, N>& ranges, char32_t c) {
    return std::any_of(ranges.begin(), ranges.end(),
                       [c](const Range& r) { return c >= r.first && c <= r.last; });
}

/// Characters below U+1F000 that are pictures unless told otherwise (Emoji_Presentation).
constexpr std::array<Range, 40> kPictures{
    {{0x231A, 0x231B},   {0x23E9, 0x23EC},   {0x23F0, 0x23F0},   {0x23F3, 0x23F3},
     {0x25FD, 0x25FE},   {0x2614, 0x2615},   {0x2648, 0x2653},   {0x267F, 0x267F},
     {0x2693, 0x2693},   {0x26A1, 0x26A1},   {0x26AA, 0x26AB},   {0x26BD, 0x26BE},
     {0x26C4, 0x26C5},   {0x26CE, 0x26CE},   {0x26D4, 0x26D4},   {0x26EA, 0x26EA},
     {0x26F2, 0x26F3},   {0x26F5, 0x26F5},   {0x26FA, 0x26FA},   {0x26FD, 0x26FD},
     {0x2705, 0x2705},   {0x270A, 0x270B},   {0x2728, 0x2728},   {0x274C, 0x274C},
     {0x274E, 0x274E},   {0x2753, 0x2755},   {0x2757, 0x2757},   {0x2795, 0x2797},
     {0x27B0, 0x27B0},   {0x27BF, 0x27BF},   {0x2B1B, 0x2B1C},   {0x2B50, 0x2B50},
     {0x2B55, 0x2B55},   {0x1F004, 0x1F004}, {0x1F0CF, 0x1F0CF}, {0x1F18E, 0x1F18E},
     {0x1F191, 0x1F19A}, {0x1F1E6, 0x1F1FF}, {0x1F201, 0x1F265}, {0x1F300, 0x1FAFF}}};
constexpr std::array<Range, 8> kHan{{{0x2E80, 0x2FFF},
                                     {0x3000, 0x303F},
                                     {0x3100, 0x312F},
                                     {0x31A0, 0x31EF},
                                     {0x3200, 0x9FFF},
                                     {0xF900, 0xFAFF},
                                     {0xFE30, 0xFFEF},
                                     {0x20000, 0x3FFFD}}};
constexpr std::array<Range, 4> kHangul{
    {{0x1100, 0x11FF}, {0x3130, 0x318F}, {0xA960, 0xA97F}, {0xAC00, 0xD7FF}}};
constexpr std::array<Range, 4> kKana{
    {{0x3040, 0x30FF}, {0x31F0, 0x31FF}, {0xFF66, 0xFF9F}, {0x1B000, 0x1B16F}}};
constexpr std::array<Range, 4> kSymbols{
    {{0x2000, 0x2BFF}, {0x1D400, 0x1D7FF}, {0x1F000, 0x1F2FF}, {0x1FB00, 0x1FBFF}}};
constexpr std::array<Range, 17> kInvisible{{{0x00AD, 0x00AD},
                                            {0x034F, 0x034F},
                                            {0x061C, 0x061C},
                                            {0x115F, 0x1160},
                                            {0x17B4, 0x17B5},
                                            {0x180B, 0x180F},
                                            {0x200B, 0x200F},
                                            {0x202A, 0x202E},
                                            {0x2060, 0x206F},
                                            {0x3164, 0x3164},
                                            {0xFE00, 0xFE0F},
                                            {0xFEFF, 0xFEFF},
                                            {0xFFA0, 0xFFA0},
                                            {0xFFF0, 0xFFFB},
                                            {0x1F3FB, 0x1F3FF},
                                            {0x1D173, 0x1D17A},
                                            {0xE0000, 0xE0FFF}}};

}  // namespace

FontGroup font_group(char32_t c) {
    if (among(kPictures, c)) {
        return FontGroup::emoji;
    }
    if (among(kHangul, c)) {
        return FontGroup::hangul;
    }
    if (among(kKana, c)) {
        return FontGroup::kana;
    }
    if (among(kHan, c)) {
        return FontGroup::han;
    }
    if (among(kSymbols, c)) {
        return FontGroup::symbols;
    }
    const auto in = [c](char32_t first, char32_t last) { return c >= first && c <= last; };
    return in(0x0590, 0x05FF) || in(0xFB1D, 0xFB4F)   ? FontGroup::hebrew
           : in(0x0600, 0x08FF) || in(0xFB50, 0xFEFC) ? FontGroup::arabic
           : in(0x0900, 0x097F)                       ? FontGroup::devanagari
           : in(0x0980, 0x09FF)                       ? FontGroup::bengali
           : in(0x0B80, 0x0BFF)                       ? FontGroup::tamil
           : in(0x0E00, 0x0E7F)                       ? FontGroup::thai
                                                      : FontGroup::other;
}

bool is_invisible(char32_t c) {
    return among(kInvisible, c);
}

namespace {

// The collection's faces stand in this order in Debian's package and in Google's.
constexpr int kJapanese = 0, kKorean = 1, kSimplified = 2, kTraditional = 3, kHongKong = 4;

int cjk_face(FontGroup group, std::string_view language) {
    const std::string_view two = language.substr(0, 2);
    if (group == FontGroup::hangul || two == "ko") {
        return kKorean;
    }
    if (group == FontGroup::kana || two == "ja") {
        return kJapanese;
    }
    if (language.compare(0, 5, "zh_TW") == 0) {
        return kTraditional;
    }
    return language.compare(0, 5, "zh_HK") == 0 ? kHongKong : kSimplified;
}

void add_cjk(std::vector<FontChoice>& out, FontGroup group, std::string_view language) {
    const int face = cjk_face(group, language);
    constexpr std::array<std::array<std::string_view, 3>, 5> kAlone{
        {{"NotoSansCJKjp-Regular", "NotoSansJP-Regular", "ipagp"},
         {"NotoSansCJKkr-Regular", "NotoSansKR-Regular", "NanumGothic"},
         {"NotoSansCJKsc-Regular", "NotoSansSC-Regular", "wqy-microhei"},
         {"NotoSansCJKtc-Regular", "NotoSansTC-Regular", "wqy-microhei"},
         {"NotoSansCJKhk-Regular", "NotoSansHK-Regular", "wqy-microhei"}}};
    out.push_back({"NotoSansCJK-Regular", face});
    for (const std::string_view name : kAlone[size_t(face)]) {
        out.push_back({name, 0});
    }
    for (const std::string_view name : {"SourceHanSans-Regular", "wqy-microhei", "wqy-zenhei",
                                        "DroidSansFallbackFull", "DroidSansFallback"}) {
        out.push_back({name, 0});
    }
}

}  // namespace

std::vector<FontChoice> preferred_fonts(FontGroup group, std::string_view language) {
    std::vector<FontChoice> out;
    switch (group) {
        case FontGroup::han:
        case FontGroup::kana:
        case FontGroup::hangul:
            add_cjk(out, group, language);
            break;
        case FontGroup::emoji:
            out = {{"NotoColorEmoji"}, {"Symbola"}, {"NotoEmoji-Regular"}};
            break;
        case FontGroup::symbols:
            out = {{"NotoSansSymbols2-Regular"}, {"NotoSansMath-Regular"}, {"Symbola"}};
            break;
        case FontGroup::arabic:
            out = {{"NotoSansArabic-Regular"}, {"NotoNaskhArabic-Regular"}};
            break;
        case FontGroup::hebrew:
            out = {{"NotoSansHebrew-Regular"}};
            break;
        case FontGroup::devanagari:
            out = {{"NotoSansDevanagari-Regular"}, {"Lohit-Devanagari"}};
            break;
        case FontGroup::bengali:
            out = {{"NotoSansBengali-Regular"}, {"Lohit-Bengali"}};
            break;
        case FontGroup::tamil:
            out = {{"NotoSansTamil-Regular"}, {"Lohit-Tamil"}};
            break;
        case FontGroup::thai:
            out = {{"NotoSansThai-Regular"}, {"Loma"}};
            break;
        default:
            break;
    }
    for (const std::string_view name : {"NotoSans-Regular", "DejaVuSans", "FreeSans"}) {
        out.push_back({name, 0});
    }
    if (group == FontGroup::symbols) {
        out.push_back({"NotoColorEmoji", 0});
    }
    out.push_back({"unifont", 0});
    return out;
}

FontAdvice font_advice(FontGroup group) {
    switch (group) {
        case FontGroup::han:
            return {"Chinese characters", "fonts-noto-cjk"};
        case FontGroup::kana:
            return {"Japanese characters", "fonts-noto-cjk"};
        case FontGroup::hangul:
            return {"Korean characters", "fonts-noto-cjk"};
        case FontGroup::emoji:
            return {"emoji", "fonts-noto-color-emoji"};
        case FontGroup::symbols:
            return {"some symbols", "fonts-noto-core"};
        case FontGroup::arabic:
            return {"Arabic letters", "fonts-noto-core"};
        case FontGroup::hebrew:
            return {"Hebrew letters", "fonts-noto-core"};
        case FontGroup::devanagari:
            return {"Devanagari letters", "fonts-noto-core"};
        case FontGroup::bengali:
            return {"Bengali letters", "fonts-noto-core"};
        case FontGroup::tamil:
            return {"Tamil letters", "fonts-noto-core"};
        case FontGroup::thai:
            return {"Thai letters", "fonts-noto-core"};
        default:
            return {"some characters", "fonts-noto-core"};
    }
}

std::string reader_language() {
    for (const char* name : {"LC_ALL", "LC_CTYPE", "LANG"}) {
        const char* value = std::getenv(name);
        if (value != nullptr && *value != '\0') {
            return value;
        }
    }
    return {};
}

}  // namespace app::ui
