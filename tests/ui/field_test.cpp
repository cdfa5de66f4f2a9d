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
