// gguf: what valid files give.
#include "model/gguf.h"

#include "model/gguf_source.h"
#include "tests/support/catch.h"
#include "tests/support/model_writer.h"
#include "tests/support/refusal.h"
#include "tests/support/temp_dir.h"

using model::DType;
using model::GgufType;
using support::Bytes;
using support::GgufFile;

namespace {

model::Gguf parse(const Bytes& bytes) {
    return model::parse_gguf(model::MemorySource("tiny.gguf", bytes));
}

}  // namespace

TEST_CASE("gguf: keys, tensors and places come out as they went in, v2 and v3") {
    for (const uint32_t version : {2u, 3u}) {
        for (const uint32_t alignment : {8u, 32u, 4096u}) {
            GgufFile file{.version = version, .alignment = alignment};
            file.set("general.alignment", alignment);
            file.set("a.text", "with \x1b[31m and \n");
            file.set("a.list", std::vector<std::string>{"x", "", "z"});
            file.set("a.empty", std::vector<float>{});
            file.tensors.push_back({"one", {3}, 0, Bytes(12)});
            file.tensors.push_back({"two.weight", {32, 2}, 8, Bytes(68)});
            const support::GgufBytes built = file.build();
            const model::Gguf gguf = parse(built.bytes);
            CHECK(gguf.version == version);
            CHECK(gguf.alignment == alignment);
            CHECK(gguf.text("a.text") == "with \x1b[31m and \n");
            CHECK(gguf.array("a.list", GgufType::string)->strings ==
                  std::vector<std::string>{"x", "", "z"});
            CHECK(gguf.array("a.empty", GgufType::f32)->count == 0);
            CHECK_FALSE(gguf.text("a.none"));
            REQUIRE(gguf.tensors.size() == 2);
            CHECK(gguf.tensors[1].name == "two.weight");
            CHECK(gguf.tensors[1].dtype == DType::q8_0);
            CHECK(gguf.tensors[1].n_bytes == 68);
            CHECK(gguf.tensors[0].offset == built.at.at("tensor:one:data"));
            CHECK(gguf.tensors[1].offset == built.at.at("tensor:two.weight:data"));
            CHECK(gguf.data_begin == built.at.at("data"));
        }
    }
}

TEST_CASE("gguf: a count may have any integer type, a switch any byte") {
    GgufFile file;
    file.set_raw("u8", GgufType::u8, {std::byte{200}});
    file.set_raw("i8", GgufType::i8, {std::byte{7}});
    Bytes wide;
    support::put<int64_t>(wide, 300);
    file.set_raw("i64", GgufType::i64, wide);
    file.set_raw("bool", GgufType::boolean, {std::byte{255}});
    Bytes real;
    support::put(real, 0.5);
    file.set_raw("f64", GgufType::f64, real);
    const model::Gguf gguf = parse(file.build().bytes);
    CHECK(gguf.count("u8") == 200);
    CHECK(gguf.count("i8") == 7);
    CHECK(gguf.count("i64") == 300);
    CHECK(gguf.boolean("bool") == true);
    CHECK(gguf.real("f64") == 0.5f);
    CHECK(support::names(support::refusal([&] { (void)gguf.count("bool"); }), {"bool"}));
    CHECK(support::names(support::refusal([&] { (void)gguf.count("f64"); }), {"f64", "integer"}));
}

TEST_CASE("gguf: values are made printable for people") {
    GgufFile file;
    file.set("text", "a\x1b[31m");
    file.set("list", std::vector<std::string>{"x", "y"});
    file.set("number", 8192u);
    file.set("real", 0.1f);
    file.set("switch", true);
    const model::Gguf gguf = parse(file.build().bytes);
    const auto shown = [&](const char* key) { return model::printable(*gguf.find(key)); };
    CHECK(shown("text").find('\x1b') == std::string::npos);
    CHECK(shown("list") == "[2 x string]");
    CHECK(shown("number") == "8192");
    CHECK(shown("real") == "0.1");
    CHECK(shown("switch") == "true");
}

