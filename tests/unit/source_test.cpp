// open_model: the same weights in every format, foreign formats, and files that change while they
// are read (reliability.md A16 to A18, B6, B13, B14).
#include "model/source.h"

#include <atomic>
#include <filesystem>
#include <fstream>
#include <thread>

#include <sys/stat.h>
#include <unistd.h>

#include "model/file.h"
#include "tests/support/catch.h"
#include "tests/support/hf_writer.h"
#include "tests/support/random.h"
#include "tests/support/refusal.h"
#include "tests/support/temp_dir.h"

using model::Architecture;
using model::DType;
using support::names;
using support::TempDir;

namespace {

std::string refusal(const std::string& path) {
    return support::refusal([&] { (void)model::open_model(path); });
}

/// A random small configuration.
support::TinyOptions random_options(uint64_t seed) {
    support::Random random(seed);
    support::TinyOptions options;
    options.seed = seed;
    const uint32_t n_kv = 1 + static_cast<uint32_t>(random.below(3));
    const DType types[] = {DType::f32,  DType::f16,  DType::bf16,
                           DType::q8_0, DType::q4_0, DType::q5_1};
    options.matrices = types[random.below(6)];
    options.config = support::tiny_config(
        static_cast<Architecture>(random.below(3)),
        {.hidden_size = 32 * (1 + static_cast<uint32_t>(random.below(3))),
         .intermediate_size = 32 * (1 + static_cast<uint32_t>(random.below(4))),
         .num_hidden_layers = 1 + static_cast<uint32_t>(random.below(8)),
         .num_attention_heads = n_kv * (1 + static_cast<uint32_t>(random.below(2))),
         .num_key_value_heads = n_kv,
         .head_dim = 32,
         .vocab_size = 384 + static_cast<uint32_t>(random.below(100))});
    return options;
}

bool same_config(const model::Config& a, const model::Config& b) {
    bool same = a.architecture == b.architecture && a.hidden_size == b.hidden_size &&
                a.intermediate_size == b.intermediate_size && a.head_dim == b.head_dim &&
                a.num_attention_heads == b.num_attention_heads &&
                a.num_key_value_heads == b.num_key_value_heads && a.vocab_size == b.vocab_size &&
                a.embedding_rows == b.embedding_rows && a.rms_norm_eps == b.rms_norm_eps &&
                a.query_pre_attn_scalar == b.query_pre_attn_scalar &&
                a.attn_logit_softcapping == b.attn_logit_softcapping &&
                a.final_logit_softcapping == b.final_logit_softcapping &&
                a.tied_embeddings == b.tied_embeddings && a.qk_norm == b.qk_norm &&
                a.post_norms == b.post_norms && a.layers.size() == b.layers.size();
    for (size_t i = 0; same && i < a.layers.size(); ++i) {
        same = a.layers[i].sliding_window == b.layers[i].sliding_window &&
               a.layers[i].rope_theta == b.layers[i].rope_theta &&
               a.layers[i].rope_factor == b.layers[i].rope_factor;
    }
    return same;
}

/// GGUF spells space runs with real spaces, Hugging Face with U+2581.
std::string with_marks(std::string piece) {
    for (size_t at = 0; (at = piece.find(' ')) != std::string::npos;) {
        piece.replace(at, 1, "\xe2\x96\x81");
    }
    return piece;
}

}  // namespace

TEST_CASE("source B14: the same model as GGUF and as a Hugging Face folder, 50 pairs") {
    for (uint64_t seed = 1; seed <= 50; ++seed) {
        const support::TinyModel tiny = support::make_tiny(random_options(seed));
        const TempDir dir;
        const std::string folder = dir.path();
        const bool gemma3 = tiny.config.architecture == Architecture::gemma3;
        support::write_gguf(tiny, folder + "/tiny.gguf");
        support::write_hf_folder(tiny, folder,
                                 {.n_shards = 1 + static_cast<uint32_t>(seed % 3),
                                  .json_tokenizer = seed % 2 == 0,
                                  .multimodal = gemma3 && seed % 4 == 1});
        const auto a = model::open_model(folder + "/tiny.gguf");
        const auto b = model::open_model(folder);
        INFO("seed " << seed << ", " << model::architecture_name(tiny.config.architecture));
        CHECK(same_config(a->config, b->config));
        CHECK(same_config(a->config, tiny.config));
        REQUIRE(a->tensors.size() == b->tensors.size());
        int n_different = 0;
        for (size_t i = 0; i < a->tensors.size(); ++i) {
            const model::SourceTensor &s = a->tensors[i], &t = b->tensors[i];
            n_different += s.name == t.name && a->read_f32(s) == b->read_f32(t) ? 0 : 1;
            CHECK(t.add_one == t.name.ends_with("norm.weight"));
        }
        CHECK(n_different == 0);
        REQUIRE(a->tokenizer.pieces.size() == b->tokenizer.pieces.size());
        for (size_t i = 0; i < a->tokenizer.pieces.size(); ++i) {
            n_different += with_marks(a->tokenizer.pieces[i]) == b->tokenizer.pieces[i] ? 0 : 1;
        }
        CHECK(n_different == 0);
        CHECK(a->tokenizer.types == b->tokenizer.types);
        CHECK(a->tokenizer.eos_id == b->tokenizer.eos_id);
        CHECK(a->tokenizer.bos_id == b->tokenizer.bos_id);
        CHECK(a->tokenizer.chat_template == b->tokenizer.chat_template);
        CHECK(b->tokenizer.stop_ids == std::vector<int32_t>{1, 5});
        CHECK(b->sampling.top_k == 64);
        CHECK(b->bf16_embedding_scale);
    }
}

