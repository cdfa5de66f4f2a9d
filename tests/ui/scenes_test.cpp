// The twelve states of the window in two themes and at two sizes, off the screen
// with the fake engine: no text leaves its place, and each picture is as its reference.
//
// References are the pictures reduced to 320 x 200 pixels, in tests/ui/scenes. They hold
// for the fonts and the FreeType that made them (scenes/made_with.txt); elsewhere they are not
// compared.
//   LAPIDARY_SCENES=FOLDER      the pictures at full size, to be looked at
//   LAPIDARY_SCENES_UPDATE=1    new references
#include "tests/support/catch.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <set>

#include <ft2build.h>
#include FT_FREETYPE_H

#include "app/exports/png.h"
#include "app/ui/text/font_files.h"
#include "tests/support/png.h"
#include "tests/ui/rig.h"

using namespace app;
using test::Rig;

namespace {

constexpr int kWidth = 1280, kHeight = 800;  // at 100 %
constexpr uint32_t kReducedWidth = 320;

struct Scene {
    const char* name;
    test::FakeOptions options;
    std::string script;
    std::vector<const char*> fonts = {};  // that it needs besides the window's own
};

const std::string kAsk = "wait ready\nsend What is it\n";

std::string many_questions(int n) {
    std::string script = "wait ready\n";
    for (int i = 0; i < n; ++i) {
        script +=
            "send What is the positive number " + std::to_string(i) + " good for?\nwait idle\n";
    }
    return script;
}

test::FakeOptions answering(const std::string& text) {
    return {.answer = test::answer_tokens(text)};
}

std::vector<Scene> scenes() {
    const std::string done = kAsk + "wait idle\n", place = "wait frames 6\n";
    return {
        {"first-run", {}, "wait ready\n" + place},
        {"empty", {}, done + "key Ctrl+N\n" + place},
        {"streaming", {.hold_after = 40}, kAsk + "wait tokens 40\n" + place},
        {"long-chat", {}, many_questions(8) + place},
        {"code",
         answering("# Factorial\n\nIt is the **product** of all numbers up to `n`:\n\n```python\n"
                   "def factorial(n):\n    # 0! is 1\n    if n == 0:\n        return 1\n"
                   "    return n * factorial(n - 1)\n```\n\n| n | n! | how it is written out |\n"
                   "|--:|--:|---|\n| 3 | 6 | 1 x 2 x 3 |\n| 5 | 120 | 1 x 2 x 3 x 4 x 5 |\n\n"
                   "- It grows *fast*.\n- It is 1 for `n = 0`.\n\n> Said once, kept.\n"),
         "inspector off\n" + done + place},
        {"cjk",
         answering("春眠不覚暁、処処聞啼鳥。夜来風雨声、花落知多少。이것은 한국어 문장입니다. "
                   "简体字也在这里。"),
         "inspector off\n" + done + place,
         {"NotoSansCJK-Regular"}},
        {"emoji",
         answering(
             "It is a 🙂 day: 🌧 then ☀ and 🌈, with 👍 and a ❤. → ≤ ∑ ✓ ★"),
         "inspector off\n" + done + place,
         {"NotoColorEmoji", "NotoSansSymbols2-Regular", "NotoSansMath-Regular"}},
        {"rtl",
         answering("שלום עולם, זה משפט בעברית. مرحبا بالعالم، هذه جملة عربية. And English."),
         "inspector off\n" + done + place,
         {"NotoSansHebrew-Regular", "NotoSansArabic-Regular"}},
        {"error",
         {.fail_generate = "The device was lost while it computed: the driver gave up."},
         done + place},
        {"out-of-memory",
         {.no_room =
              NoRoom{.path = "/models/gemma-3-27b-it-Q4_K_M.gguf",
                     .device = {},
                     .n_ctx = 0,
                     .parts = "weights 15.4 GiB, KV cache 0.4 GiB",
                     .alternatives = {{.text = "Open it with a context of 1,024 tokens",
                                       .path = "/models/gemma-3-27b-it-Q4_K_M.gguf",
                                       .n_ctx = 1024,
                                       .can_open = true},
                                      {.text = "Get it as Q4_0: its weights take 6.1 GiB then",
                                       .path = {},
                                       .can_open = false}}}},
         "wait ready\nopen /models/gemma-3-27b-it-Q4_K_M.gguf\nwait trouble\n" + place},
        {"attention", {}, done + "select position 20\nselect head 2 1\ntab 2\nwait idle\n" + place},
        {"probabilities", {}, done + "select position 20\ntab 3\nwait idle\n" + place},
    };
}

/// What letters are drawn with here, a line each: where this differs, so do the pictures.
std::vector<std::string> made_with(const std::vector<const char*>& fonts) {
    FT_Library library = nullptr;
    FT_Int major = 0, minor = 0, patch = 0;
    REQUIRE(FT_Init_FreeType(&library) == 0);
    FT_Library_Version(library, &major, &minor, &patch);
    FT_Done_FreeType(library);
    std::vector<std::string> lines{fmt::format("FreeType {}.{}.{}", major, minor, patch)};
    const auto files = ui::index_fonts(ui::font_folders());
    std::vector<const char*> all{"Inter-Regular", "Inter-SemiBold", "JetBrainsMono-Regular"};
    all.insert(all.end(), fonts.begin(), fonts.end());
    for (const char* const name : all) {
        const auto file = files.find(name);
        lines.push_back(file == files.end()
                            ? fmt::format("{} absent", name)
                            : fmt::format("{} {}", name, std::filesystem::file_size(file->second)));
    }
    return lines;
}

/// Means over squares of pixels.
support::Png reduced(const ui::Pixels& p) {
    const uint32_t side = uint32_t(p.width) / kReducedWidth;
    support::Png out;
    out.width = kReducedWidth;
    out.height = uint32_t(p.height) / side;
    for (uint32_t y = 0; y < out.height; ++y) {
        for (uint32_t x = 0; x < out.width; ++x) {
            for (uint32_t c = 0; c < 3; ++c) {
                uint32_t sum = 0;
                for (uint32_t i = 0; i < side * side; ++i) {
                    const size_t row = y * side + i / side, column = x * side + i % side;
                    sum += p.rgb[(row * size_t(p.width) + column) * 3 + c];
                }
                out.rgb.push_back(uint8_t((sum + side * side / 2) / (side * side)));
            }
        }
    }
    return out;
}

/// desktop.md 5: 2/255 on 99.5 % of the pixels.
double share_alike(const support::Png& a, const support::Png& b) {
    REQUIRE(a.rgb.size() == b.rgb.size());
    size_t n_alike = 0;
    for (size_t i = 0; i < a.rgb.size(); i += 3) {
        bool alike = true;
        for (size_t c = 0; c < 3; ++c) {
            alike &= std::abs(int(a.rgb[i + c]) - int(b.rgb[i + c])) <= 2;
        }
        n_alike += alike;
    }
    return double(n_alike) * 3 / double(a.rgb.size());
}

void check_texts(const ui::Registry& registry) {
    REQUIRE(registry.texts().size() > 10);
    for (const ui::DrawnText& t : registry.texts()) {
        INFO("'" << t.text << "'");
        CHECK(t.rect.x >= t.clip.x - 1);
        CHECK(t.rect.right() <= t.clip.right() + 1);
        if (!t.scrolls) {
            CHECK(t.rect.y >= t.clip.y - 1);
            CHECK(t.rect.bottom() <= t.clip.bottom() + 1);
        }
    }
}

void check_picture(const std::string& name, const ui::Pixels& pixels, bool compare) {
    std::string problem;
    if (const char* const folder = std::getenv("LAPIDARY_SCENES")) {
        REQUIRE(write_png(std::string(folder) + "/" + name + ".png", pixels.rgb,
                          uint32_t(pixels.width), uint32_t(pixels.height), problem));
    }
    const std::string path = "tests/ui/scenes/" + name + ".png";
    const support::Png now = reduced(pixels);
    if (std::getenv("LAPIDARY_SCENES_UPDATE") != nullptr) {
        REQUIRE(write_png(path, now.rgb, now.width, now.height, problem));
    } else if (compare) {
        const support::Png reference = support::read_png(path);
        INFO(path << " " << reference.problem);
        REQUIRE(reference.problem.empty());
        CHECK(share_alike(now, reference) >= 0.995);
    }
}

}  // namespace

