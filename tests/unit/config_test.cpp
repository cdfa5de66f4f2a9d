// config: the tables of spec 1.2 and 1.3 as (file, layer) -> value, the fall-backs of published
// files, and every field broken in turn (reliability.md A21, A22, B7).
#include "model/config.h"

#include <cmath>

#include <nlohmann/json.hpp>

#include "model/config_builders.h"
#include "model/gguf_source.h"
#include "tests/support/catch.h"
#include "tests/support/hf_writer.h"
#include "tests/support/refusal.h"

using model::Architecture;
using model::Config;
using nlohmann::json;
using support::names;

namespace {

Config build(const json& file, std::vector<std::string>* notices = nullptr) {
    std::vector<std::string> own;
    std::vector<std::string>& list = notices != nullptr ? *notices : own;
    const std::string text = file.dump();
    Config config =
        model::config_from_json(model::parse_json(text, "config.json"), "config.json", list);
    for (const std::string& notice : model::validate(config, "config.json")) {
        list.push_back(notice);
    }
    return config;
}

std::string refusal(const json& file) {
    return support::refusal([&] { (void)build(file); });
}

/// What the hub's text_config of a size holds, and nothing more (spec 4.2).
json gemma3(uint32_t n_layers, uint32_t d, uint32_t ff, uint32_t window, bool scaled) {
    json text = {{"model_type", "gemma3_text"},
                 {"hidden_size", d},
                 {"intermediate_size", ff},
                 {"num_hidden_layers", n_layers},
                 {"sliding_window", window}};
    if (scaled) {
        text["rope_scaling"] = {{"rope_type", "linear"}, {"factor", 8.0}};
    }
    return {{"model_type", "gemma3"}, {"text_config", text}};
}

json gemma2(uint32_t n_layers, uint32_t d, uint32_t heads, uint32_t head_dim) {
    return {{"model_type", "gemma2"},       {"hidden_size", d},
            {"intermediate_size", 4 * d},   {"num_hidden_layers", n_layers},
            {"num_attention_heads", heads}, {"num_key_value_heads", heads / 2},
            {"head_dim", head_dim},         {"vocab_size", 256000},
            {"sliding_window", 4096}};
}

std::vector<uint32_t> global_layers(const Config& config) {
    std::vector<uint32_t> layers;
    for (uint32_t i = 0; i < config.layers.size(); ++i) {
        if (!config.layers[i].is_local()) {
            layers.push_back(i);
        }
    }
    return layers;
}

}  // namespace

TEST_CASE("config: the Gemma 3 sizes, from what their files really contain") {
    const struct {
        uint32_t n_layers, d, ff, window, heads, kv, head_dim, context;
        double scalar, factor;
        std::vector<uint32_t> global;
    } sizes[] = {
        {18, 640, 2048, 512, 4, 1, 256, 32768, 256, 1, {5, 11, 17}},
        {26, 1152, 6912, 512, 4, 1, 256, 32768, 256, 1, {5, 11, 17, 23}},
        {34, 2560, 10240, 1024, 8, 4, 256, 131072, 256, 8, {5, 11, 17, 23, 29}},
        {48, 3840, 15360, 1024, 16, 8, 256, 131072, 256, 8, {5, 11, 17, 23, 29, 35, 41, 47}},
        {62,
         5376,
         21504,
         1024,
         32,
         16,
         128,
         131072,
         168,
         8,
         {5, 11, 17, 23, 29, 35, 41, 47, 53, 59}},
    };
    for (const auto& size : sizes) {
        for (const bool stated : {true, false}) {
            INFO(size.n_layers << " layers, scaling stated " << stated);
            const Config c = build(
                gemma3(size.n_layers, size.d, size.ff, size.window, stated && size.factor > 1));
            CHECK(c.architecture == Architecture::gemma3);
            CHECK(c.num_attention_heads == size.heads);
            CHECK(c.num_key_value_heads == size.kv);
            CHECK(c.head_dim == size.head_dim);
            CHECK(c.max_position_embeddings == size.context);
            CHECK(c.query_pre_attn_scalar == size.scalar);
            CHECK(c.rms_norm_eps == 1e-6f);
            CHECK(c.attn_logit_softcapping == 0);
            CHECK(c.final_logit_softcapping == 0);
            CHECK(c.qk_norm);
            CHECK(c.post_norms);
            CHECK(c.tied_embeddings);
            CHECK(global_layers(c) == size.global);
            for (const model::LayerConfig& layer : c.layers) {
                CHECK(layer.rope_theta == (layer.is_local() ? 10000 : 1e6));
                CHECK(layer.rope_factor == (layer.is_local() ? 1 : size.factor));
                CHECK((layer.sliding_window == 0 || layer.sliding_window == size.window));
            }
        }
    }
    CHECK(build(gemma3(62, 5376, 21504, 1024, true)).attention_scale() ==
          static_cast<float>(1 / std::sqrt(168.0)));
    CHECK(build(gemma3(34, 2560, 10240, 1024, true)).attention_scale() == 0.0625f);
}

