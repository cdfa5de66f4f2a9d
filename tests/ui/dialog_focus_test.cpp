// Who has the keyboard once a dialog or a menu is closed: whoever had it before.
#include "tests/support/catch.h"

#include "app/ui/text/text_field.h"
#include "tests/support/temp_dir.h"
#include "tests/ui/rig.h"

using namespace app::ui;
using test::Rig;

namespace {

const char* const kKeys[] = {"Ctrl+O",       "F1",     "Ctrl+K",       "Ctrl+Comma",
                             "Ctrl+S",       "Ctrl+T", "Ctrl+Shift+E", "Ctrl+Shift+B",
                             "Ctrl+Shift+Y", "Ctrl+M", "Ctrl+Shift+G", "Ctrl+Shift+S",
                             "Ctrl+Shift+K"};

std::string opened_and_closed(const std::string& key) {
    return "key " + key + "\nwait frames 4\nkey Escape\nwait frames 4\n";
}

bool popup_open() {
    return ImGui::IsPopupOpen(nullptr, ImGuiPopupFlags_AnyPopupId | ImGuiPopupFlags_AnyPopupLevel);
}

}  // namespace

// After the export dialog keys went into the message box.
TEST_CASE("after a dialog that keys have opened, keys are keys") {
    Rig r;
    r.play("wait ready\nsend What is it\nwait idle\nkey Escape\nwait frames 4\n");
    REQUIRE_FALSE(ImGui::GetIO().WantTextInput);
    std::vector<std::string> keys(std::begin(kKeys), std::end(kKeys));
    keys.emplace_back("E");
    for (const std::string& key : keys) {
        INFO(key);
        r.play("key " + key + "\nwait frames 4\n");
        REQUIRE(popup_open());
        r.play("key Escape\nwait frames 4\n");
        REQUIRE_FALSE(popup_open());
        r.play("key 2\nwait frames 2\n");
        CHECK(r.view().tab == Tab::attention);
        r.play("key 1\nwait frames 2\n");
        CHECK(r.view().tab == Tab::overview);
        CHECK(r.view().composer.buffer.empty());
    }
}

TEST_CASE("after a dialog that was opened while a message was being written, it goes on") {
    Rig r;
    r.play("wait ready\nsend What is it\nwait idle\nkey Ctrl+L\nwait frames 4\n");
    std::string written;
    for (const char* const key : kKeys) {
        INFO(key);
        r.play(opened_and_closed(key) + "type ab\nwait frames 2\n");
        written += "ab";
        CHECK(typed_text(r.view().composer) == written);
    }
}

TEST_CASE("after a dialog the search for chats goes on, and a command may take the keyboard") {
    Rig r;
    r.play("wait ready\nsend What is it\nwait idle\nkey Ctrl+F\nwait frames 4\ntype ab\n" +
           opened_and_closed("F1") + "key End\ntype cd\nwait frames 2\n");
    CHECK(r.view().chat_list.search == "abcd");
    // From the message box a command of the palette leads into another field.
    r.play(
        "tab 3\nkey Ctrl+L\nwait frames 4\nkey Ctrl+K\nwait frames 4\ntype vocabulary\nwait frames "
        "2\n"
        "key Enter\nwait frames 4\ntype is\nwait frames 2\n");
    CHECK(r.view().search == "is");
    CHECK(r.view().composer.buffer.empty());
}

// Once an option had been clicked, Enter did nothing in the export dialog.
TEST_CASE("Enter presses a dialog's primary button wherever no text field has the keyboard") {
    const support::TempDir dir;
    Rig r;
    r.play("wait ready\nsend What is it\nwait idle\nkey Escape\nwait frames 4\n");
    r.view().exporting.path = (dir.path() / "x.png").string();
    r.play(
        "key E\nwait frames 4\nclick export.format.CSV\nwait frames 4\nkey Enter\nwait frames "
        "4\nrefute Export a view\n");
    CHECK(std::filesystem::exists(dir.path() / "lapidary-matrix.csv"));
    // From the field it is pressed once, as before.
    r.play("key E\nwait frames 4\nkey Enter\nwait frames 4\nrefute Export a view\n");
    CHECK(std::filesystem::exists(dir.path() / "lapidary-matrix-2.csv"));
    // A button that Tab has chosen is what Enter presses.
    r.play("key E\nwait frames 4\nkey Shift+Tab\nkey Shift+Tab\nwait frames 4\nkey Enter\n");
    CHECK_FALSE(std::filesystem::exists(dir.path() / "lapidary-matrix-3.csv"));
    r.play("key Escape\nwait frames 4\n");
    r.view().path_field = "/nowhere/at/all.gguf";
    r.play(
        "key Ctrl+O\nwait frames 4\ndrag open.go -300 0\nwait frames 4\nrefute There is no "
        "such\nkey Enter\nwait frames 4\nexpect There is no such file or folder.\n");
}
