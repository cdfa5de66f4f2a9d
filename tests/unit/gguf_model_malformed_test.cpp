// GGUF models with exactly one thing wrong behind the container (reliability.md A10, A19 to A22,
// B9 to B11, D7): keys, shapes, hyper-parameters, vocabulary, parts of a split.
#include <cmath>
#include <limits>

#include "model/gguf_source.h"
#include "model/model.h"
#include "tests/support/catch.h"
#include "tests/support/model_writer.h"
#include "tests/support/refusal.h"
#include "tests/support/temp_dir.h"

using model::Architecture;
using model::GgufType;
using support::Bytes;
using support::GgufFile;
using support::names;
using support::TinyModel;

namespace {

GgufFile seed_file(Architecture architecture = Architecture::gemma3) {
    support::TinyOptions options;
    options.config = support::tiny_config(
        architecture,
        {.hidden_size = 16, .intermediate_size = 24, .num_hidden_layers = 2, .head_dim = 8});
    return support::to_gguf(support::make_tiny(options));
}

std::unique_ptr<model::ModelSource> open(const GgufFile& file) {
    const Bytes bytes = file.build().bytes;
    return model::open_gguf(std::make_unique<model::MemorySource>("tiny.gguf", bytes));
}

std::string refusal(const GgufFile& file) {
    return support::refusal([&] { (void)open(file); });
}

/// One value of every type; numbers are 4, which no field minds.
Bytes value_of(GgufType type) {
    Bytes bytes;
    switch (type) {
        case GgufType::u8:
            support::put<uint8_t>(bytes, 4);
            break;
        case GgufType::i8:
            support::put<int8_t>(bytes, 4);
            break;
        case GgufType::u16:
            support::put<uint16_t>(bytes, 4);
            break;
        case GgufType::i16:
            support::put<int16_t>(bytes, 4);
            break;
        case GgufType::u32:
            support::put<uint32_t>(bytes, 4);
            break;
        case GgufType::i32:
            support::put<int32_t>(bytes, 4);
            break;
        case GgufType::f32:
            support::put(bytes, 4.f);
            break;
        case GgufType::boolean:
            support::put<uint8_t>(bytes, 1);
            break;
        case GgufType::string:
            support::put_string(bytes, "4");
            break;
        case GgufType::array:
            support::put<uint32_t>(bytes, 0);
            support::put<uint64_t>(bytes, 0);
            break;
        case GgufType::u64:
            support::put<uint64_t>(bytes, 4);
            break;
        case GgufType::i64:
            support::put<int64_t>(bytes, 4);
            break;
        case GgufType::f64:
            support::put(bytes, 4.0);
            break;
    }
    return bytes;
}

bool is_integer(GgufType type) {
    return type == GgufType::u8 || type == GgufType::i8 || type == GgufType::u16 ||
           type == GgufType::i16 || type == GgufType::u32 || type == GgufType::i32 ||
           type == GgufType::u64 || type == GgufType::i64;
}

enum class Kind { count, real, text, list };

struct KnownKey {
    const char* key;
    Kind kind;
};

constexpr KnownKey kKeys[] = {
    {"general.architecture", Kind::text},
    {"general.name", Kind::text},
    {"general.alignment", Kind::count},
    {"general.sampling.temp", Kind::real},
    {"general.sampling.top_p", Kind::real},
    {"general.sampling.top_k", Kind::count},
    {"split.count", Kind::count},
    {"split.no", Kind::count},
    {"gemma3.context_length", Kind::count},
    {"gemma3.embedding_length", Kind::count},
    {"gemma3.block_count", Kind::count},
    {"gemma3.feed_forward_length", Kind::count},
    {"gemma3.attention.head_count", Kind::count},
    {"gemma3.attention.head_count_kv", Kind::count},
    {"gemma3.attention.key_length", Kind::count},
    {"gemma3.attention.value_length", Kind::count},
    {"gemma3.attention.layer_norm_rms_epsilon", Kind::real},
    {"gemma3.attention.sliding_window", Kind::count},
    {"gemma3.attention.sliding_window_pattern", Kind::list},  // or a count
    {"gemma3.attn_logit_softcapping", Kind::real},
    {"gemma3.final_logit_softcapping", Kind::real},
    {"gemma3.rope.freq_base", Kind::real},
    {"gemma3.rope.freq_base_swa", Kind::real},
    {"gemma3.rope.scaling.type", Kind::text},
    {"gemma3.rope.scaling.factor", Kind::real},
    {"gemma3.rope.dimension_count", Kind::count},
    {"tokenizer.ggml.model", Kind::text},
    {"tokenizer.ggml.pre", Kind::text},
    {"tokenizer.ggml.tokens", Kind::list},
    {"tokenizer.ggml.scores", Kind::list},
    {"tokenizer.ggml.token_type", Kind::list},
    {"tokenizer.ggml.bos_token_id", Kind::count},
    {"tokenizer.ggml.eos_token_id", Kind::count},
    {"tokenizer.ggml.unknown_token_id", Kind::count},
    {"tokenizer.ggml.padding_token_id", Kind::count},
    {"tokenizer.ggml.eot_token_id", Kind::count},
    {"tokenizer.chat_template", Kind::text},
};

bool right_type(const KnownKey& key, GgufType type) {
    switch (key.kind) {
        case Kind::count:
            return is_integer(type);
        case Kind::real:
            return type == GgufType::f32 || type == GgufType::f64;
        case Kind::text:
            return type == GgufType::string;
        case Kind::list:
            return std::string_view(key.key).ends_with("pattern") && is_integer(type);
    }
    return false;
}

}  // namespace