TEST_CASE("config: the Gemma 2 sizes, and the outdated 224 of the 9B") {
    const struct {
        uint32_t n_layers, d, heads, head_dim;
        double scalar;
    } sizes[] = {{26, 2304, 8, 256, 256}, {42, 3584, 16, 256, 256}, {46, 4608, 32, 128, 144}};
    for (const auto& size : sizes) {
        const Config c = build(gemma2(size.n_layers, size.d, size.heads, size.head_dim));
        CHECK(c.query_pre_attn_scalar == size.scalar);
        CHECK(c.attn_logit_softcapping == 50);
        CHECK(c.final_logit_softcapping == 30);
        CHECK_FALSE(c.qk_norm);
        CHECK(c.max_position_embeddings == 8192);
        for (uint32_t i = 0; i < size.n_layers; ++i) {
            CHECK(c.layers[i].sliding_window == (i % 2 == 0 ? 4096u : 0u));
            CHECK(c.layers[i].rope_theta == 10000);
        }
    }
    json old = gemma2(42, 3584, 16, 256);
    old["query_pre_attn_scalar"] = 224;
    std::vector<std::string> notices;
    CHECK(build(old, &notices).query_pre_attn_scalar == 256);
    REQUIRE(notices.size() == 1);
    CHECK(notices[0].find("224") != std::string::npos);
}

TEST_CASE("config: Gemma 1 has no window, no caps, two norms, and ignores hidden_act") {
    json file = gemma2(18, 2048, 8, 256);
    file["model_type"] = "gemma";
    file["hidden_act"] = "gelu";
    file.erase("sliding_window");
    const Config c = build(file);
    CHECK(global_layers(c).size() == 18);
    CHECK(c.attn_logit_softcapping == 0);
    CHECK(c.final_logit_softcapping == 0);
    CHECK_FALSE(c.post_norms);
    CHECK(c.query_pre_attn_scalar == 256);
}

TEST_CASE("config: newer spellings: rope_parameters, layer_types, pattern, null caps") {
    json file = gemma3(34, 2560, 10240, 1024, false);
    file["text_config"]["rope_parameters"] = {
        {"full_attention", {{"rope_theta", 2e6}, {"rope_type", "linear"}, {"factor", 4.0}}},
        {"sliding_attention", {{"rope_theta", 20000}, {"rope_type", "default"}}}};
    Config c = build(file);
    CHECK(c.layers[5].rope_theta == 2e6);
    CHECK(c.layers[5].rope_factor == 4);
    CHECK(c.layers[4].rope_theta == 20000);
    CHECK(c.layers[4].rope_factor == 1);

    file = gemma3(34, 2560, 10240, 1024, true);
    file["text_config"]["_sliding_window_pattern"] = 3;
    CHECK(global_layers(build(file)).size() == 11);
    json types = json::array();
    for (int i = 0; i < 34; ++i) {
        types.push_back(i == 7 ? "full_attention" : "sliding_attention");
    }
    file["text_config"]["layer_types"] = types;  // wins over the pattern
    CHECK(global_layers(build(file)) == std::vector<uint32_t>{7});

    json two = gemma2(26, 2304, 8, 256);
    two["final_logit_softcapping"] = nullptr;
    CHECK(build(two).final_logit_softcapping == 0);
    CHECK(build(two).attn_logit_softcapping == 50);
    two["tie_word_embeddings"] = false;
    CHECK_FALSE(build(two).tied_embeddings);
}

