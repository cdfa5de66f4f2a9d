#include "app/ui/actions.h"

#include <imgui_internal.h>

#include <algorithm>
#include <sstream>

#include "app/ui/widgets/format.h"
#include "app/ui/widgets/keys.h"

namespace app::ui {

std::span<const Action> actions() {
    static const std::vector<Action> all = [] {
        std::vector<Action> out;
        for (const auto part :
             {chat_actions(), view_actions(), inspector_actions(), heads_actions()}) {
            out.insert(out.end(), part.begin(), part.end());
        }
        return out;
    }();
    return all;
}

const Action* find_action(std::string_view id) {
    const auto all = actions();
    const auto it =
        std::find_if(all.begin(), all.end(), [&](const Action& a) { return a.id == id; });
    return it == all.end() ? nullptr : &*it;
}

bool is_enabled(const Panel& p, const Action& action) {
    return action.enabled == nullptr || action.enabled(p);
}

bool run_action(Panel& p, const Action& action) {
    if (!is_enabled(p, action)) {
        return false;
    }
    p.view.last_action = action.id;
    action.run(p);
    return true;
}

namespace {

/// Exactly this chord; modifiers that it does not name must be up. Chords with Ctrl that work
/// anywhere are taken from whoever has the keyboard.
bool pressed(ImGuiKeyChord chord, Where where, bool repeats) {
    const auto key = ImGuiKey(chord & ~ImGuiMod_Mask_);
    if (where == Where::anywhere && (chord & (ImGuiMod_Ctrl | ImGuiMod_Alt)) != 0) {
        const ImGuiInputFlags flags = ImGuiInputFlags_RouteGlobal | ImGuiInputFlags_RouteOverActive;
        return ImGui::Shortcut(chord, repeats ? flags | ImGuiInputFlags_Repeat : flags);
    }
    const ImGuiKeyChord mods = ImGui::GetIO().KeyMods;
    // Signs such as "+" need Shift on some keyboards.
    const bool sign = key >= ImGuiKey_Apostrophe && key <= ImGuiKey_GraveAccent;
    const ImGuiKeyChord counted = sign ? mods & ~ImGuiMod_Shift : mods;
    return counted == (chord & ImGuiMod_Mask_) && ImGui::IsKeyPressed(key, repeats);
}

bool has_keyboard(const Panel& p, Where where) {
    // The second: a field that was given the keyboard has it from the next frame on.
    const bool field = ImGui::GetIO().WantTextInput || !p.gui.typed_in.empty();
    const bool inspector = p.view.inspector_on() && !p.state.chat().empty() && !p.state.loading();
    return where == Where::anywhere || (!field && (where == Where::no_field || inspector));
}

struct Bound {
    const Action* action;
    std::vector<ImGuiKeyChord> chords;
};

const std::vector<Bound>& bindings() {
    static const std::vector<Bound> all = [] {
        std::vector<Bound> out;
        for (const Action& action : actions()) {
            Bound bound{&action, {}};
            for (const std::string& name : chord_names(action.keys)) {
                bound.chords.push_back(parse_chord(name).value_or(0));
            }
            out.push_back(std::move(bound));
        }
        return out;
    }();
    return all;
}

}  // namespace

void run_pressed_actions(Panel& p) {
    if (ImGui::IsPopupOpen(nullptr, ImGuiPopupFlags_AnyPopupId | ImGuiPopupFlags_AnyPopupLevel)) {
        return;
    }
    const bool walks =
        has_keyboard(p, Where::inspector) && !ImGui::GetIO().KeyCtrl && !ImGui::GetIO().KeyAlt;
    if (walks) {  // arrows walk the selection; focus moves with Tab
        for (const ImGuiKey key : {ImGuiKey_LeftArrow, ImGuiKey_RightArrow, ImGuiKey_UpArrow,
                                   ImGuiKey_DownArrow, ImGuiKey_Home, ImGuiKey_End}) {
            ImGui::SetKeyOwner(key, ImGui::GetID("selection keys"));
        }
    }
    for (const Bound& bound : bindings()) {
        const Action& action = *bound.action;
        if (!has_keyboard(p, action.where)) {
            continue;  // asking for the chord would take it from the text field
        }
        const bool hit = std::any_of(bound.chords.begin(), bound.chords.end(), [&](auto chord) {
            return pressed(chord, action.where, action.repeats);
        });
        if (hit && run_action(p, action)) {
            return;  // one key, one effect
        }
    }
}

std::string action_keys(std::string_view id) {
    const Action* action = find_action(id);
    return action == nullptr ? std::string() : chord_face(chord_names(action->keys).front());
}

std::vector<const Action*> search_actions(std::string_view query) {
    std::vector<std::string> words;
    std::istringstream in{std::string(query)};
    for (std::string word; in >> word;) {
        words.push_back(word);
    }
    std::vector<std::pair<int, const Action*>> found;
    for (const Action& action : actions()) {
        if (!action.in_palette) {
            continue;
        }
        int score = 0;
        for (const std::string& word : words) {
            const std::string_view title = action.title;
            const bool begins = contains_folded(title.substr(0, word.size()), word);
            const bool inside = contains_folded(title, word);
            const bool about =
                contains_folded(action.group, word) || contains_folded(action.id, word);
            score += begins ? 4 : inside ? 2 : about ? 1 : -1000;
        }
        if (score >= 0) {
            found.push_back({score, &action});
        }
    }
    std::stable_sort(found.begin(), found.end(),
                     [](const auto& a, const auto& b) { return a.first > b.first; });
    std::vector<const Action*> out;
    for (const auto& [score, action] : found) {
        out.push_back(action);
    }
    return out;
}

}  // namespace app::ui
