// A model of a real Gemma's exact shape with random weights, for measuring where real weights are
// not at hand: speed and memory depend on shapes and types alone.
//
//   random_model SHAPE TYPE OUT.gguf        random_model gemma2-2b Q4_0 /tmp/gemma2-2b.gguf
//
// TYPE is one type for all matrices, or Q4_K_M: the mix of types that llama-quantize makes.
#include <exception>
#include <fstream>
#include <map>
#include <optional>
#include <string>

#include <fmt/format.h>

#include "gpu/base.h"
#include "model/dtype.h"
#include "model/fit.h"
#include "tests/support/model_writer.h"

namespace {

struct Shape {
    model::Architecture architecture;
    support::TinySizes sizes;
};

// Spec 1.2.
const std::map<std::string, Shape> kShapes{
    {"gemma-2b",
     {model::Architecture::gemma,
      {.hidden_size = 2048,
       .intermediate_size = 16384,
       .num_hidden_layers = 18,
       .num_attention_heads = 8,
       .num_key_value_heads = 1,
       .head_dim = 256,
       .vocab_size = 256000,
       .max_position_embeddings = 8192}}},
    {"gemma2-2b",
     {model::Architecture::gemma2,
      {.hidden_size = 2304,
       .intermediate_size = 9216,
       .num_hidden_layers = 26,
       .num_attention_heads = 8,
       .num_key_value_heads = 4,
       .head_dim = 256,
       .vocab_size = 256000,
       .sliding_window = 4096,
       .max_position_embeddings = 8192}}},
    {"gemma3-270m",
     {model::Architecture::gemma3,
      {.hidden_size = 640,
       .intermediate_size = 2048,
       .num_hidden_layers = 18,
       .num_attention_heads = 4,
       .num_key_value_heads = 1,
       .head_dim = 256,
       .vocab_size = 262144,
       .sliding_window = 512,
       .max_position_embeddings = 32768}}},
    {"gemma3-1b",
     {model::Architecture::gemma3,
      {.hidden_size = 1152,
       .intermediate_size = 6912,
       .num_hidden_layers = 26,
       .num_attention_heads = 4,
       .num_key_value_heads = 1,
       .head_dim = 256,
       .vocab_size = 262144,
       .sliding_window = 512,
       .max_position_embeddings = 32768}}},
};

/// The types of a Q4_K_M file, by tensor.
std::map<std::string, model::DType> mixed_types(const support::TinySizes& sizes) {
    using model::MixRole;
    const uint32_t n = sizes.num_hidden_layers, d = sizes.hidden_size;
    const auto type = [&](MixRole role, uint32_t layer, uint32_t row_length) {
        return model::mixed_type(model::QuantMix::q4_k_m, role, row_length, layer, n);
    };
    std::map<std::string, model::DType> types{
        {"token_embd.weight", type(MixRole::embedding, 0, d)}};
    for (uint32_t l = 0; l < n; ++l) {
        const std::string layer = fmt::format("blk.{}.", l);
        for (const char* name : {"attn_q", "attn_k", "ffn_gate", "ffn_up"}) {
            types[layer + name + ".weight"] = type(MixRole::matrix, l, d);
        }
        types[layer + "attn_v.weight"] = type(MixRole::rich, l, d);
        types[layer + "attn_output.weight"] =
            type(MixRole::matrix, l, sizes.num_attention_heads * sizes.head_dim);
        types[layer + "ffn_down.weight"] = type(MixRole::rich, l, sizes.intermediate_size);
    }
    return types;
}

int write(const std::string& name, const std::string& type, const std::string& path) {
    const auto shape = kShapes.find(name);
    const bool mixed = type == model::quant_mix_name(model::QuantMix::q4_k_m);
    const std::optional<model::DType> dtype =
        mixed ? model::DType::q4_k : model::dtype_from_name(type);
    if (shape == kShapes.end() || !dtype) {
        std::string known;
        for (const auto& [known_name, unused] : kShapes) {
            known += " " + known_name;
        }
        fmt::print(stderr,
                   "random_model: no shape '{}' or no type '{}'; shapes:{}; types as in Q8_0, or "
                   "Q4_K_M\n",
                   name, type, known);
        return 2;
    }
    // Before the weights are drawn, which takes a while.
    if (!std::ofstream(path, std::ios::binary | std::ios::app)) {
        fmt::print(stderr, "random_model: {} cannot be written\n", path);
        return 1;
    }
    support::TinyOptions options;
    options.config = support::tiny_config(shape->second.architecture, shape->second.sizes);
    options.matrices = *dtype;
    if (mixed) {
        options.types = mixed_types(shape->second.sizes);
    }
    support::write_gguf(support::make_tiny(options), path);
    return 0;
}

}  // namespace

int main(int argc, char** argv) {
    if (argc != 4) {
        fmt::print(stderr, "usage: random_model SHAPE TYPE OUT.gguf\n");
        return 2;
    }
    try {
        return write(argv[1], argv[2], argv[3]);
    } catch (const std::exception& error) {
        fmt::print(stderr, "random_model: {}\n", error.what());
        return 1;
    }
}