TEST_CASE("source: a folder opens by any file in it, and missing parts are named") {
    const support::TinyModel tiny = support::make_tiny({});
    const TempDir dir;
    const std::string folder = dir.path();
    support::write_hf_folder(tiny, folder);
    for (const char* name : {"", "/", "/config.json", "/model.safetensors", "/tokenizer.model"}) {
        CHECK(model::open_model(folder + name)->tensors.size() == tiny.tensors.size());
    }
    const auto without = [&](const std::string& name) {
        const TempDir other;
        support::write_hf_folder(tiny, other.path(), {.n_shards = 2});
        std::filesystem::remove(other.path() / name);
        return refusal(other.path());
    };
    CHECK(names(without("config.json"), {"config.json"}));
    CHECK(names(without("tokenizer.model"), {"tokenizer.model", "tokenizer.json"}));
    CHECK(names(without("model-00002-of-00002.safetensors"), {"model-00002-of-00002.safetensors"}));
    CHECK(names(without("model.safetensors.index.json"), {"2 safetensors files"}));
    CHECK(without("generation_config.json").empty());
    CHECK(without("tokenizer_config.json").empty());
}

TEST_CASE("source B6: a tensor in two shards") {
    const support::TinyModel tiny = support::make_tiny({});
    const TempDir dir;
    const std::string folder = dir.path();
    support::write_hf_folder(tiny, folder, {.n_shards = 2});
    std::filesystem::copy_file(folder + "/model-00001-of-00002.safetensors",
                               folder + "/model-00002-of-00002.safetensors",
                               std::filesystem::copy_options::overwrite_existing);
    CHECK(names(refusal(folder), {"twice"}));
}

TEST_CASE("source A20: every tensor of a folder dropped in turn") {
    for (const auto a : {Architecture::gemma, Architecture::gemma2, Architecture::gemma3}) {
        support::TinyOptions options;
        options.config = support::tiny_config(
            a, {.hidden_size = 16, .intermediate_size = 16, .num_hidden_layers = 1, .head_dim = 8});
        const support::TinyModel tiny = support::make_tiny(options);
        const TempDir dir;
        support::write_hf_folder(tiny, dir.path());
        const std::vector<support::HfTensor> all = support::hf_tensors(tiny);
        for (size_t i = 0; i < all.size(); ++i) {
            std::vector<support::HfTensor> less = all;
            less.erase(less.begin() + static_cast<std::ptrdiff_t>(i));
            support::write_file((dir.path() / "model.safetensors").string(),
                                support::safetensors_bytes(less));
            CHECK(names(refusal(dir.path()), {"1 tensor missing", tiny.tensors[i].name}));
            less = all;
            less[i].dtype = "I32";
            if (less[i].data.size() == 4 * tiny.tensors[i].rows * tiny.tensors[i].cols) {
                support::write_file((dir.path() / "model.safetensors").string(),
                                    support::safetensors_bytes(less));
                CHECK(names(refusal(dir.path()), {all[i].name, "I32"}));
            }
            less = all;
            less[i].shape[0] += 1;
            less[i].data.resize(less[i].data.size() / all[i].shape[0] * less[i].shape[0]);
            if (i != 0) {  // more rows of the embedding are allowed
                support::write_file((dir.path() / "model.safetensors").string(),
                                    support::safetensors_bytes(less));
                CHECK(names(refusal(dir.path()), {tiny.tensors[i].name, "shape"}));
            }
        }
    }
}

TEST_CASE("source B13: known formats that are never opened") {
    const TempDir dir;
    const std::string path = dir.path() / "model.bin";
    const struct {
        std::string bytes;
        const char* name;
    } files[] = {{"PK\x03\x04rest of a checkpoint", "zip"},
                 {std::string("PK\x05\x06\0\0\0\0", 8), "zip"},
                 {"\x80\x02}q\x01.", "pickle"},
                 {"\x80\x04\x95....", "pickle"},
                 {"\x1f\x8b\x08\0", "gzip"},
                 {"BZh91AY", "bzip2"},
                 {"\xfd"
                  "7zXZ\x01",
                  "xz"},
                 {"\x89HDF\r\n\x1a\n", "HDF5"},
                 {"ggml, very old", "magic"},
                 {"", "magic"},
                 {"GGU", "magic"},
                 {"#!/bin/sh\nrm -rf /\n", "magic"}};
    for (const auto& file : files) {
        support::write_file(path, file.bytes);
        CHECK(names(refusal(path), {"model.bin", file.name}));
    }
    const support::TinyModel tiny = support::make_tiny({});
    const TempDir pickles;
    support::write_hf_folder(tiny, pickles.path());
    std::filesystem::rename(pickles.path() / "model.safetensors",
                            pickles.path() / "pytorch_model.bin");
    CHECK_FALSE(refusal(pickles.path()).empty());
}

