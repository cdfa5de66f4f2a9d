// Models that other programs have brought: trees as those programs make them, built here.
#include "app/library/discovery.h"
#include "tests/support/hf_writer.h"
#include "tests/support/model_writer.h"
#include "tests/support/temp_dir.h"

#include "tests/support/catch.h"

#include <sys/stat.h>

#include <algorithm>
#include <fstream>
#include <map>

namespace fs = std::filesystem;
using namespace app;

namespace {

const std::string& tiny_gguf() {
    static const std::string bytes = [] {
        const support::GgufBytes built = to_gguf(support::make_tiny({})).build();
        return std::string(reinterpret_cast<const char*>(built.bytes.data()), built.bytes.size());
    }();
    return bytes;
}

void write(const fs::path& path, const std::string& text) {
    fs::create_directories(path.parent_path());
    std::ofstream(path, std::ios::binary) << text;
}

std::vector<FoundModel> find_in(FoundIn where, const fs::path& folder, SearchLimits limits = {}) {
    SearchRoots roots;
    roots.folders.emplace_back(where, folder.string());
    return find_models(roots, limits);
}

/// Path, size, kind and time of everything below: what a search must leave as it was.
std::map<std::string, std::string> picture_of(const fs::path& root) {
    std::map<std::string, std::string> all;
    for (const auto& entry : fs::recursive_directory_iterator(root)) {
        struct stat info {};
        REQUIRE(::lstat(entry.path().c_str(), &info) == 0);
        all[entry.path().string()] =
            std::to_string(info.st_mode) + " " + std::to_string(info.st_size) + " " +
            std::to_string(info.st_mtim.tv_sec) + "." + std::to_string(info.st_mtim.tv_nsec);
    }
    return all;
}

constexpr const char* kHash = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

}  // namespace

TEST_CASE("a folder's models have their sizes, parts and types") {
    const support::TempDir dir;
    const fs::path root = dir.path();
    write(root / "Zoë 日本 模型 😊" / "m.gguf", tiny_gguf());
    write(root / "a" / "b" / "gemma-Q4_K_M.gguf", tiny_gguf());
    write(root / "a" / "mmproj-gemma-f16.gguf", tiny_gguf());
    write(root / "a" / "gemma.gguf.part", tiny_gguf());
    write(root / "not-a-model.gguf", "GGML and nothing behind it, for long enough a file");
    write(root / ".hidden" / "h.gguf", tiny_gguf());
    fs::create_directories(root / "split");
    write_split_gguf(support::make_tiny({}), (root / "split").string(), "big", 3);
    fs::create_directories(root / "folder");
    write_hf_folder(support::make_tiny({}), (root / "folder").string(), {});

    const auto before = picture_of(root);
    std::vector<FoundModel> found = find_in(FoundIn::own_folder, root);
    std::ranges::for_each(found, describe);
    CHECK(picture_of(root) == before);

    REQUIRE(found.size() == 4);
    CHECK(found[0].name == "big");
    CHECK(found[0].n_parts == 3);
    CHECK(found[0].path.ends_with("big-00001-of-00003.gguf"));
    CHECK(found[1].name == "folder");
    CHECK(found[2].name == "gemma-Q4_K_M");
    CHECK(found[3].path == (root / "Zoë 日本 模型 😊" / "m.gguf").string());
    for (const FoundModel& model : found) {
        INFO(model.path << ": " << model.problem);
        CHECK(model.problem.empty());
        CHECK(model.type == "F32");
        CHECK(model.architecture == "gemma3");
        CHECK(model.weight_bytes > 100000);
        CHECK(model.n_bytes > model.weight_bytes);
        REQUIRE(model.config);
        CHECK(model.config->num_hidden_layers == 7);
    }
}