TEST_CASE("gguf model: the seeds of these tests are valid") {
    for (const auto a : {Architecture::gemma, Architecture::gemma2, Architecture::gemma3}) {
        CHECK_NOTHROW(open(seed_file(a)));
    }
}

TEST_CASE("gguf A10: every known key under every type") {
    for (const KnownKey& key : kKeys) {
        for (int t = 0; t < 13; ++t) {
            const GgufType type = static_cast<GgufType>(t);
            GgufFile file = seed_file();
            file.set_raw(key.key, type, value_of(type));
            const std::string message = refusal(file);  // whatever is thrown is an Error
            INFO(key.key << " as " << model::gguf_type_name(type) << ": " << message);
            CHECK((right_type(key, type) || names(message, {key.key})));
        }
    }
}

TEST_CASE("gguf A10: counts that do not fit 32 bits or are negative") {
    for (const KnownKey& key : kKeys) {
        if (key.kind != Kind::count) {
            continue;
        }
        for (const int64_t value : {int64_t{-1}, int64_t{1} << 32, int64_t{1} << 62,
                                    std::numeric_limits<int64_t>::min()}) {
            GgufFile file = seed_file();
            Bytes bytes;
            support::put(bytes, value);
            file.set_raw(key.key, GgufType::i64, bytes);
            CHECK(names(refusal(file), {key.key, std::to_string(value)}));
        }
    }
}

TEST_CASE("gguf A20: one error names all that is missing") {
    GgufFile file = seed_file();
    for (const char* key :
         {"general.architecture", "tokenizer.ggml.model", "tokenizer.ggml.tokens"}) {
        GgufFile less = file;
        less.remove(key);
        CHECK(names(refusal(less), {key}));
    }
    const char* required[] = {"gemma3.block_count", "gemma3.embedding_length",
                              "gemma3.feed_forward_length", "gemma3.attention.head_count"};
    for (const char* key : required) {
        GgufFile less = file;
        less.remove(key);
        CHECK(names(refusal(less), {key, "missing"}));
    }
    GgufFile less = file;
    for (const char* key : required) {
        less.remove(key);
    }
    CHECK(names(refusal(less), {required[0], required[1], required[2], required[3]}));
}

TEST_CASE("gguf A20: every tensor dropped in turn, and several at once") {
    for (const auto a : {Architecture::gemma, Architecture::gemma2, Architecture::gemma3}) {
        const GgufFile file = seed_file(a);
        for (const support::GgufTensorEntry& tensor : file.tensors) {
            GgufFile less = file;
            less.remove_tensor(tensor.name);
            CHECK(names(refusal(less), {tensor.name, "missing"}));
        }
        GgufFile less = file;
        for (const char* name :
             {"blk.0.attn_q.weight", "blk.1.ffn_down.weight", "output_norm.weight"}) {
            less.remove_tensor(name);
        }
        CHECK(names(refusal(less), {"3 tensors", "blk.0.attn_q.weight", "blk.1.ffn_down.weight",
                                    "output_norm.weight"}));
    }
}

TEST_CASE("gguf A21: every dimension of every tensor, one off and doubled") {
    for (const auto a : {Architecture::gemma, Architecture::gemma2, Architecture::gemma3}) {
        const GgufFile file = seed_file(a);
        for (const support::GgufTensorEntry& tensor : file.tensors) {
            for (size_t i = 0; i < tensor.ne.size(); ++i) {
                for (const uint64_t dim : {tensor.ne[i] - 1, tensor.ne[i] + 1, 2 * tensor.ne[i]}) {
                    if (tensor.name == "token_embd.weight" && i == 1) {
                        continue;  // rows may differ from the tokens (B11)
                    }
                    GgufFile other = file;
                    support::GgufTensorEntry& entry = other.tensor(tensor.name);
                    entry.ne[i] = dim;
                    entry.data.resize(4 * dim * (tensor.ne.size() == 2 ? tensor.ne[1 - i] : 1));
                    CHECK(names(refusal(other), {tensor.name, "shape"}));
                }
            }
        }
    }
}

