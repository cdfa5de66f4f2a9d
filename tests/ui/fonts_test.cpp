// Fonts by what characters they have: the order they are asked in, what is found, and what is shown
// when nothing is.
#include "tests/support/catch.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <random>
#include <thread>

#include "app/ui/text/font_files.h"
#include "app/ui/text/font_finder.h"
#include "tests/ui/rig.h"

using namespace app;
using namespace app::ui;
namespace fs = std::filesystem;

namespace {

/// A folder with the faces of the design only.
struct BareFonts {
    fs::path folder =
        fs::temp_directory_path() / ("lapidary-fonts-" + std::to_string(std::random_device{}()));
    BareFonts() {
        fs::create_directories(folder);
        for (const auto& [name, path] : index_fonts(font_folders())) {
            if (name.compare(0, 6, "Inter-") == 0 || name.compare(0, 14, "JetBrainsMono-") == 0) {
                fs::create_symlink(path, folder / fs::path(path).filename());
            }
        }
    }
    ~BareFonts() { fs::remove_all(folder); }
};

void wait_for(FontFinder& finder) {
    for (int i = 0; i < 3000 && finder.searching(); ++i) {
        std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    REQUIRE_FALSE(finder.searching());
}

const ImFontGlyph* glyph(const test::Rig& r, ImWchar c, float size) {
    const Fonts& fonts = r.screen->app().ui.fonts();
    return fonts.font(Face::regular)
        ->GetFontBaked(fonts.imgui_size(Face::regular, size))
        ->FindGlyphNoFallback(c);
}

}  // namespace

TEST_CASE("characters are grouped by the fonts they need") {
    CHECK(font_group(U'石') == FontGroup::han);
    CHECK(font_group(U'は') == FontGroup::kana);
    CHECK(font_group(U'석') == FontGroup::hangul);
    CHECK(font_group(U'🙂') == FontGroup::emoji);
    CHECK(font_group(U'✨') == FontGroup::emoji);
    CHECK(font_group(U'✓') == FontGroup::symbols);
    CHECK(font_group(U'☀') == FontGroup::symbols);  // a picture only when asked to be one
    CHECK(font_group(U'ش') == FontGroup::arabic);
    CHECK(font_group(U'ส') == FontGroup::thai);
    CHECK(font_group(U'ሰ') == FontGroup::other);
    CHECK(is_invisible(0x200D));
    CHECK(is_invisible(0xFE0F));
    CHECK_FALSE(is_invisible('a'));
}

TEST_CASE("Chinese, Japanese and Korean fonts come in the reader's order") {
    const auto face = [](FontGroup group, const char* language) {
        return preferred_fonts(group, language).front().face;
    };
    CHECK(face(FontGroup::han, "ja_JP.UTF-8") == 0);
    CHECK(face(FontGroup::han, "ko_KR.UTF-8") == 1);
    CHECK(face(FontGroup::han, "zh_CN.UTF-8") == 2);
    CHECK(face(FontGroup::han, "zh_TW.UTF-8") == 3);
    CHECK(face(FontGroup::han, "zh_HK.UTF-8") == 4);
    CHECK(face(FontGroup::han, "C.UTF-8") == 2);
    CHECK(face(FontGroup::kana, "zh_CN.UTF-8") == 0);
    CHECK(face(FontGroup::hangul, "ja_JP.UTF-8") == 1);
    for (int g = 0; g < int(FontGroup::count_); ++g) {
        CHECK_FALSE(preferred_fonts(FontGroup(g), "").empty());
        CHECK_FALSE(font_advice(FontGroup(g)).package.empty());
    }
}

TEST_CASE("a font is found by what it has, whatever its name") {
    const FontIndex system = index_fonts(font_folders());
    const auto droid = system.find("DroidSansFallbackFull");
    if (droid == system.end()) {
        SKIP("no DroidSansFallbackFull here (package fonts-droid-fallback)");
    }
    FontFinder by_name(system, "en_US.UTF-8");
    CHECK(by_name.find(U'石') != nullptr);
    CHECK_FALSE(by_name.searching());
    // Under another name only the look through all fonts can tell.
    FontFinder by_contents({{"Some Font", droid->second}}, "en_US.UTF-8");
    CHECK(by_contents.find(U'石') == nullptr);
    wait_for(by_contents);
    CHECK(by_contents.take_news());
    CHECK_FALSE(by_contents.take_news());
    CHECK(by_contents.find(U'石') != nullptr);
    CHECK(by_contents.take_missing().empty());
    CHECK(by_contents.find(U'🙂') == nullptr);
    CHECK(by_contents.take_missing() == std::vector<FontGroup>{FontGroup::emoji});
}

TEST_CASE("what is no font, or a broken one, is passed over") {
    const fs::path folder = fs::temp_directory_path() / "lapidary-bad-fonts";
    fs::create_directories(folder);
    const std::string path = (folder / "NotoSansCJK-Regular.ttc").string();
    std::FILE* file = std::fopen(path.c_str(), "wb");
    REQUIRE(file != nullptr);
    std::fputs("ttcf\0\1\0\0 this is none", file);
    std::fclose(file);
    FontFinder finder(index_fonts({folder.string()}), "ja_JP");
    CHECK(finder.find(U'石') == nullptr);
    wait_for(finder);
    finder.take_news();
    CHECK(finder.take_missing() == std::vector<FontGroup>{FontGroup::han});
    fs::remove_all(folder);
}

TEST_CASE("without a font a character is a box, and one hint says where to get it") {
    const BareFonts bare;
    ui::StartOptions start;
    start.font_folders = {bare.folder.string()};
    test::Rig r(1280, 800, {.answer = {"石", " and", " 石", " ", "🙂", "\xE2\x80\x8D", "."}},
                start);
    r.play("wait ready\ninspector off\nsend What is it\nwait idle\nwait frames 60\n");
    r.play("expect No font here has\n");
    for (const ImWchar c : {ImWchar(U'石'), ImWchar(U'🙂')}) {
        const ImFontGlyph* box = glyph(r, c, 16);
        REQUIRE(box != nullptr);
        CHECK(box->Visible);
        CHECK_FALSE(box->Colored);
        CHECK(box->AdvanceX > 6);
    }
    CHECK_FALSE(glyph(r, 0x200D, 16)->Visible);
    CHECK(glyph(r, 0x200D, 16)->AdvanceX == 0);
    // Letters are still Inter's.
    CHECK(glyph(r, 'a', 16)->SourceIdx == 0);
    r.play(
        "wait frames 400\nrefute No font here has\nsend What is it\nwait idle\nwait frames 30\n");
    r.play("refute No font here has\n");  // once is enough
}

TEST_CASE("emoji are pictures, at the size of the text around them") {
    if (index_fonts(font_folders()).count("NotoColorEmoji") == 0) {
        SKIP("no NotoColorEmoji here (package fonts-noto-color-emoji)");
    }
    test::Rig r(1280, 800, {.answer = {"🙂"}});
    r.play("wait ready\ninspector off\nsend What is it\nwait idle\nwait frames 4\n");
    for (const float size : {12.0f, 16.0f, 32.0f, 64.0f}) {
        const ImFontGlyph* picture = glyph(r, U'🙂', size);
        REQUIRE(picture != nullptr);
        CHECK(picture->Colored);
        CHECK(std::abs(picture->AdvanceX / size - 1.25f) < 0.1f);
        CHECK(picture->X1 - picture->X0 < size * 1.4f);
        CHECK(picture->Y1 - picture->Y0 > size * 0.9f);
    }
}
