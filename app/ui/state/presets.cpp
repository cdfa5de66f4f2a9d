#include "app/ui/state/presets.h"

#include <algorithm>
#include <exception>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "app/ui/state/ui_state.h"
#include "app/ui/widgets/format.h"

namespace app::ui {

using json = nlohmann::json;

bool same_sampling(const model::SamplingParams& a, const model::SamplingParams& b) {
    const auto fields = model::sampling_fields();
    return a.llama_cpp_order == b.llama_cpp_order &&
           std::all_of(fields.begin(), fields.end(), [&](const model::SamplingField& field) {
               return model::field_value(a, field) == model::field_value(b, field);
           });
}

bool Preset::operator==(const Preset& other) const {
    return name == other.name && source == other.source && same_sampling(sampling, other.sampling);
}

const Preset* matching_preset(const std::vector<Preset>& presets,
                              const model::SamplingParams& sampling) {
    const auto it = std::find_if(presets.begin(), presets.end(), [&](const Preset& preset) {
        return same_sampling(preset.sampling, sampling);
    });
    return it == presets.end() ? nullptr : &*it;
}

namespace {

auto find_name(std::vector<Preset>& presets, const std::string& name) {
    return std::find_if(presets.begin(), presets.end(),
                        [&](const Preset& preset) { return preset.name == name; });
}

}  // namespace

bool save_preset(std::vector<Preset>& presets, std::string_view name,
                 const model::SamplingParams& sampling) {
    const std::string wanted = trimmed(name);
    if (wanted.empty()) {
        return false;
    }
    const auto it = find_name(presets, wanted);
    Preset& preset = it != presets.end() ? *it : presets.emplace_back();
    preset.name = wanted;
    preset.sampling = sampling;
    preset.sampling.seed = 0;
    return true;
}

bool rename_preset(std::vector<Preset>& presets, size_t index, std::string_view name) {
    const std::string wanted = trimmed(name);
    const auto it = find_name(presets, wanted);
    if (wanted.empty() || (it != presets.end() && size_t(it - presets.begin()) != index)) {
        return false;
    }
    presets[index].name = wanted;
    return true;
}

std::string preset_to_json(const Preset& preset) {
    json j = json::parse(preset.source, nullptr, false);
    if (!j.is_object()) {
        j = json::object();
    }
    j["name"] = preset.name;
    for (const model::SamplingField& field : model::sampling_fields()) {
        const double value = model::field_value(preset.sampling, field);
        if (field.integer) {
            j[std::string(field.name)] = int64_t(value);
        } else {
            // The shortest digits that are this float again: 0.95, not 0.949999988.
            j[std::string(field.name)] = json::parse(fmt::format("{}", float(value)));
        }
    }
    j["llama_cpp_order"] = preset.sampling.llama_cpp_order;
    return j.dump(2, ' ', false, json::error_handler_t::replace);
}

std::optional<Preset> preset_from_json(std::string_view text, std::string& problem) {
    const json j = json::parse(text, nullptr, false);
    const auto name = j.is_object() ? j.find("name") : json::const_iterator();
    if (!j.is_object() || name == j.end() || !name->is_string() ||
        trimmed(name->get<std::string>()).empty()) {
        problem = "A preset is a JSON object with a \"name\".";
        return std::nullopt;
    }
    Preset preset;
    preset.name = one_line(trimmed(name->get<std::string>()), 60);
    preset.source = std::string(text);
    try {
        for (const model::SamplingField& field : model::sampling_fields()) {
            const auto it = j.find(std::string(field.name));
            if (it != j.end() && it->is_number()) {
                model::set_field(preset.sampling, field, it->get<double>());
            }
        }
    } catch (const std::exception& error) {
        problem = error.what();
        return std::nullopt;
    }
    const auto order = j.find("llama_cpp_order");
    preset.sampling.llama_cpp_order = order != j.end() && order->is_boolean() && *order;
    return preset;
}

namespace {

/// The last answer of the visible path that the model wrote.
const Message* last_answer(const UiState& state) {
    const NodeId id = state.chat().last(model::Role::model);
    const Message* m = id == kNoNode ? nullptr : &state.chat().at(id);
    return m != nullptr && m->sampling.seed != 0 ? m : nullptr;
}

}  // namespace

/// To another chat, or to another model.
void ChatSampling::turn(UiState& state) {
    const bool first = !chat_.has_value();
    const bool other_chat = !first && *chat_ != state.current_chat;
    if (std::exchange(unsaved_, false) && !first && *chat_ < state.chats.size()) {
        state.file.saver.chat_changed(state.chats[*chat_]);
    }
    const ChatInfo& info = state.chat().info;
    chat_ = state.current_chat;
    model_ = state.model;
    if (info.sampling) {
        state.sampling = *info.sampling;
    }
    const bool empty = state.chat().empty() && info.content == ChatContent::here;
    taken_ = info.sampling.has_value() || !other_chat || empty;
    seen_ = state.sampling;
}

void ChatSampling::follow(UiState& state) {
    if (!state.ready()) {
        return;
    }
    if (chat_ != state.current_chat || model_ != state.model) {
        turn(state);
    }
    if (!taken_) {  // its messages may come later than the chat
        if (const Message* m = last_answer(state)) {
            state.sampling = seen_ = m->sampling;
            taken_ = true;
        }
        return;
    }
    ChatInfo& info = state.chat().info;
    const bool begun = !info.sampling && !state.chat().empty();
    const bool changed = !same_sampling(state.sampling, seen_);
    if (begun || changed) {
        seen_ = state.sampling;
        info.sampling = seen_;
        info.sampling->seed = 0;
        unsaved_ = true;
    } else if (unsaved_) {  // once it is at rest: a slider that is dragged writes nothing
        unsaved_ = false;
        state.file.saver.chat_changed(state.chat());
    }
}

}  // namespace app::ui