TEST_CASE("a split model with a part missing says which") {
    const support::TempDir dir;
    write_split_gguf(support::make_tiny({}), dir.path().string(), "big", 3);
    fs::remove(dir.path() / "big-00002-of-00003.gguf");
    std::vector<FoundModel> found = find_in(FoundIn::lm_studio, dir.path());
    REQUIRE(found.size() == 1);
    describe(found[0]);
    CHECK(found[0].problem == "part 2 of 3 is missing");
    CHECK_FALSE(found[0].config);
}

TEST_CASE("links that go round, and files found twice, count once") {
    const support::TempDir dir;
    const fs::path root = dir.path();
    write(root / "a" / "m.gguf", tiny_gguf());
    fs::create_directory_symlink(root, root / "a" / "up");
    fs::create_directory_symlink("loop", root / "loop");
    fs::create_symlink(root / "a" / "m.gguf", root / "again.gguf");
    fs::create_symlink("nowhere", root / "dangling.gguf");
    CHECK(find_in(FoundIn::own_folder, root).size() == 1);
    SearchRoots twice;
    twice.folders = {{FoundIn::own_folder, root.string()}, {FoundIn::lm_studio, root.string()}};
    CHECK(find_models(twice).size() == 1);
}

TEST_CASE("a search ends at its depth, at its number of entries, and when it is told to") {
    const support::TempDir dir;
    const fs::path root = dir.path();
    write(root / "1" / "2" / "m.gguf", tiny_gguf());
    CHECK(find_in(FoundIn::own_folder, root, {.depth = 2}).size() == 1);
    CHECK(find_in(FoundIn::own_folder, root, {.depth = 1}).empty());
    CHECK(find_in(FoundIn::own_folder, root, {.n_entries = 3}).size() == 1);
    CHECK(find_in(FoundIn::own_folder, root, {.n_entries = 2}).empty());
    SearchRoots roots;
    roots.folders.emplace_back(FoundIn::own_folder, root.string());
    CHECK(find_models(roots, {}, [] { return true; }).empty());
    CHECK(find_in(FoundIn::own_folder, root / "nothing here").empty());
}

TEST_CASE("the Hugging Face cache: links into blobs, the snapshot of refs/main") {
    const support::TempDir dir;
    const fs::path hub = dir.path();
    const fs::path repository = hub / "models--google--gemma-3-tiny";
    write(repository / "blobs" / "aaaa", tiny_gguf());
    write(repository / "refs" / "main", "c0ffee\n");
    const fs::path snapshot = repository / "snapshots" / "c0ffee";
    fs::create_directories(snapshot);
    fs::create_symlink("../../blobs/aaaa", snapshot / "gemma-Q8_0.gguf");
    write(repository / "snapshots" / "0ld" / "old.gguf", tiny_gguf());
    const fs::path folder = hub / "models--me--mine" / "snapshots" / "1";
    fs::create_directories(folder);
    write_hf_folder(support::make_tiny({}), folder.string(), {});
    write(hub / "datasets--x--y" / "snapshots" / "1" / "no.gguf", tiny_gguf());

    const std::vector<FoundModel> found = find_in(FoundIn::hugging_face, hub);
    REQUIRE(found.size() == 2);
    CHECK(found[0].name == "google/gemma-3-tiny · gemma-Q8_0");
    CHECK(found[0].path == (snapshot / "gemma-Q8_0.gguf").string());
    CHECK(found[0].n_bytes == tiny_gguf().size());
    CHECK(found[1].name == "me/mine");
    CHECK(found[1].path == folder.string());
}