TEST_CASE("source A18: paths that are no regular files") {
    const TempDir dir;
    const std::string fifo = dir.path() / "fifo.gguf";
    REQUIRE(::mkfifo(fifo.c_str(), 0600) == 0);
    CHECK(names(refusal(fifo), {"a pipe"}));
    CHECK(names(refusal("/dev/zero"), {"a device"}));
    CHECK(names(refusal("/dev/null"), {"a device"}));
    CHECK_FALSE(refusal(dir.path()).empty());
    const std::string dangling = dir.path() / "dangling.gguf";
    std::filesystem::create_symlink("nowhere", dangling);
    CHECK(names(refusal(dangling), {"opened"}));
    CHECK_FALSE(refusal("").empty());
    CHECK_FALSE(refusal(std::string("a\0b", 3)).empty());
    CHECK_FALSE(refusal("no/such/file").empty());
    const std::string odd = refusal("new\nline\x1b[31m.gguf");
    CHECK_FALSE(odd.empty());
    CHECK(odd.find('\n') == std::string::npos);
    CHECK(odd.find('\x1b') == std::string::npos);
}

TEST_CASE("source A17: a file that is cut, grows or is replaced while it is read") {
    const support::TinyModel tiny = support::make_tiny({});
    const TempDir dir;
    const std::string path = dir.path() / "tiny.gguf";
    const auto change = [&](auto function) {
        support::write_gguf(tiny, path);
        const auto source = model::open_model(path);
        function();
        return support::refusal([&] { (void)source->read_f32(source->tensors.back()); });
    };
    CHECK(change([] {}).empty());
    CHECK_FALSE(change([&] { std::filesystem::resize_file(path, 100); }).empty());
    CHECK(names(change([&] { std::filesystem::resize_file(path, 1 << 20); }), {"changed"}));
    CHECK(names(change([&] {
                    support::write_gguf(tiny, path + ".new");
                    std::filesystem::rename(path + ".new", path);
                }),
                {"replaced"}));
    CHECK(change([&] { std::filesystem::remove(path); }).empty());  // still whole
}

TEST_CASE("source A17: a truncating thread gives Errors and nothing else") {
    const support::TinyModel tiny = support::make_tiny({});
    const TempDir dir;
    const std::string path = dir.path() / "tiny.gguf";
    support::write_gguf(tiny, path);
    const auto size = std::filesystem::file_size(path);
    std::atomic<bool> stop = false;
    std::thread truncating([&] {
        support::Random random(3);
        while (!stop) {
            std::error_code ignored;
            std::filesystem::resize_file(path, random.below(size), ignored);
            std::filesystem::resize_file(path, size, ignored);
        }
    });
    for (int i = 0; i < 300; ++i) {
        (void)support::refusal([&] {
            const auto source = model::open_model(path);
            for (const model::SourceTensor& tensor : source->tensors) {
                (void)source->read_f32(tensor);
            }
        });
    }
    stop = true;
    truncating.join();
    SUCCEED("no signal, no other exception");
}

TEST_CASE("source: of several named chat templates the default is taken") {
    const support::TinyModel tiny = support::make_tiny({});
    const TempDir dir;
    support::write_hf_folder(tiny, dir.path());
    const auto with = [&](const std::string& templates) {
        std::ofstream(std::filesystem::path(dir.path()) / "tokenizer_config.json")
            << R"({"chat_template": [)" << templates << "]}";
        return model::open_model(dir.path())->tokenizer.chat_template;
    };
    const std::string tools = R"({"name": "tool_use", "template": "T"})";
    CHECK(with(tools + R"(, {"name": "default", "template": "D"})") == "D");
    CHECK(with(tools).empty());
}

TEST_CASE("source: the files that hold the weights are named, whatever a name looks like") {
    const support::TinyModel tiny = support::make_tiny({});
    const TempDir dir;
    const std::string folder = dir.path();
    support::write_hf_folder(tiny, folder);
    CHECK(model::open_model(folder)->parts == std::vector{folder + "/model.safetensors"});
    // Merged again, and still called the first of five.
    const std::string merged = folder + "/x-00001-of-00005.gguf";
    support::write_gguf(tiny, merged);
    CHECK(model::open_model(merged)->parts == std::vector{merged});
}