TEST_CASE("the twelve states of the window look as they did") {
    setenv("LANG", "en_US.UTF-8", 1);  // the order of fonts for Han characters
    const char* const note = "tests/ui/scenes/made_with.txt";
    const bool update = std::getenv("LAPIDARY_SCENES_UPDATE") != nullptr;
    std::set<std::string> there;
    if (!update) {
        std::ifstream file(note);
        for (std::string line; std::getline(file, line);) {
            there.insert(line);
        }
        REQUIRE(there.size() > 4);
    }
    std::string not_compared;
    for (const Scene& scene : scenes()) {
        const std::vector<std::string> here = made_with(scene.fonts);
        const bool alike =
            std::ranges::all_of(here, [&](const auto& l) { return there.contains(l); });
        not_compared += alike ? "" : fmt::format(" {}", scene.name);
        if (update) {
            there.insert(here.begin(), here.end());
        }
        for (const int percent : {100, 200}) {
            Rig r(kWidth * percent / 100, kHeight * percent / 100, scene.options);
            r.play(fmt::format("scale {}\n", percent) + scene.script);
            for (const char* const theme : {"dark", "light"}) {
                const std::string name = fmt::format("{}-{}-{}", scene.name, theme, percent);
                INFO(name);
                r.play(fmt::format("theme {}\nwait frames 4\n", theme));
                check_texts(r.registry());
                check_picture(name, r.screen->shot(), alike);
            }
        }
    }
    if (update) {
        std::ofstream file(note);
        for (const std::string& line : there) {
            file << line << "\n";
        }
    } else if (!not_compared.empty()) {
        SKIP("not compared, since letters are drawn with other fonts here:" << not_compared);
    }
}
