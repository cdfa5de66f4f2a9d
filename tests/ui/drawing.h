// Drawing: frames of the window for a state that a test holds itself; no device, no engine.
#pragma once

#include <imgui.h>

#include <string>

#include "app/ui/state/ui_state.h"
#include "app/ui/ui.h"
#include "tests/support/catch.h"

namespace test {

struct Drawing {
    ImGuiContext* context = ImGui::CreateContext();
    app::ui::Ui ui;
    int n_frames = 0;

    Drawing() {
        ImGui::SetCurrentContext(context);
        ImGuiIO& io = ImGui::GetIO();
        io.IniFilename = io.LogFilename = nullptr;
        io.BackendFlags |= ImGuiBackendFlags_RendererHasTextures;
        io.DisplaySize = {1440, 900};
        io.DeltaTime = 1.0f / 60;
        std::string problem;
        if (!ui.load_fonts(problem)) {
            SKIP("nothing can be drawn here: " << problem);
        }
        ui.registry().record_texts = true;
    }
    ~Drawing() {
        ImGui::SetCurrentContext(context);
        for (ImTextureData* texture : ImGui::GetPlatformIO().Textures) {
            forget(texture);
        }
        ui.release();
        ImGui::DestroyContext(context);
    }
    Drawing(const Drawing&) = delete;
    Drawing& operator=(const Drawing&) = delete;

    void frame(app::ui::UiState& state) {
        ImGui::SetCurrentContext(context);
        ui.refresh_fonts();
        app::ui::new_frame();
        ui.draw(state);
        ImGui::Render();
        for (ImTextureData* texture : ImGui::GetPlatformIO().Textures) {
            if (texture->Status == ImTextureStatus_WantDestroy) {
                forget(texture);
            } else if (texture->Status != ImTextureStatus_Destroyed) {
                texture->SetTexID(1);
                texture->SetStatus(ImTextureStatus_OK);
            }
        }
        ++n_frames;
    }
    bool shows(const std::string& text) const {
        return const_cast<app::ui::Ui&>(ui).registry().has_text(text);
    }

private:
    static void forget(ImTextureData* texture) {
        texture->SetTexID(ImTextureID_Invalid);
        texture->SetStatus(ImTextureStatus_Destroyed);
    }
};

}  // namespace test
