// Discovery: models that are on this machine already, in the user's own folders and where other
// programs keep theirs. Only reads: nothing is written, moved or copied there.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "model/config.h"

namespace app {

enum class FoundIn : uint8_t { own_folder, hugging_face, ollama, lm_studio, llama_cpp };
/// "Hugging Face", as the window says it.
const char* found_in_name(FoundIn where);

struct FoundModel {
    std::string path;  // as open_model takes it: a file, the first of its parts, or a folder
    std::string name;  // "google/gemma-3-1b-it", "gemma3:270m", "gemma-3-270m-q4_k_m"
    FoundIn found_in = FoundIn::own_folder;
    uint64_t n_bytes = 0;  // of all parts
    uint32_t n_parts = 1;

    // What describe() reads from its head.
    std::string type;          // "Q4_K_M", "BF16"; empty: not read, or it cannot be opened
    std::string architecture;  // "gemma3"; of other models what their file says
    std::string problem;       // why it cannot be opened; empty: it can
    bool foreign = false;      // a model of another family, which Lapidary does not run
    uint64_t weight_bytes = 0;
    std::optional<model::Config> config;
};

struct SearchRoots {
    std::vector<std::pair<FoundIn, std::string>> folders;  // those that may not exist, too
};
/// Where the other programs keep models, as their own variables say (`variable`: getenv), and the
/// user's folders first. A folder is named once.
SearchRoots search_roots(const std::vector<std::string>& own_folders,
                         const std::function<const char*(const char*)>& variable);

/// How far a search goes. A folder that is reached twice, through a link or a loop, counts once.
struct SearchLimits {
    int depth = 5;               // folders below a root
    uint32_t n_entries = 50000;  // of all folders together
};

/// What is there, sorted by name. Looks at names, sizes and four bytes of each file. `stop`: asked
/// often, true ends the search with what was found.
std::vector<FoundModel> find_models(const SearchRoots& roots, const SearchLimits& limits = {},
                                    const std::function<bool()>& stop = {});

/// Opens it as loading does, without its weights, and fills in type, architecture, config or the
/// problem. Never throws for what a file holds.
void describe(FoundModel& found);

/// "Q4_K_M" out of a file's name in any spelling; empty: no such word in it.
std::string mixture_in_name(const std::string& path);

}  // namespace app