TEST_CASE("gguf: tiny models of all generations open with the configuration they were made from") {
    for (const auto architecture :
         {model::Architecture::gemma, model::Architecture::gemma2, model::Architecture::gemma3}) {
        const support::TinyModel tiny =
            support::make_tiny({.config = support::tiny_config(architecture)});
        const support::TempDir folder;
        const std::string path = folder.path() / "tiny.gguf";
        support::write_gguf(tiny, path);
        const auto source = model::open_model(path);
        const model::Config& c = source->config;
        INFO(model::architecture_name(architecture));
        CHECK(c.architecture == architecture);
        CHECK(c.hidden_size == 64);
        CHECK(c.head_dim == 32);
        CHECK(c.vocab_size == 512);
        CHECK(c.num_key_value_heads == tiny.config.num_key_value_heads);
        CHECK(c.attn_logit_softcapping == tiny.config.attn_logit_softcapping);
        CHECK(c.qk_norm == (architecture == model::Architecture::gemma3));
        REQUIRE(c.layers.size() == tiny.config.layers.size());
        for (size_t i = 0; i < c.layers.size(); ++i) {
            CHECK(c.layers[i].sliding_window == tiny.config.layers[i].sliding_window);
            CHECK(c.layers[i].rope_theta == tiny.config.layers[i].rope_theta);
        }
        const size_t per_layer = architecture == model::Architecture::gemma    ? 9
                                 : architecture == model::Architecture::gemma2 ? 11
                                                                               : 13;
        CHECK(source->tensors.size() == 2 + per_layer * c.layers.size());
        CHECK(source->notices.empty());
        CHECK_FALSE(source->bf16_embedding_scale);
        for (const model::SourceTensor& tensor : source->tensors) {
            CHECK(source->read_f32(tensor) == tiny.values(tensor.name));
            CHECK_FALSE(tensor.add_one);
        }
    }
}

TEST_CASE("gguf: every matrix type is read back as it was written") {
    for (int i = 0; i < 15; ++i) {
        const DType dtype = static_cast<DType>(i);
        INFO(model::dtype_name(dtype));
        support::TinyOptions options{.matrices = dtype};
        options.config =
            support::tiny_config(model::Architecture::gemma3, {.hidden_size = 256,
                                                               .intermediate_size = 512,
                                                               .num_hidden_layers = 1,
                                                               .num_attention_heads = 8});
        const support::TinyModel tiny = support::make_tiny(options);
        const support::GgufBytes built = support::to_gguf(tiny).build();
        const auto source =
            model::open_gguf(std::make_unique<model::MemorySource>("tiny", built.bytes));
        for (const model::SourceTensor& tensor : source->tensors) {
            const support::TinyTensor& expected = tiny.tensor(tensor.name);
            CHECK(tensor.dtype == expected.dtype);
            Bytes bytes(tensor.n_bytes);
            source->read(tensor, 0, bytes);
            CHECK(bytes == expected.data);
        }
    }
}

TEST_CASE("gguf: a split model is the same model") {
    const support::TinyModel tiny = support::make_tiny({});
    const support::TempDir folder;
    const std::string first = support::write_split_gguf(tiny, folder.path(), "tiny", 3);
    const auto source = model::open_model(first);
    CHECK(source->tensors.size() == tiny.tensors.size());
    CHECK(source->tensors.back().file == 2);
    for (const model::SourceTensor& tensor : source->tensors) {
        CHECK(source->read_f32(tensor) == tiny.values(tensor.name));
    }
}

TEST_CASE("gguf: the files that others made open", "[golden]") {
    for (const char* name : {"gemma", "gemma2", "gemma3"}) {
        const std::string path = fmt::format("tests/golden/tiny-{}.gguf", name);
        if (!model::file_exists(path)) {
            SKIP("no " << path);
        }
        const auto source = model::open_model(path);
        CHECK(model::architecture_name(source->config.architecture) == name);
        CHECK(source->config.vocab_size == 420);
        CHECK(source->config.head_dim == 32);
    }
}