TEST_CASE("config B7: every field under every wrong value") {
    support::TinyOptions options;
    const json seed = json::parse(support::config_json(support::make_tiny(options)));
    REQUIRE(refusal(seed).empty());
    const json wrong[] = {
        "text",       -1, 1.5, true, json::array(), json::object(), 18446744073709551615ull,
        4294967296ull};
    for (const char* field :
         {"hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads",
          "num_key_value_heads", "head_dim", "vocab_size", "max_position_embeddings",
          "sliding_window", "sliding_window_pattern", "_sliding_window_pattern"}) {
        for (const json& value : wrong) {
            json file = seed;
            file.erase("layer_types");
            file[field] = value;
            INFO(field << " " << value);
            CHECK(names(refusal(file), {"config.json", field[0] == '_' ? field + 1 : field}));
        }
    }
    for (const char* field :
         {"rms_norm_eps", "rope_theta", "rope_local_base_freq", "query_pre_attn_scalar",
          "attn_logit_softcapping", "final_logit_softcapping"}) {
        for (const json& value : {json("text"), json(-1), json(true), json::array(), json::object(),
                                  json(1e39), json(-1e-9)}) {
            json file = seed;
            file[field] = value;
            INFO(field << " " << value);
            CHECK(names(refusal(file), {"config.json"}));
        }
    }
    for (const char* field :
         {"attention_bias", "tie_word_embeddings", "use_bidirectional_attention"}) {
        for (const json& value : {json("text"), json(1), json::array(), json::object()}) {
            json file = seed;
            file[field] = value;
            CHECK(names(refusal(file), {field}));
        }
    }
    for (const char* field : {"rope_scaling", "rope_parameters"}) {
        for (const json& value :
             {json("text"), json(1), json::array(), json(true),
              json{{"rope_type", "yarn"}, {"factor", 2}}, json{{"rope_type", "llama3"}},
              json{{"type", "dynamic"}}, json{{"rope_type", "linear"}},
              json{{"rope_type", "linear"}, {"factor", 0}}, json{{"rope_type", 1}},
              json{{"rope_type", "linear"}, {"factor", "8"}},
              json{{"rope_type", "linear"}, {"factor", -8}}}) {
            json file = seed;
            file[field] = value;
            INFO(field << " " << value);
            CHECK_FALSE(refusal(file).empty());
        }
    }
    for (const json& value :
         {json("x"), json(1), json::object(), json::array({"full_attention"}),
          json::array({1, 2, 3, 4, 5, 6, 7}), json::array({"a", "b", "c", "d", "e", "f", "g"})}) {
        json file = seed;
        file["layer_types"] = value;
        CHECK(names(refusal(file), {"layer_types"}));
    }
}

TEST_CASE("config: sizes that the kernels cannot read are refused, not met with an abort") {
    for (const char* field : {"head_dim", "hidden_size", "intermediate_size"}) {
        json file = gemma2(26, 2304, 8, 256);
        file[field] = 258;
        INFO(field);
        CHECK(names(refusal(file), {field, "a multiple of 4"}));
    }
}

TEST_CASE("config B7: fields missing, null, and what is out of scope") {
    const json seed = json::parse(support::config_json(support::make_tiny({})));
    for (const char* field :
         {"hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads",
          "num_key_value_heads", "head_dim", "model_type", "sliding_window"}) {
        json file = seed;
        file.erase(field);
        CHECK(names(refusal(file), {field}));
        if (field != std::string("sliding_window")) {  // null: no window
            file[field] = nullptr;
            CHECK(names(refusal(file), {field}));
        }
    }
    CHECK(names(refusal(json::object()), {"model_type"}));
    for (const json& value : {json(1), json("text"), json::array(), json(nullptr)}) {
        CHECK_FALSE(refusal(value).empty());
    }
    for (const char* type : {"gemma3n", "gemma3n_text", "gemma4", "paligemma", "recurrent_gemma",
                             "t5gemma", "llama", "", "Gemma"}) {
        json file = seed;
        file["model_type"] = type;
        CHECK(names(refusal(file), {"model_type", fmt::format("'{}'", type)}));
    }
    for (const auto& [field, value] : std::vector<std::pair<std::string, json>>{
             {"attention_bias", true},
             {"use_bidirectional_attention", true},
             {"hidden_activation", "relu"},
             {"quantization_config", {{"quant_method", "bitsandbytes"}}}}) {
        json file = seed;
        file[field] = value;
        CHECK(names(refusal(file), {field}));
    }
}

