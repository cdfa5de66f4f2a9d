// config.json, generation_config.json and a shard index of a stranger, all from the same text.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "gpu/base.h"
#include "model/config_builders.h"
#include "model/hf_source.h"
#include "model/json_reader.h"
#include "model/tensor_names.h"
#include "model/tokenizer_files.h"

namespace {

template <class Function>
void attempt(Function&& function) {
    try {
        function();
    } catch (const base::Error&) {
        // Refused, as it should be.
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    attempt([&] {
        std::vector<std::string> notices;
        const model::Json json = model::parse_json(text, "fuzz");
        model::Config config = model::config_from_json(json, "fuzz", notices);
        model::validate(config, "fuzz");
        CHECK(config.layers.size() == config.num_hidden_layers);
        CHECK(!model::expected_tensors(config).empty());
    });
    attempt([&] {
        model::TokenizerData tokenizer;
        model::read_token_ids(tokenizer, model::parse_json(text, "fuzz"), "fuzz");
    });
    attempt([&] {
        model::TokenizerData tokenizer;
        model::parse_generation_config(tokenizer, text, "fuzz");
    });
    attempt([&] {
        for (const std::string& name : model::parse_shard_index(text, "fuzz")) {
            CHECK(name.find('/') == std::string::npos && name[0] != '.', "{}", name);
        }
    });
    return 0;
}
