// Between run.cpp, run_batch.cpp and chat.cpp.
#pragma once

#include "app/commands/generate.h"
#include "app/commands/opened.h"

#include <optional>
#include <string>
#include <vector>

namespace app {

/// One line of a batch file.
struct BatchLine {
    size_t number = 0;  // of the file's lines, from 1, empty ones counted
    std::optional<std::string> prompt;
    std::vector<model::Turn> turns;
    std::optional<int32_t> n;
    std::optional<double> temperature;
    std::optional<uint64_t> seed;
};

/// Throws base::Error(usage) naming file, line and what is wrong with it.
std::vector<BatchLine> read_batch(const std::string& path);
std::vector<BatchLine> parse_batch(std::string_view text, const std::string& path);
int run_batch(const Options& options, Opened& opened, const std::vector<BatchLine>& lines);

/// [{"id","text","logprob"},...]
std::string top_json(const model::Tokenizer& tokenizer,
                     const std::vector<std::pair<model::TokenId, float>>& top);
/// The conversation as this model wants it, with the texts that end its answer.
void put_turns(GenerateRequest& request, const model::Tokenizer& tokenizer,
               const std::vector<model::Turn>& turns);
/// Says on stderr that a base model is asked in a frame; nothing for other models.
void say_frame(const model::Tokenizer& tokenizer);
/// Says a seed that was chosen at random.
void say_seed(const Options& options, const model::SamplingParams& sampling);

}  // namespace app
