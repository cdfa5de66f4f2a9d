// A model of a real Gemma's exact shape with random weights, for measuring where real weights are
// not at hand: speed and memory depend on shapes and types alone.
//
//   random_model SHAPE TYPE OUT.gguf        random_model gemma2-2b Q4_0 /tmp/gemma2-2b.gguf
#include <exception>
#include <map>
#include <optional>
#include <string>

#include <fmt/format.h>

#include "gpu/base.h"
#include "model/dtype.h"
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

int write(const std::string& name, const std::string& type, const std::string& path) {
    const auto shape = kShapes.find(name);
    const std::optional<model::DType> dtype = model::dtype_from_name(type);
    if (shape == kShapes.end() || !dtype) {
        std::string known;
        for (const auto& [known_name, unused] : kShapes) {
            known += " " + known_name;
        }
        fmt::print(stderr, "random_model: no shape '{}' or no type '{}'; shapes:{}\n", name, type,
                   known);
        return 2;
    }
    support::TinyOptions options;
    options.config = support::tiny_config(shape->second.architecture, shape->second.sizes);
    options.matrices = *dtype;
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
