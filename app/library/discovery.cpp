#include "app/library/discovery.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <filesystem>
#include <map>
#include <set>
#include <system_error>

#include <sys/stat.h>

#include "app/library/discovery_walk.h"
#include "gpu/base.h"
#include "model/file.h"
#include "model/json_reader.h"

namespace app {

namespace fs = std::filesystem;

const char* found_in_name(FoundIn where) {
    switch (where) {
        case FoundIn::own_folder:
            return "your folder";
        case FoundIn::hugging_face:
            return "Hugging Face";
        case FoundIn::ollama:
            return "Ollama";
        case FoundIn::lm_studio:
            return "LM Studio";
        case FoundIn::llama_cpp:
            return "llama.cpp";
    }
    return "";
}

SearchRoots search_roots(const std::vector<std::string>& own_folders,
                         const std::function<const char*(const char*)>& variable) {
    SearchRoots roots;
    const auto value = [&](const char* name) {
        const char* text = variable(name);
        return text == nullptr ? std::string() : std::string(text);
    };
    std::set<std::string> named;
    const auto add = [&](FoundIn where, const std::string& folder) {
        if (!folder.empty() && folder[0] == '/' && named.insert(folder).second) {
            roots.folders.emplace_back(where, folder);
        }
    };
    const std::string home = value("HOME");
    const auto at_home = [&](const char* below) { return home.empty() ? home : home + below; };
    const std::string cache =
        value("XDG_CACHE_HOME").empty() ? at_home("/.cache") : value("XDG_CACHE_HOME");
    for (const std::string& folder : own_folders) {
        const bool below_home = folder.starts_with("~/");
        add(FoundIn::own_folder, below_home ? at_home(folder.c_str() + 1) : folder);
    }
    add(FoundIn::hugging_face, value("HF_HUB_CACHE"));
    add(FoundIn::hugging_face, value("HF_HOME").empty() ? "" : value("HF_HOME") + "/hub");
    add(FoundIn::hugging_face, cache.empty() ? "" : cache + "/huggingface/hub");
    add(FoundIn::hugging_face, at_home("/.cache/huggingface/hub"));
    add(FoundIn::ollama, value("OLLAMA_MODELS"));
    add(FoundIn::ollama, at_home("/.ollama/models"));
    add(FoundIn::ollama, "/usr/share/ollama/.ollama/models");
    add(FoundIn::lm_studio, at_home("/.lmstudio/models"));
    add(FoundIn::lm_studio, at_home("/.cache/lm-studio/models"));
    add(FoundIn::llama_cpp, value("LLAMA_CACHE"));
    add(FoundIn::llama_cpp, at_home("/.cache/llama.cpp"));
    return roots;
}

namespace {

/// "models--google--gemma-3-1b-it" -> "google/gemma-3-1b-it"; empty: no model's folder.
std::string hub_name(const std::string& folder) {
    constexpr std::string_view kPrefix = "models--";
    if (!folder.starts_with(kPrefix)) {
        return {};
    }
    std::string name = folder.substr(kPrefix.size());
    const size_t at = name.find("--");
    return at == std::string::npos ? name : name.replace(at, 2, "/");
}

/// The snapshot that refs/main names, else the newest.
std::string snapshot_of(Walk& walk, const std::string& folder) {
    std::error_code ignored;
    std::string best;
    fs::file_time_type newest{};
    const std::string main = small_text(folder + "/refs/main", 256);
    const std::string commit = main.substr(0, main.find_last_not_of(" \r\n") + 1);
    for (const std::string& name : walk.entries(folder + "/snapshots")) {
        const std::string path = folder + "/snapshots/" + name;
        if (name == commit) {
            return path;
        }
        const fs::file_time_type time = fs::last_write_time(path, ignored);
        if (!ignored && (best.empty() || time > newest)) {
            newest = time;
            best = path;
        }
    }
    return best;
}

void search_hub(Walk& walk, const std::string& root) {
    for (const std::string& name : walk.entries(root)) {
        const std::string repository = hub_name(name);
        if (repository.empty()) {
            continue;
        }
        const std::string snapshot = snapshot_of(walk, root + "/" + name);
        if (!snapshot.empty()) {
            walk.folder(snapshot, FoundIn::hugging_face, repository, 2);
        }
    }
}

/// blobs/sha256-<64 hex digits> of the manifest's model layer; empty: it has none.
std::string model_blob(const std::string& root, const std::string& manifest) {
    try {
        const model::Json json = model::parse_json(small_text(manifest, 1 << 20), manifest);
        const model::Json* layers = json.find("layers");
        const model::Json::Array* list = layers != nullptr ? layers->array() : nullptr;
        for (const model::Json& layer : list != nullptr ? *list : model::Json::Array{}) {
            const model::Json* type = layer.find("mediaType");
            const model::Json* digest = layer.find("digest");
            const std::string* text = digest != nullptr ? digest->text() : nullptr;
            if (type == nullptr || text == nullptr || type->text() == nullptr ||
                *type->text() != "application/vnd.ollama.image.model") {
                continue;
            }
            // It becomes a path, so it is nothing but a hash.
            const bool hash = text->size() == 71 && text->starts_with("sha256:") &&
                              text->find_first_not_of("0123456789abcdef", 7) == std::string::npos;
            return hash ? root + "/blobs/sha256-" + text->substr(7) : std::string();
        }
    } catch (const base::Error&) {
        return {};  // no manifest
    }
    return {};
}

/// manifests/<host>/<namespace>/<model>/<tag>
void search_ollama(Walk& walk, const std::string& root) {
    const std::string manifests = root + "/manifests";
    for (const std::string& host : walk.entries(manifests)) {
        for (const std::string& space : walk.entries(manifests + "/" + host)) {
            const std::string owner = manifests + "/" + host + "/" + space;
            for (const std::string& model : walk.entries(owner)) {
                for (const std::string& tag : walk.entries(owner + "/" + model)) {
                    const std::string blob = model_blob(root, owner + "/" + model + "/" + tag);
                    const std::string name = model + ":" + tag;
                    if (!blob.empty()) {
                        walk.file(blob, FoundIn::ollama,
                                  space == "library" ? name : space + "/" + name);
                    }
                }
            }
        }
    }
}

}  // namespace

std::vector<FoundModel> find_models(const SearchRoots& roots, const SearchLimits& limits,
                                    const std::function<bool()>& stop) {
    Walk walk(limits, stop);
    for (const auto& [where, root] : roots.folders) {
        switch (where) {
            case FoundIn::hugging_face:
                search_hub(walk, root);
                break;
            case FoundIn::ollama:
                search_ollama(walk, root);
                break;
            case FoundIn::own_folder:
            case FoundIn::lm_studio:
            case FoundIn::llama_cpp:
                walk.folder(root, where, {}, limits.depth);
                break;
        }
    }
    std::vector<FoundModel> found = walk.take();
    std::ranges::stable_sort(found, {}, [](const FoundModel& m) {
        return std::pair(m.found_in == FoundIn::own_folder ? 0 : 1, m.name);
    });
    return found;
}

}  // namespace app
