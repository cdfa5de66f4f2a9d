// Presets: named sets of sampling parameters, kept in the settings as JSON; and which parameters
// each chat of this session draws with. Pure.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "model/sampler.h"

namespace app::ui {

class UiState;

/// The seed is no part of it: it belongs to an answer.
struct Preset {
    std::string name;
    model::SamplingParams sampling;
    std::string source;  // the JSON it was read from, for keys that this version does not know

    bool operator==(const Preset& other) const;
};

/// The same draw from the same seed.
bool same_sampling(const model::SamplingParams& a, const model::SamplingParams& b);
/// The preset with exactly these parameters; null: none.
const Preset* matching_preset(const std::vector<Preset>& presets,
                              const model::SamplingParams& sampling);
/// Under this name, over one that has it already. The name is trimmed; an empty one is refused.
bool save_preset(std::vector<Preset>& presets, std::string_view name,
                 const model::SamplingParams& sampling);
/// Refuses an empty name and one that another preset has.
bool rename_preset(std::vector<Preset>& presets, size_t index, std::string_view name);

/// One object: {"name": "Poems", "temperature": 1.2, ...}.
std::string preset_to_json(const Preset& preset);
/// Nothing and a sentence where it is none. What is missing keeps its default; a value out of its
/// range is refused.
std::optional<Preset> preset_from_json(std::string_view text, std::string& problem);

/// Each chat draws with parameters of its own, kept with it in the chats' file; one of an older
/// file with those of its last answer. A new chat begins with those in use.
class ChatSampling {
public:
    /// Once a frame, and when the open chat may have changed.
    void follow(UiState& state);

private:
    void turn(UiState& state);

    std::optional<size_t> chat_;
    // Another one brings its own defaults. Kept, so that none comes to lie where it was.
    std::shared_ptr<const void> model_;
    model::SamplingParams seen_;
    bool taken_ = true;  // from the chat, or from its last answer
    bool unsaved_ = false;
};

}  // namespace app::ui