TEST_CASE("Ollama: the manifest's model layer, if it is a GGUF file") {
    const support::TempDir dir;
    const fs::path root = dir.path();
    const auto manifest = [](const std::string& digest) {
        return R"({"schemaVersion":2,"layers":[{"mediaType":"application/vnd.ollama.image.license",)"
               R"("digest":"sha256:00"},{"mediaType":"application/vnd.ollama.image.model","digest":")" +
               digest + "\"}]}";
    };
    const fs::path library = root / "manifests" / "registry.example" / "library";
    write(library / "gemma3" / "270m", manifest(std::string("sha256:") + kHash));
    write(library / "gemma3" / "latest", manifest(std::string("sha256:") + kHash));
    write(library / "broken" / "a", "{\"layers\":[");
    write(library / "broken" / "b", manifest("sha256:../../../../etc/passwd"));
    write(library / "broken" / "c", manifest(std::string("sha256:") + std::string(64, 'f')));
    write(root / "blobs" / ("sha256-" + std::string(kHash)), tiny_gguf());
    write(root / "blobs" / ("sha256-" + std::string(64, 'f')), "not a model at all, only bytes");

    std::vector<FoundModel> found = find_in(FoundIn::ollama, root);
    REQUIRE(found.size() == 1);
    CHECK(found[0].name == "gemma3:270m");
    CHECK(found[0].found_in == FoundIn::ollama);
    describe(found[0]);
    CHECK(found[0].problem.empty());
}

TEST_CASE("models of other families and broken ones say what they are") {
    const support::TempDir dir;
    support::GgufFile file = to_gguf(support::make_tiny({}));
    file.set("general.architecture", "llama");
    support::write_file((dir.path() / "llama.gguf").string(), file.build().bytes);
    write(dir.path() / "short.gguf", tiny_gguf().substr(0, 5000));
    fs::create_directories(dir.path() / "x");
    write(dir.path() / "x" / "config.json", R"({"model_type":"qwen2"})");
    write(dir.path() / "x" / "model.safetensors", "nothing");
    std::vector<FoundModel> found = find_in(FoundIn::llama_cpp, dir.path());
    std::ranges::for_each(found, describe);
    REQUIRE(found.size() == 3);
    CHECK(found[0].foreign);
    CHECK(found[0].architecture == "llama");
    CHECK_FALSE(found[1].foreign);
    CHECK(found[1].problem.find("short.gguf") != std::string::npos);
    CHECK(found[2].foreign);
    CHECK(found[2].architecture == "qwen2");
}

TEST_CASE("the places are those that the other programs' variables name") {
    std::map<std::string, std::string> variables{{"HOME", "/home/zoe"}};
    const auto value = [&](const char* name) {
        const auto it = variables.find(name);
        return it == variables.end() ? nullptr : it->second.c_str();
    };
    const auto has = [&](FoundIn where, const char* folder) {
        const SearchRoots roots = search_roots({"~/own", "relative"}, value);
        return std::ranges::count(roots.folders, std::pair(where, std::string(folder))) == 1;
    };
    CHECK(has(FoundIn::own_folder, "/home/zoe/own"));
    CHECK_FALSE(has(FoundIn::own_folder, "relative"));
    CHECK(has(FoundIn::hugging_face, "/home/zoe/.cache/huggingface/hub"));
    CHECK(has(FoundIn::ollama, "/home/zoe/.ollama/models"));
    CHECK(has(FoundIn::ollama, "/usr/share/ollama/.ollama/models"));
    CHECK(has(FoundIn::lm_studio, "/home/zoe/.lmstudio/models"));
    CHECK(has(FoundIn::lm_studio, "/home/zoe/.cache/lm-studio/models"));
    CHECK(has(FoundIn::llama_cpp, "/home/zoe/.cache/llama.cpp"));
    variables = {{"HOME", "/h"},           {"HF_HOME", "/hf"},     {"HF_HUB_CACHE", "/hub"},
                 {"OLLAMA_MODELS", "/om"}, {"LLAMA_CACHE", "/lc"}, {"XDG_CACHE_HOME", "/xc"}};
    CHECK(has(FoundIn::hugging_face, "/hf/hub"));
    CHECK(has(FoundIn::hugging_face, "/hub"));
    CHECK(has(FoundIn::hugging_face, "/xc/huggingface/hub"));
    CHECK(has(FoundIn::ollama, "/om"));
    CHECK(has(FoundIn::llama_cpp, "/lc"));
}
