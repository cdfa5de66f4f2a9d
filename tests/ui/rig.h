// Rig: the whole window off the screen with a fake engine behind it, for script tests.
#pragma once

#include <memory>
#include <string>
#include <utility>

#include <imgui.h>

#include "app/ui/window/offscreen.h"
#include "tests/support/catch.h"
#include "tests/support/fake_engine.h"

namespace test {

struct Rig {
    FakeEngine engine;
    std::unique_ptr<app::ui::Offscreen> screen;

    explicit Rig(int width = 1440, int height = 900, FakeOptions options = {},
                 const app::ui::StartOptions& start = {})
        : engine(std::move(options)) {
        try {
            screen = std::make_unique<app::ui::Offscreen>(engine, start, width, height);
        } catch (const app::ui::WindowError& error) {
            SKIP("no picture can be drawn here: " << error.what());
        }
        screen->registry().record_texts = true;
    }
    /// The script must end well.
    void play(const std::string& script) {
        std::string error;
        const bool ok = screen->play(script, error);
        INFO(error);
        REQUIRE(ok);
    }
    app::ui::UiState& state() { return screen->app().state; }
    app::ui::View& view() { return screen->app().ui.view; }
    const app::ui::Registry& registry() { return screen->registry(); }
    std::string clipboard() {
        const char* text = ImGui::GetClipboardText();
        return text == nullptr ? std::string() : text;
    }
};

}  // namespace test
