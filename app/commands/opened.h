// What every command that runs a model begins with: device, model, session, said in one line.
#pragma once

#include "app/commands/args.h"
#include "gpu/profiler.h"
#include "model/model.h"
#include "model/sampler.h"
#include "model/session.h"
#include "model/source.h"

#include <functional>
#include <memory>
#include <string>

namespace app {

/// Prints the table of what was profiled, then deletes it.
struct PrintProfile {
    void operator()(gpu::Profiler* profiler) const;
};

/// Members in order of dependence: the session goes first at the end.
struct Opened {
    std::unique_ptr<gpu::Profiler, PrintProfile> profiler;  // set by LAPIDARY_PERF=1
    std::unique_ptr<model::Runtime> runtime;
    std::shared_ptr<const model::Model> model;
    std::unique_ptr<model::Session> session;
    model::Path path = model::Path::plain;  // of the session
    double load_ms = 0;

    model::SamplingParams default_sampling() const;
};

/// -m, or the shipped model.
std::string model_path(const Options& options);

/// Throws for what the model's files and its tokenizer already show to be wrong.
using FilesCheck = std::function<void(const model::ModelFiles& files)>;

/// Open model, device and a session with `session_options`. Notes go to stderr: progress where it
/// is a terminal, the device when it is a CPU, notices of the file. Ctrl-C throws base::Cancelled.
/// `check` is called before a device is woken; a context beyond the model's is refused there too.
Opened open_session(const Options& options, const model::SessionOptions& session_options,
                    const FilesCheck& check = {});
/// Throws base::Error(usage) where a text of `n_tokens` does not fit the context asked for.
void check_room(size_t n_tokens, const model::SessionOptions& session, const model::Config& config);

/// Reads -f into the prompt, before anything is loaded. Throws base::Error(usage).
void take_text_file(Options& options);
/// The model's file without its weights and without a device, for checks that come before both.
std::unique_ptr<model::ModelSource> peek_model(const Options& options);
/// The whole of a file, "-" for standard input; one that is longer, or never ends, is refused.
constexpr uint64_t kTextBytes = 16ull << 20;
std::string read_text_file(const std::string& path, uint64_t max_bytes = kTextBytes);

/// Text of one token for JSON and tables: its bytes, or the piece of a control token.
std::string token_text(const model::Tokenizer& tokenizer, model::TokenId id);

}  // namespace app
