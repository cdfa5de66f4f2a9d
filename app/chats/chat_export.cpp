#include "app/chats/chat_export.h"

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <map>
#include <system_error>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "app/output_file.h"

namespace app {

using json = nlohmann::json;

namespace {

constexpr const char* kFormat = "lapidary-chat";

std::string title_of(const StoredChat& chat) {
    return chat.name.empty() ? chat.title : chat.name;
}

const char* role_name(model::Role role) {
    return role == model::Role::model ? "model" : "user";
}

/// The visible ones, first to last.
std::vector<const StoredMessage*> visible(const LoadedChat& chat) {
    std::map<MessageId, std::vector<const StoredMessage*>> children;
    for (const StoredMessage& m : chat.messages) {
        children[m.parent].push_back(&m);
    }
    std::vector<const StoredMessage*> out;
    MessageId parent = 0, shown = chat.chat.shown;
    while (out.size() < chat.messages.size()) {
        const auto level = children.find(parent);
        if (level == children.end()) {
            break;
        }
        const auto& all = level->second;
        const auto it = std::find_if(all.begin(), all.end(),
                                     [&](const StoredMessage* m) { return m->id == shown; });
        out.push_back(it != all.end() ? *it : all.back());
        parent = out.back()->id;
        shown = out.back()->shown;
    }
    return out;
}

/// What stands under an answer.
std::string figures(const AnswerFacts& f) {
    std::string out;
    const auto add = [&](const std::string& part) { out += (out.empty() ? "" : ", ") + part; };
    if (f.edited) {
        add("edited by the user");
    }
    if (f.n_dropped_turns > 0) {
        add(fmt::format("without the oldest {} messages", f.n_dropped_turns));
    }
    if (f.stats.predicted_n > 0) {
        add(fmt::format("{} tokens", f.stats.predicted_n));
        add(fmt::format("seed {}, temperature {:g}, top-k {}, top-p {:g}", f.sampling.seed,
                        double(f.sampling.temperature), f.sampling.top_k,
                        double(f.sampling.top_p)));
    }
    if (!f.error.empty()) {
        add("failed: " + f.error);
    }
    return out;
}

}  // namespace

std::string chat_markdown(const LoadedChat& chat) {
    std::string out = "# " + title_of(chat.chat) + "\n";
    if (!chat.chat.system.empty()) {
        out += "\n## System prompt\n\n" + chat.chat.system + "\n";
    }
    for (const StoredMessage* m : visible(chat)) {
        const bool answer = m->role == model::Role::model;
        const std::string name = m->facts.model_name.empty() ? "Gemma" : m->facts.model_name;
        const std::string head = m->facts.given ? "Text, read by " + name : answer ? name : "You";
        out += fmt::format("\n## {}\n\n{}\n", head, m->text);
        if (const std::string below = answer ? figures(m->facts) : ""; !below.empty()) {
            out += "\n*" + below + "*\n";
        }
    }
    return out;
}

std::string chat_json(const LoadedChat& chat) {
    json messages = json::array();
    for (const StoredMessage& m : chat.messages) {
        json j = {{"id", m.id},
                  {"parent", m.parent},
                  {"role", role_name(m.role)},
                  {"text", m.text},
                  {"shown", m.shown}};
        if (m.role == model::Role::model) {
            j["answer"] = json::parse(to_json(m.facts), nullptr, false);
        }
        messages.push_back(std::move(j));
    }
    const json all = {{"format", kFormat},
                      {"version", 1},
                      {"title", title_of(chat.chat)},
                      {"system", chat.chat.system},
                      {"shown", chat.chat.shown},
                      {"messages", std::move(messages)}};
    return all.dump(2, ' ', false, json::error_handler_t::replace) + "\n";
}

namespace {

/// A whole number from 0 that is a member of j; false when it is none.
bool take_id(const json& j, const char* name, MessageId& id) {
    const auto it = j.find(name);
    if (it == j.end() || !it->is_number_unsigned() || it->get<uint64_t>() > INT64_MAX) {
        return false;
    }
    id = MessageId(it->get<uint64_t>());
    return true;
}

bool take_text(const json& j, const char* name, std::string& text) {
    const auto it = j.find(name);
    if (it == j.end() || !it->is_string()) {
        return false;
    }
    text = it->get<std::string>();
    return true;
}

/// Empty: it was taken.
std::string take_message(const json& j, const std::map<MessageId, bool>& known, StoredMessage& m) {
    std::string role;
    if (!j.is_object() || !take_id(j, "id", m.id) || m.id == 0 || known.contains(m.id)) {
        return "has no id of its own";
    }
    if (!take_id(j, "parent", m.parent) || (m.parent != 0 && !known.contains(m.parent))) {
        return "has no parent before it";
    }
    if (!take_text(j, "role", role) || (role != "user" && role != "model")) {
        return "has no role 'user' or 'model'";
    }
    if (!take_text(j, "text", m.text)) {
        return "has no text";
    }
    m.role = role == "model" ? model::Role::model : model::Role::user;
    take_id(j, "shown", m.shown);
    if (const auto it = j.find("answer"); it != j.end() && it->is_object()) {
        json flat = *it;  // only the members that are known are looked at, none of them deep
        m.facts = answer_facts(flat.dump(-1, ' ', false, json::error_handler_t::replace));
    }
    m.state = m.facts.error.empty() ? StoredState::complete : StoredState::failed;
    return {};
}

}  // namespace

static bool small_enough(uint64_t n_bytes, std::string& problem) {
    problem.clear();
    if (n_bytes > kMostChatBytes) {
        problem =
            fmt::format("a chat has at most {} bytes, this file has {}", kMostChatBytes, n_bytes);
    }
    return problem.empty();
}

bool read_chat_file(const std::string& path, LoadedChat& chat, std::string& problem) {
    std::error_code error;
    const uint64_t n_bytes = std::filesystem::file_size(path, error);
    if (error) {
        problem = "it cannot be read: " + error.message();
        return false;
    }
    if (!small_enough(n_bytes, problem)) {
        return false;
    }
    std::ifstream in(path, std::ios::binary);
    std::string text(size_t(n_bytes), '\0');
    in.read(text.data(), std::streamsize(text.size()));
    if (in.gcount() != std::streamsize(text.size())) {
        problem = "it cannot be read";
        return false;
    }
    return read_chat_json(text, chat, problem);
}

bool read_chat_json(std::string_view text, LoadedChat& chat, std::string& problem) {
    if (!small_enough(text.size(), problem)) {
        return false;
    }
    // Dumping a part of it recurses, so what is nested too deep is refused before it is kept.
    bool deep = false;
    const json j = json::parse(
        text,
        [&](int depth, json::parse_event_t, json&) {
            deep = deep || depth > 16;
            return !deep;
        },
        false);
    std::string format;
    if (deep || !j.is_object() || !take_text(j, "format", format) || format != kFormat) {
        problem = "this is no chat that Lapidary has written";
        return false;
    }
    const auto version = j.find("version");
    if (version == j.end() || *version != 1) {
        problem = "this chat was written by a newer Lapidary";
        return false;
    }
    chat = {};
    take_text(j, "title", chat.chat.name);
    take_text(j, "system", chat.chat.system);
    take_id(j, "shown", chat.chat.shown);
    const auto messages = j.find("messages");
    if (messages == j.end() || !messages->is_array()) {
        problem = "this chat has no list of messages";
        return false;
    }
    if (messages->size() > kMostChatMessages) {
        problem = fmt::format("a chat has at most {} messages, this one has {}", kMostChatMessages,
                              messages->size());
        return false;
    }
    std::map<MessageId, bool> known;
    for (const json& one : *messages) {
        StoredMessage m;
        if (const std::string why = take_message(one, known, m); !why.empty()) {
            problem = fmt::format("message {} {}", known.size() + 1, why);
            return false;
        }
        known[m.id] = true;
        chat.messages.push_back(std::move(m));
    }
    return true;
}

namespace {

constexpr std::string_view kEllipsis = "…";

/// Bytes of U+2000 to U+206F at `at`, such as a dash, a quotation mark or the ellipsis; 0: none.
size_t punctuation_at(std::string_view text, size_t at) {
    const bool there = text.size() - at >= 3 && text[at] == '\xE2' &&
                       (text[at + 1] == '\x80' || text[at + 1] == '\x81');
    return there ? 3 : 0;
}

/// No more than `most` bytes, ended at a word where there is one; `inside`: the end is a part of
/// one.
void cut_at_word(std::string& name, size_t most, bool inside) {
    if (name.size() > most) {
        inside = name[most] != ' ';
        size_t end = most;
        while (end > 0 && (static_cast<unsigned char>(name[end]) & 0xC0) == 0x80) {
            --end;
        }
        name.resize(end);
    }
    name.resize(name.find_last_not_of(' ') + 1);
    const size_t space = name.rfind(' ');
    if (inside && space != std::string::npos) {
        name.resize(space);
    }
    name.resize(name.find_last_not_of(" -") + 1);
}

}  // namespace

std::string chat_file_name(const std::string& title) {
    std::string out;
    for (size_t i = 0; i < title.size(); ++i) {
        const auto b = static_cast<unsigned char>(title[i]);
        const size_t sign = punctuation_at(title, i);
        if (sign == 0 && (std::isalnum(b) != 0 || b >= 0x80 || b == '-' || b == '_')) {
            out += title[i];
        } else if (!out.empty() && out.back() != ' ') {
            out += ' ';
        }
        i += sign == 0 ? 0 : sign - 1;
    }
    out.erase(0, std::min(out.find_first_not_of(" -"), out.size()));
    // A title that was cut ends in an ellipsis, within a word unless a space stands before it.
    const bool cut = title.ends_with(kEllipsis);
    const size_t before = title.size() - std::min(title.size(), kEllipsis.size() + 1);
    cut_at_word(out, 60, cut && title[before] != ' ');
    return out.empty() ? "chat" : out;
}

std::string write_new_file(const std::string& path, std::string_view text) {
    ReplacedFile file(path, Existing::kept);
    if (file.file() != nullptr &&
        std::fwrite(text.data(), 1, text.size(), file.file()) == text.size() && file.commit()) {
        return {};
    }
    const int error = errno;
    return error == EEXIST
               ? fmt::format("there is a file '{}' already", path)
               : fmt::format("'{}' could not be written: {}", path, std::strerror(error));
}

}  // namespace app
