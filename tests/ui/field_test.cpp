// Text fields: what is pasted is taken as a whole, or refused with words.
#include "app/ui/text/text_field.h"
#include "tests/ui/rig.h"

using namespace app;
using test::Rig;

namespace {

std::string words(size_t n_bytes) {
    std::string out;
    for (size_t i = 0; out.size() < n_bytes; ++i) {
        out += "word" + std::to_string(i) + (i % 40 == 39 ? "\n" : " ");
    }
    out.resize(n_bytes, 'x');
    return out;
}

void paste(Rig& r, const std::string& text) {
    ImGui::SetClipboardText(text.c_str());
    r.play("key Ctrl+V\nwait frames 3\n");
}

std::string typed(Rig& r) {
    return ui::typed_text(r.view().composer);
}

}  // namespace

// Bug: an empty field had room for 8 KB, and a longer text was thrown away after what was marked.
TEST_CASE("a long text is pasted whole, in place of what is marked") {
    Rig r(1280, 800);
    r.play("wait ready\nclick composer.text\n");
    const std::string text = words(200 * 1000);
    paste(r, text);
    CHECK(typed(r) == text);
    r.play("key Ctrl+A\n");
    paste(r, words(9000));
    CHECK(typed(r) == words(9000));
    r.play("key End\ntype !\nwait frames 2\n");
    CHECK(typed(r) == words(9000) + "!");
}

TEST_CASE("what would be more than 1 MiB is refused with words, and nothing is lost") {
    Rig r(1280, 800);
    r.play("wait ready\nclick composer.text\n");
    const std::string most = words(size_t{1} << 20);
    paste(r, most);
    REQUIRE(typed(r) == most);
    r.play("type x\nwait frames 2\nexpect Not taken\n");
    CHECK(typed(r) == most);
    r.play("key Ctrl+A\n");
    paste(r, most + "more");
    CHECK(typed(r) == most);  // what was marked too
    r.play("expect 1.0 MiB\nkey Ctrl+A\nkey Backspace\nwait frames 2\n");
    CHECK(typed(r).empty());
    // A message that is longer already is edited as it is, and may become shorter.
    r.play("key Escape\nwait frames 3\n");
    ui::set_text(r.view().composer, most + "more");
    r.play("wait frames 2\nclick composer.text\nkey Ctrl+End\nkey Backspace\nwait frames 3\n");
    CHECK(typed(r).size() == most.size() + 3);
}

// Bug: whatever stood in a line was cut to 2,047 bytes in every frame.
TEST_CASE("a long line is drawn without being cut, and pasted whole") {
    Rig r(1280, 800);
    const std::string path = "/" + std::string(3000, 'd') + "/model.gguf";
    r.view().path_field = path;
    r.play("wait ready\nkey Ctrl+O\nwait frames 3\n");
    CHECK(r.view().path_field.size() == path.size());
    r.play("click open.path\nkey Ctrl+A\n");
    paste(r, path + "5");
    CHECK((r.view().path_field == path + "5"));
}

// Bug: the breaks that a narrow field sets came along and were the user's own when pasted.
TEST_CASE("what is copied or cut and pasted again is what was typed") {
    Rig r(1280, 800);
    r.play("wait ready\nclick composer.text\n");
    std::string text;
    for (int i = 0; i < 81; ++i) {
        text += (i == 0 ? "w" : " w") + std::to_string(1000 + i);
    }
    paste(r, text);
    REQUIRE(ui::line_count(r.view().composer) > 3);
    r.play("key Ctrl+A\nkey Ctrl+C\nwait frames 2\n");
    CHECK(ImGui::GetClipboardText() == text);
    r.play("key Ctrl+A\nkey Ctrl+X\nwait frames 2\n");
    CHECK(typed(r).empty());
    r.play("key Ctrl+V\nwait frames 3\n");
    CHECK(typed(r) == text);
}

// Bug: they took one half of the break, and the other was typed or did nothing.
TEST_CASE("Backspace and Delete beside a soft break delete the character beyond it") {
    Rig r(1280, 800);
    r.play("wait ready\nclick composer.text\n");
    std::string text;
    for (int i = 0; i < 40; ++i) {
        text += (i == 0 ? "w" : " w") + std::to_string(1000 + i);
    }
    for (const char* keys : {"key Ctrl+Home\nkey End\nkey Backspace\n",
                             "key Ctrl+Home\nkey Down\nkey Home\nkey Backspace\n"}) {
        INFO(keys);
        paste(r, text);
        const size_t line = r.view().composer.buffer.find("\r\n");
        REQUIRE(line != std::string::npos);
        r.play(std::string(keys) + "wait frames 2\n");
        CHECK(typed(r) == std::string(text).erase(line - 1, 1));
        r.play("key Ctrl+A\nkey Backspace\nwait frames 2\n");
    }
    paste(r, text);
    const size_t line = r.view().composer.buffer.find("\r\n");
    r.play("key Ctrl+Home\nkey End\nkey Delete\nwait frames 2\n");
    CHECK(typed(r) == std::string(text).erase(line, 1));
}

// Bug: what was typed in the two frames after Enter was lost, and letters were commands: "Te" after
// a message opened the export dialog.
TEST_CASE("what is typed right after Enter stays in the field, and is no command") {
    Rig r(1440, 900);
    r.play("wait ready\nclick composer.text\ntype What\nwait frames 3\n");
    // Enter and a letter a frame, as a keyboard sends them.
    const auto frame = [&r](ImGuiKey key, const char* text) {
        ImGui::GetIO().AddKeyEvent(key, true);
        ImGui::GetIO().AddInputCharactersUTF8(text);
        ImGui::GetIO().AddKeyEvent(key, false);
        r.play("wait frames 1\n");
    };
    const auto type_see = [&frame] {
        frame(ImGuiKey_Enter, "");
        for (const auto& [key, text] : {std::pair(ImGuiKey_T, "t"), std::pair(ImGuiKey_E, "e"),
                                        std::pair(ImGuiKey_L, "l"), std::pair(ImGuiKey_E, "e")}) {
            frame(key, text);
        }
    };
    type_see();  // on the start page
    r.play("wait frames 8\nrefute Export a view\n");
    CHECK(typed(r) == "tele");
    r.play("wait idle\n");
    type_see();
    r.play("wait frames 8\nrefute Export a view\nwait idle\n");
    CHECK(typed(r) == "tele");
    CHECK(r.state().chat().size() == 4);
    r.play("key End\ntype !\nwait frames 3\n");
    CHECK(typed(r) == "tele!");
}