TEST_CASE("config: fall-backs of GGUF files, those of Ollama too") {
    const auto open = [](auto change) {
        support::TinyOptions options;
        options.config =
            support::tiny_config(Architecture::gemma3, {.hidden_size = 8,
                                                        .intermediate_size = 8,
                                                        .num_hidden_layers = 34,
                                                        .num_attention_heads = 2,
                                                        .head_dim = 4,
                                                        .vocab_size = 384,
                                                        .max_position_embeddings = 131072});
        support::GgufFile file = support::to_gguf(support::make_tiny(options));
        file.remove("gemma3.attention.sliding_window_pattern");
        file.remove("gemma3.attention.layer_norm_rms_epsilon");
        change(file);
        const support::Bytes bytes = file.build().bytes;
        return model::open_gguf(std::make_unique<model::MemorySource>("x", bytes));
    };
    auto source = open([](support::GgufFile& file) {
        file.remove("gemma3.rope.freq_base");
        file.set("gemma3.rope.global.freq_base", 2e6f);
        file.set("gemma3.rope.local.freq_base", 20000.f);
        file.tensors.push_back({"v.blk.0.attn_q.weight", {4}, 0, support::Bytes(16)});
        file.tensors.push_back({"mm.input_projection.weight", {64}, 16, {}});
        file.tensors.back() = {"mm.input_projection.weight", {256}, 16, support::Bytes(66)};
    });
    CHECK(source->config.layers[5].rope_theta == 2e6);
    CHECK(source->config.layers[4].rope_theta == 20000);
    CHECK(source->config.layers[5].rope_factor == 8);
    CHECK(source->config.layers[4].rope_factor == 1);
    CHECK(source->config.rms_norm_eps == 1e-6f);
    CHECK(source->notices.size() == 2);  // factor, image tensors
    CHECK(source->find("v.blk.0.attn_q.weight") == nullptr);

    source = open([](support::GgufFile& file) {
        file.remove("gemma3.attention.key_length");
        file.remove("gemma3.attention.value_length");
        file.set("gemma3.rope.scaling.type", "none");
        file.remove("gemma3.rope.freq_base");
        file.set("gemma3.final_logit_softcapping", 20.f);
    });
    CHECK(source->config.head_dim == 4);
    CHECK(source->config.layers[5].rope_factor == 1);
    CHECK(source->config.layers[5].rope_theta == 1e6);
    CHECK(source->config.final_logit_softcapping == 20);

    source = open([](support::GgufFile& file) { file.remove("gemma3.attention.sliding_window"); });
    CHECK(global_layers(source->config).size() == 34);
}

TEST_CASE("config: output.weight counts for gemma3 only") {
    for (const auto a : {Architecture::gemma, Architecture::gemma2, Architecture::gemma3}) {
        support::TinyOptions options;
        options.config = support::tiny_config(a);
        options.config.tied_embeddings = false;
        const support::TinyModel tiny = support::make_tiny(options);
        const support::Bytes bytes = support::to_gguf(tiny).build().bytes;
        const auto source = model::open_gguf(std::make_unique<model::MemorySource>("x", bytes));
        const bool own_head = a == Architecture::gemma3;
        CHECK(source->config.tied_embeddings == !own_head);
        CHECK((source->find("output.weight") != nullptr) == own_head);
        CHECK(source->notices.size() == (own_head ? 0u : 1u));
    }
}
