#include "app/ui/widgets/keys.h"

#include <imgui.h>

#include <algorithm>
#include <array>
#include <utility>

namespace app::ui {

namespace {

using Named = std::pair<std::string_view, ImGuiKey>;

constexpr std::array<Named, 11> kShort{{{"Esc", ImGuiKey_Escape},
                                        {"Left", ImGuiKey_LeftArrow},
                                        {"Right", ImGuiKey_RightArrow},
                                        {"Up", ImGuiKey_UpArrow},
                                        {"Down", ImGuiKey_DownArrow},
                                        {"+", ImGuiKey_Equal},
                                        {"-", ImGuiKey_Minus},
                                        {"[", ImGuiKey_LeftBracket},
                                        {"]", ImGuiKey_RightBracket},
                                        {",", ImGuiKey_Comma},
                                        {"/", ImGuiKey_Slash}}};

std::optional<ImGuiKey> key_of(std::string_view name) {
    for (int k = ImGuiKey_NamedKey_BEGIN; k < ImGuiKey_NamedKey_END; ++k) {
        if (name == ImGui::GetKeyName(ImGuiKey(k))) {
            return ImGuiKey(k);
        }
    }
    const auto it = std::find_if(kShort.begin(), kShort.end(),
                                 [&](const Named& named) { return named.first == name; });
    return it == kShort.end() ? std::nullopt : std::optional(it->second);
}

/// "Ctrl+Shift++" -> Ctrl, Shift, +.
std::vector<std::string_view> parts(std::string_view text) {
    std::vector<std::string_view> out;
    while (!text.empty()) {
        const size_t plus = text.size() > 1 ? text.find('+', 1) : std::string_view::npos;
        out.push_back(text.substr(0, plus));
        text = plus == std::string_view::npos ? std::string_view{} : text.substr(plus + 1);
    }
    return out;
}

}  // namespace

std::optional<int> parse_chord(std::string_view text) {
    int chord = 0;
    for (const std::string_view name : parts(text)) {
        const ImGuiKey mod = name == "Ctrl"    ? ImGuiMod_Ctrl
                             : name == "Shift" ? ImGuiMod_Shift
                             : name == "Alt"   ? ImGuiMod_Alt
                                               : ImGuiKey_None;
        const auto key = mod != ImGuiKey_None ? std::optional(mod) : key_of(name);
        if (!key) {
            return std::nullopt;
        }
        chord |= *key;
    }
    return chord == 0 ? std::nullopt : std::optional(chord);
}

std::vector<std::string> chord_names(std::string_view keys) {
    std::vector<std::string> out;
    while (!keys.empty()) {
        const size_t bar = keys.find(" | ");
        out.emplace_back(keys.substr(0, bar));
        keys = bar == std::string_view::npos ? std::string_view{} : keys.substr(bar + 3);
    }
    return out;
}

std::string chord_face(std::string_view chord) {
    constexpr std::array<std::pair<std::string_view, std::string_view>, 16> kFaces{
        {{"LeftArrow", "←"},
         {"RightArrow", "→"},
         {"UpArrow", "↑"},
         {"DownArrow", "↓"},
         {"Equal", "+"},
         {"Minus", "−"},
         {"LeftBracket", "["},
         {"RightBracket", "]"},
         {"Comma", ","},
         {"Slash", "/"},
         {"Escape", "Esc"},
         {"KeypadAdd", "+"},
         {"KeypadSubtract", "−"},
         {"PageUp", "Page ↑"},
         {"PageDown", "Page ↓"},
         {"Delete", "Del"}}};
    std::string out;
    for (const std::string_view name : parts(chord)) {
        const auto it = std::find_if(kFaces.begin(), kFaces.end(),
                                     [&](const auto& face) { return face.first == name; });
        out += (out.empty() ? "" : " ") + std::string(it == kFaces.end() ? name : it->second);
    }
    return out;
}

}  // namespace app::ui
