// TokenizerData from GGUF metadata (spec 4.5).
#include "model/config_builders.h"
#include "model/file_error.h"
#include "model/tokenizer_files.h"

namespace model {

namespace {

int32_t token_id(const Gguf& gguf, std::string_view key, int32_t standard) {
    const std::optional<uint32_t> id = gguf.count(key);
    if (id && *id > INT32_MAX) {
        gguf.fail(key, fmt::format("{}", *id), "a token id");
    }
    return id ? static_cast<int32_t>(*id) : standard;
}

void read_token_ids(TokenizerData& data, const Gguf& gguf) {
    data.bos_id = token_id(gguf, "tokenizer.ggml.bos_token_id", 2);
    data.eos_id = token_id(gguf, "tokenizer.ggml.eos_token_id", 1);
    data.unk_id = token_id(gguf, "tokenizer.ggml.unknown_token_id", 3);
    data.pad_id = token_id(gguf, "tokenizer.ggml.padding_token_id", 0);
    for (const std::string_view key :
         {"tokenizer.ggml.eot_token_id", "tokenizer.ggml.eos_token_id"}) {
        if (gguf.find(key) != nullptr) {
            data.stop_ids.push_back(token_id(gguf, key, 0));
        }
    }
    data.chat_template = gguf.text("tokenizer.chat_template").value_or("");
}

}  // namespace

TokenizerData tokenizer_from_gguf(const Gguf& gguf) {
    const std::string model = gguf.text("tokenizer.ggml.model").value_or("");
    if (model == "gpt2") {
        gguf.fail("tokenizer.ggml.model", "'gpt2' (a list of merges)", "'llama' (SentencePiece)",
                  "Convert the model again with its tokenizer.model beside it.");
    }
    if (model != "llama") {
        gguf.fail("tokenizer.ggml.model", model.empty() ? "nothing" : fmt::format("'{}'", model),
                  "'llama' (SentencePiece)");
    }
    const std::string pre = gguf.text("tokenizer.ggml.pre").value_or("default");
    if (pre != "default") {
        gguf.fail("tokenizer.ggml.pre", fmt::format("'{}'", pre), "'default'");
    }
    TokenizerData data;
    const GgufArray* tokens = gguf.array("tokenizer.ggml.tokens", GgufType::string);
    if (tokens == nullptr) {
        gguf.fail("tokenizer.ggml.tokens", "nothing", "the list of pieces");
    }
    data.pieces = tokens->strings;
    const auto check_length = [&](std::string_view key, const GgufArray* array) {
        if (array != nullptr && array->count != tokens->count) {
            gguf.fail(key, fmt::format("{} entries", array->count),
                      fmt::format("{}, one per token", tokens->count));
        }
        return array != nullptr;
    };
    const GgufArray* scores = gguf.array("tokenizer.ggml.scores", GgufType::f32);
    if (check_length("tokenizer.ggml.scores", scores)) {
        for (uint64_t i = 0; i < scores->count; ++i) {
            data.scores.push_back(scores->number<float>(i));
        }
    }
    const GgufArray* types = gguf.array("tokenizer.ggml.token_type", GgufType::i32);
    if (check_length("tokenizer.ggml.token_type", types)) {
        for (uint64_t i = 0; i < types->count; ++i) {
            data.types.push_back(types->number<int32_t>(i));
        }
    }
    read_token_ids(data, gguf);
    fill_scores(data);
    check_tokenizer(data, gguf.file);
    return data;
}

}  // namespace model
