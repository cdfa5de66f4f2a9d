// What a found model is: read from its head, as loading reads it.
#include <algorithm>
#include <array>
#include <cctype>
#include <cstring>
#include <filesystem>
#include <optional>
#include <set>
#include <span>

#include "app/library/discovery.h"
#include "gpu/base.h"
#include "model/file.h"
#include "model/json_reader.h"
#include "model/source.h"

namespace app {

std::string mixture_in_name(const std::string& path) {
    std::string file = std::filesystem::path(path).filename().string();
    std::transform(file.begin(), file.end(), file.begin(),
                   [](unsigned char c) { return char(std::toupper(c)); });
    constexpr std::array kMixtures = {"Q2_K_S", "Q2_K_L", "Q2_K",   "Q3_K_S", "Q3_K_M", "Q3_K_L",
                                      "Q4_K_S", "Q4_K_M", "Q5_K_S", "Q5_K_M", "Q6_K",   "Q8_0",
                                      "Q4_0",   "Q4_1",   "Q5_0",   "Q5_1",   "IQ4_NL", "IQ4_XS"};
    for (const char* mixture : kMixtures) {
        if (file.find(mixture) != std::string::npos) {
            return mixture;
        }
    }
    return {};
}

namespace {

/// general.file_type of llama.cpp's own mixtures.
std::string mixture_of_number(const std::string& number) {
    static constexpr std::array<std::pair<std::string_view, std::string_view>, 18> kNames{{
        {"0", "F32"},
        {"1", "F16"},
        {"2", "Q4_0"},
        {"3", "Q4_1"},
        {"7", "Q8_0"},
        {"8", "Q5_0"},
        {"9", "Q5_1"},
        {"10", "Q2_K"},
        {"11", "Q3_K_S"},
        {"12", "Q3_K_M"},
        {"13", "Q3_K_L"},
        {"14", "Q4_K_S"},
        {"15", "Q4_K_M"},
        {"16", "Q5_K_S"},
        {"17", "Q5_K_M"},
        {"18", "Q6_K"},
        {"25", "IQ4_NL"},
        {"32", "BF16"},
    }};
    const auto it = std::ranges::find(kNames, number, [](const auto& row) { return row.first; });
    return it == kNames.end() ? std::string() : std::string(it->second);
}

/// The one type of all matrices, else the mixture's name.
std::string type_of(const model::ModelSource& source) {
    std::set<model::DType> types;
    for (const model::SourceTensor& tensor : source.tensors) {
        if (tensor.rows > 1) {
            types.insert(tensor.dtype);
        }
    }
    if (types.size() == 1) {
        return std::string(model::dtype_name(*types.begin()));
    }
    std::string name = mixture_in_name(source.path);
    for (const auto& [key, value] : source.metadata) {
        if (name.empty() && key == "general.file_type") {
            name = mixture_of_number(value);
        }
    }
    return name.empty() ? "mixed" : name;
}

/// general.architecture, which every writer puts among the first keys; nothing when it does not
/// stand in the first bytes. Spares reading the vocabularies of models that are not run anyway.
std::optional<std::string> family_in_head(const std::string& path) {
    const model::File file(path);
    std::string head(std::min<uint64_t>(file.size(), 4096), '\0');
    file.read(0, std::as_writable_bytes(std::span(head)));
    constexpr std::string_view kKey = "general.architecture";
    const size_t at = head.find(kKey);
    const size_t type = at + kKey.size();             // u32: 8 is a string
    const size_t text = type + 4 + sizeof(uint64_t);  // after its length
    if (at == std::string::npos || text > head.size()) {
        return std::nullopt;
    }
    uint32_t kind = 0;
    uint64_t length = 0;
    std::memcpy(&kind, head.data() + type, sizeof(kind));
    std::memcpy(&length, head.data() + type + 4, sizeof(length));
    const bool readable = kind == 8 && length <= 64 && length <= head.size() - text;
    return readable ? std::optional(head.substr(text, length)) : std::nullopt;
}

/// model_type of a Hugging Face folder.
std::optional<std::string> family_in_config(const std::string& folder) {
    const std::string path = folder + "/config.json";
    const model::Json json = model::parse_json(model::read_text(path, 16 << 20), path);
    const model::Json* type = json.find("model_type");
    const std::string* text = type != nullptr ? type->text() : nullptr;
    return text != nullptr ? std::optional(*text) : std::nullopt;
}

}  // namespace

void describe(FoundModel& found) {
    if (!found.problem.empty()) {
        return;
    }
    try {
        const std::optional<std::string> family = model::is_directory(found.path)
                                                      ? family_in_config(found.path)
                                                      : family_in_head(found.path);
        if (family && !family->starts_with("gemma")) {
            found.architecture = base::escaped(*family, 40);
            found.foreign = true;
            found.problem = "a model of the family " + found.architecture;
            return;
        }
        const std::unique_ptr<model::ModelSource> source = model::open_model(found.path);
        found.architecture = model::architecture_name(source->config.architecture);
        found.type = type_of(*source);
        found.config = source->config;
        for (const model::SourceTensor& tensor : source->tensors) {
            found.weight_bytes += tensor.n_bytes;
        }
    } catch (const base::Error& error) {
        found.problem = error.what();
    } catch (const std::bad_alloc&) {
        found.problem = "its head needs more memory than there is";
    }
}

}  // namespace app