TEST_CASE("gguf A21: hyper-parameters at and beyond their ranges") {
    const struct {
        const char* key;
        uint32_t max;
    } fields[] = {{"block_count", 512},
                  {"embedding_length", 65'536},
                  {"feed_forward_length", 262'144},
                  {"attention.head_count", 512},
                  {"attention.head_count_kv", 512},
                  {"attention.key_length", 512},
                  {"context_length", 1u << 24},
                  {"attention.sliding_window", 1u << 24}};
    for (const auto& field : fields) {
        for (const uint32_t value : {0u, field.max + 1, 1u << 31, 0xffffffffu}) {
            const std::string key = std::string("gemma3.") + field.key;
            GgufFile file = seed_file();
            file.set(key, value);
            if (key.ends_with("key_length")) {
                file.set("gemma3.attention.value_length", value);
            }
            const bool off = value == 0 && key.ends_with("sliding_window");
            INFO(key << " " << value);
            CHECK(refusal(file).empty() == off);
        }
    }
    GgufFile file = seed_file();
    file.set("gemma3.attention.head_count_kv", 3u);
    CHECK(names(refusal(file), {"num_key_value_heads", "divisor"}));
    file = seed_file();
    file.set("gemma3.attention.key_length", 7u);
    file.set("gemma3.attention.value_length", 7u);
    CHECK(names(refusal(file), {"head_dim", "a multiple of 4"}));
    file.set("gemma3.attention.value_length", 8u);
    CHECK(names(refusal(file), {"value_length", "key_length"}));
    file = seed_file();
    file.set("gemma3.rope.dimension_count", 4u);
    CHECK(names(refusal(file), {"rope.dimension_count"}));
    file = seed_file();
    file.set("gemma3.attention.sliding_window_pattern", std::vector<bool>{true});
    CHECK(names(refusal(file), {"sliding_window_pattern", "1 entries"}));
    file.set("gemma3.attention.sliding_window_pattern", 0u);
    CHECK(names(refusal(file), {"sliding_window_pattern", "0", "1 or more"}));
}

TEST_CASE("gguf A22: numbers that are not finite or out of range") {
    const float inf = std::numeric_limits<float>::infinity();
    for (const char* key :
         {"attention.layer_norm_rms_epsilon", "rope.freq_base", "rope.freq_base_swa",
          "rope.scaling.factor", "attn_logit_softcapping", "final_logit_softcapping"}) {
        for (const float value : {std::nanf(""), inf, -inf, 0.f, -1.f, -1e-30f, 1e30f}) {
            GgufFile file = seed_file();
            file.set(std::string("gemma3.") + key, value);
            const bool off = value == 0 && std::string_view(key).ends_with("softcapping");
            INFO(key << " " << value);
            CHECK(refusal(file).empty() == off);
        }
    }
}

TEST_CASE("gguf: other architectures and kinds of RoPE scaling are called by name") {
    for (const char* name : {"gemma3n", "gemma4", "gemma-embedding", "paligemma", "llama", "",
                             "GEMMA", "recurrentgemma", "t5"}) {
        GgufFile file = seed_file();
        file.set("general.architecture", name);
        CHECK(names(refusal(file), {"general.architecture", fmt::format("'{}'", name)}));
    }
    for (const char* type : {"yarn", "longrope", "dynamic", "LINEAR", ""}) {
        GgufFile file = seed_file();
        file.set("gemma3.rope.scaling.type", type);
        file.set("gemma3.rope.scaling.factor", 8.f);
        CHECK(names(refusal(file), {"rope.scaling.type", fmt::format("'{}'", type)}));
    }
}

TEST_CASE("gguf: tensor types that are legal but not supported") {
    for (const uint32_t id :
         {9u, 15u, 16u, 17u, 18u, 19u, 21u, 22u, 24u, 25u, 26u, 27u, 28u, 29u, 34u, 35u, 39u}) {
        GgufFile file = seed_file();
        support::GgufTensorEntry& entry = file.tensor("output_norm.weight");
        entry.type_id = id;
        entry.ne[0] = 256;
        entry.data.resize(256 * 8);
        CHECK(names(refusal(file), {"output_norm.weight"}));
    }
}

TEST_CASE("gguf B9, B10, D7: vocabularies that are none") {
    const GgufFile seed = seed_file();
    const auto data = support::tiny_tokenizer(512);
    const auto with_pieces = [&](auto change) {
        auto pieces = data.pieces;
        change(pieces);
        GgufFile file = seed;
        file.set("tokenizer.ggml.tokens", pieces);
        return refusal(file);
    };
    for (const char* bad : {"<0x-1>", "<0xZZ>", "<0xfg>", "<0xab>", "<0x 1>", "<0x+1>", "<0x1>",
                            "<0x100>", "0x0A", "<0x0A", "<0X0A>", "<0x0A>>", "byte"}) {
        const std::string message = with_pieces([&](auto& pieces) { pieces[40] = bad; });
        CHECK_FALSE(message.empty());
    }
    CHECK(names(with_pieces([](auto& p) { p[300] = ""; }), {"token 300", "empty"}));
    CHECK(
        names(with_pieces([](auto& p) { p[300] = std::string("a\0b", 3); }), {"token 300", "NUL"}));
    CHECK(names(with_pieces([](auto& p) { p[300] = p[299]; }), {"token 300", "token 299"}));
    CHECK(names(with_pieces([](auto& p) { p.clear(); }), {"tokenizer.ggml.scores", "512"}));
    CHECK(names(with_pieces([](auto& p) { p.pop_back(); }), {"tokenizer.ggml.scores", "511"}));
    for (const size_t n : {0u, 1u, 511u, 513u}) {
        GgufFile file = seed;
        file.set("tokenizer.ggml.scores", std::vector<float>(n));
        CHECK(names(refusal(file), {"tokenizer.ggml.scores", "one per token"}));
        file = seed;
        file.set("tokenizer.ggml.token_type", std::vector<int32_t>(n, 1));
        CHECK(names(refusal(file), {"tokenizer.ggml.token_type", "one per token"}));
    }
    for (const float bad : {std::nanf(""), std::numeric_limits<float>::infinity()}) {
        auto scores = data.scores;
        scores[400] = bad;
        GgufFile file = seed;
        file.set("tokenizer.ggml.scores", scores);
        CHECK(names(refusal(file), {"score of token 400"}));
    }
    for (const int32_t bad : {0, 7, -1, 1 << 30}) {
        auto types = data.types;
        types[400] = bad;
        GgufFile file = seed;
        file.set("tokenizer.ggml.token_type", types);
        CHECK(names(refusal(file), {"type of token 400", std::to_string(bad)}));
    }
    for (const char* kind : {"gpt2", "bert", "t5", "none", "", "gemma4"}) {
        GgufFile file = seed;
        file.set("tokenizer.ggml.model", kind);
        CHECK(names(refusal(file), {"tokenizer.ggml.model"}));
        file = seed;
        file.set("tokenizer.ggml.pre", fmt::format("x{}", kind));
        CHECK(names(refusal(file), {"tokenizer.ggml.pre"}));
    }
}

TEST_CASE("gguf B9: no unknown token") {
    GgufFile file = seed_file();
    auto data = support::tiny_tokenizer(512);
    data.types[3] = 1;
    data.pieces[3] = "three";
    file.set("tokenizer.ggml.token_type", data.types);
    file.set("tokenizer.ggml.tokens", data.pieces);
    CHECK(names(refusal(file), {"unknown token", "three"}));
}

TEST_CASE("gguf B11: token ids outside the vocabulary") {
    for (const char* key : {"bos", "eos", "unknown", "padding", "eot"}) {
        for (const uint32_t id : {512u, 0x7fffffffu, 0x80000000u, 0xffffffffu}) {
            GgufFile file = seed_file();
            file.set(fmt::format("tokenizer.ggml.{}_token_id", key), id);
            CHECK_FALSE(refusal(file).empty());
        }
    }
}

TEST_CASE("gguf B11: more rows than tokens are masked, more tokens than rows are cut") {
    support::TinyOptions options;
    options.extra_rows = 64;
    const auto more_rows = open(support::to_gguf(support::make_tiny(options)));
    CHECK(more_rows->config.vocab_size == 512);
    CHECK(more_rows->config.embedding_rows == 576);
    CHECK(more_rows->notices.size() == 1);

    GgufFile file = seed_file();
    auto data = support::tiny_tokenizer(520);
    file.set("tokenizer.ggml.tokens", data.pieces);
    file.set("tokenizer.ggml.scores", data.scores);
    file.set("tokenizer.ggml.token_type", data.types);
    const auto more_tokens = open(file);
    CHECK(more_tokens->config.vocab_size == 512);
    CHECK(more_tokens->tokenizer.pieces.size() == 512);
    CHECK(more_tokens->tokenizer.scores.size() == 512);
    CHECK(more_tokens->notices.size() == 1);

    data = support::tiny_tokenizer(512);
    data.pieces[508] = "<image_soft_token>";
    data.pieces[509] = "[PAD509]";
    data.pieces[510] = "[PAD510]";
    data.pieces[511] = "[PAD511]";
    file = seed_file();
    file.set("tokenizer.ggml.tokens", data.pieces);
    CHECK(open(file)->config.vocab_size == 508);
}

TEST_CASE("gguf A19: sets of parts that do not belong together") {
    const TinyModel tiny = support::make_tiny({});
    const auto message = [&](auto change) {
        const support::TempDir folder;
        const std::string path = folder.path();
        support::write_split_gguf(tiny, path, "tiny", 3);
        change(path);
        return support::refusal(
            [&] { (void)model::open_model(path + "/tiny-00001-of-00003.gguf"); });
    };
    const auto rewrite = [&](const std::string& file, const std::string& key, uint32_t value) {
        // Part 2 and 3 hold only the split keys and their tensors.
        const std::string text = model::read_text(file, 1u << 26);
        Bytes bytes;
        support::put_bytes(bytes, text);
        const size_t at = text.find(key) + key.size() + 4;
        bytes[at] = static_cast<std::byte>(value & 255);
        bytes[at + 1] = static_cast<std::byte>(value >> 8);
        support::write_file(file, bytes);
    };
    const std::string part2 = "/tiny-00002-of-00003.gguf";
    const std::string part1 = "/tiny-00001-of-00003.gguf";
    CHECK(
        names(message([&](auto& p) { std::filesystem::remove(p + part2); }), {"00002", "opened"}));
    CHECK(
        names(message([&](auto& p) { rewrite(p + part2, "split.no", 2); }), {"00002", "split.no"}));
    CHECK(names(message([&](auto& p) { rewrite(p + part2, "split.count", 4); }), {"split.count"}));
    CHECK(names(message([&](auto& p) { rewrite(p + part1, "split.count", 65535); }),
                {"split.count", "65535"}));
    CHECK(names(message([&](auto& p) { rewrite(p + part1, "split.count", 2); }),
                {"file name", "of-00002"}));
    CHECK(names(message([&](auto& p) { rewrite(p + part1, "split.no", 1); }), {"split.no"}));
    CHECK(names(message([&](auto& p) { rewrite(p + part1, "split.tensors.count", 7); }),
                {"split.tensors.count"}));
    CHECK(names(message([&](auto& p) {
                    std::filesystem::copy_file(p + part1, p + part2,
                                               std::filesystem::copy_options::overwrite_existing);
                }),
                {"split.no"}));
    CHECK(names(message([&](auto& p) { support::write_file(p + part2, "GGUF"); }), {"00002"}));
}

TEST_CASE("gguf A19: a later part alone names the first") {
    const support::TempDir folder;
    support::write_split_gguf(support::make_tiny({}), folder.path(), "tiny", 2);
    const std::string second = folder.path() / "tiny-00002-of-00002.gguf";
    CHECK_FALSE(support::refusal([&] { (void)model::open_model(second); }).empty());
}

TEST_CASE("gguf: a fault names the key of the file beside the field") {
    for (const char* architecture : {"gemma", "gemma2", "gemma3"}) {
        GgufFile file = seed_file(architecture == std::string("gemma")    ? Architecture::gemma
                                  : architecture == std::string("gemma2") ? Architecture::gemma2
                                                                          : Architecture::gemma3);
        const std::string prefix = std::string(architecture) + ".";
        GgufFile context = file;
        context.set(prefix + "context_length", 0u);
        CHECK(names(refusal(context), {prefix + "context_length (max_position_embeddings)"}));
        GgufFile rope = file;
        rope.set(prefix + "rope.freq_base", 0.5f);
        CHECK(names(refusal(rope), {prefix + "rope.freq_base (rope_theta)"}));
        GgufFile epsilon = file;
        epsilon.set(prefix + "attention.layer_norm_rms_epsilon", 5.0f);
        CHECK(names(refusal(epsilon), {prefix + "attention.layer_norm_rms_epsilon"}));
    }
}

TEST_CASE("a tokenizer's fault names the file") {
    const auto source = open(seed_file());
    source->tokenizer.pieces.clear();
    CHECK(names(support::refusal([&] { (void)model::make_tokenizer(*source); }),
                {"tiny.gguf: tokenizer: there are no tokens"}));
}
