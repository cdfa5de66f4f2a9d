// Who has the keyboard once a dialog or a menu is closed: whoever had it before.
#include "tests/support/catch.h"

#include "app/ui/text/text_field.h"
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
