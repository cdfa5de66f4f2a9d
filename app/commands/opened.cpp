#include "app/commands/opened.h"

#include "app/commands/console.h"
#include "app/commands/interrupt.h"
#include "app/engine/engine.h"
#include "app/library/fit_check.h"
#include "app/recordings/recording.h"
#include "gpu/clock.h"
#include "model/self_test.h"

#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <utility>

namespace app {

namespace {

/// A line that is written over, on terminals only.
class ProgressLine {
public:
    ProgressLine() : shown_(::isatty(STDERR_FILENO) == 1) {}
    ~ProgressLine() { clear(); }
    ProgressLine(const ProgressLine&) = delete;
    ProgressLine& operator=(const ProgressLine&) = delete;

    void show(const model::LoadProgress& progress) {
        const uint64_t percent = progress.total == 0 ? 0 : 100 * progress.done / progress.total;
        if (shown_ && (percent != last_ || stage_ != progress.stage)) {
            last_ = percent;
            stage_ = progress.stage;
            tell("\r\x1b[Kloading: {} {} %", progress.stage, percent);
        }
    }
    void clear() {
        if (shown_ && !stage_.empty()) {
            tell("\r\x1b[K");
            stage_.clear();
        }
    }

private:
    bool shown_;
    uint64_t last_ = 0;
    std::string stage_;
};

}  // namespace

void PrintProfile::operator()(gpu::Profiler* profiler) const {
    tell_text(profiler->table());
    delete profiler;
}

model::SamplingParams Opened::default_sampling() const {
    const bool base = model::chat_format(model->tokenizer) == model::ChatFormat::question_answer;
    return model::default_sampling(model->config, model->sampling, base);
}

std::string model_path(const Options& options) {
    return options.model.empty() ? shipped_model_path() : options.model;
}

namespace {

/// What to give instead of a folder that is no model: the one GGUF file in it, if it is one.
std::string folder_hint(const std::string& folder) {
    std::string only;
    std::error_code failed;
    for (const auto& entry : std::filesystem::directory_iterator(folder, failed)) {
        if (entry.path().extension() == ".gguf") {
            if (!only.empty()) {
                return "It holds several GGUF files: give one of them with -m.";
            }
            only = entry.path().string();
        }
    }
    return only.empty() ? "Give a GGUF file or a Hugging Face folder with -m."
                        : fmt::format("It holds one GGUF file: -m {}", base::escaped(only, 400));
}

std::string existing_model(const Options& options) {
    std::string path = model_path(options);
    if (::access(path.c_str(), R_OK) != 0) {
        const int error = errno;
        throw base::Error(base::ErrorKind::model,
                          fmt::format("{}: {}", base::escaped(path), std::strerror(error)),
                          error == EACCES
                              ? "You may not read it: its permissions, or those of a folder above "
                                "it, do not allow it."
                              : "Give a GGUF file or a Hugging Face folder with -m.");
    }
    if (is_recording(path)) {
        throw base::Error(
            base::ErrorKind::model,
            base::escaped(path, 400) + " is a recording, which holds no model",
            fmt::format("`lapidary {}` opens it in the window; -m takes a GGUF file or "
                        "a Hugging Face folder.",
                        base::escaped(path, 400)));
    }
    std::error_code failed;
    if (std::filesystem::is_directory(path, failed) &&
        !std::filesystem::exists(std::filesystem::path(path) / "config.json", failed)) {
        throw base::Error(base::ErrorKind::model,
                          base::escaped(path) + " is a folder without config.json",
                          folder_hint(path));
    }
    return path;
}

/// The path that was asked for, else the fast one where it can run and runs right, and plain for
/// fingerprints.
model::Path chosen_path(const Options& options, Opened& opened) {
    if (options.path) {
        return *options.path;
    }
    if (options.hash) {
        return model::Path::plain;
    }
    const std::string obstacle = model::why_not_fast(*opened.runtime, opened.model, interrupted);
    if (!obstacle.empty()) {
        tell("lapidary: the plain path, which is slower, is used: {}\n", obstacle);
    }
    return obstacle.empty() ? model::Path::fast : model::Path::plain;
}

/// What is on this machine, as far as two seconds find it out.
std::vector<FoundModel> found_models() {
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(2);
    const auto late = [&] { return interrupted() || std::chrono::steady_clock::now() > end; };
    std::vector<FoundModel> models =
        find_models(search_roots({}, [](const char* name) { return std::getenv(name); }), {}, late);
    for (FoundModel& found : models) {
        if (!late()) {
            describe(found);
        }
    }
    return models;
}

/// A context that the model was not made for.
void check_context(uint32_t n_ctx, const model::Config& config) {
    if (n_ctx > config.max_position_embeddings) {
        throw base::Error(base::ErrorKind::usage,
                          fmt::format("-c is {}, the model has {} positions", n_ctx,
                                      config.max_position_embeddings),
                          fmt::format("Give at most -c {}.", config.max_position_embeddings));
    }
}

/// Refuses a model that does not fit, with what would; a context that nobody asked for is
/// shortened instead.
void fit_session(const Options& options, const model::ModelSource& source,
                 const gpu::Device& device, model::SessionOptions& session) {
    WhatElse what{.path = source.path, .device = options.device};
    what.devices.push_back(device.info());
    what.devices[0].heaps = device.heaps();
    const FitQuestion question{
        source.config, model::planned_weight_bytes(source, model::weight_limits(device.info())),
        session.n_ctx, session.type_k, session.type_v};
    const FitReport report = check_fit(what.devices[0], question);
    if (report.fits()) {
        return;
    }
    if (session.n_ctx == 0 && report.best_n_ctx != 0) {
        session.n_ctx = report.best_n_ctx;
        tell(
            "lapidary: the context was shortened to {} tokens to fit the device's memory; --fit "
            "off loads it as it is\n",
            session.n_ctx);
        return;
    }
    for (gpu::DeviceInfo& other : gpu::list_devices()) {
        if (other.uuid != device.info().uuid) {
            what.devices.push_back(std::move(other));
        }
    }
    what.models = found_models();
    if (!options.model.empty()) {
        what.shipped = shipped_model_path();
    }
    const std::optional<Refusal> refusal = refuse_if_too_large(source, question, what);
    throw base::Error(base::ErrorKind::out_of_memory, refusal->message,
                      refusal->hint + "\n  - Load it anyway: --fit off");
}

}  // namespace

void check_room(size_t n_tokens, const model::SessionOptions& session,
                const model::Config& config) {
    const uint32_t most = config.max_position_embeddings;
    const uint32_t n_ctx =
        session.n_ctx != 0 ? session.n_ctx : std::min(model::kDefaultContext, most);
    if (n_tokens > n_ctx) {
        throw base::Error(
            base::ErrorKind::usage,
            fmt::format("the text has {} tokens, the context holds {}", n_tokens, n_ctx),
            n_tokens > most
                ? fmt::format("Shorten the text: the model has {} positions.", most)
                : fmt::format("Shorten the text, or ask for a longer context: -c {}.", n_tokens));
    }
}

Opened open_session(const Options& options, const model::SessionOptions& session_options,
                    const FilesCheck& check) {
    const auto begin = base::Clock::now();
    install_interrupt();
    Opened opened;
    ProgressLine line;
    const model::LoadOptions load{
        .progress = [&](const model::LoadProgress& progress) { line.show(progress); },
        .stop = interrupted};
    // The files first: what they show to be wrong is told before a device is woken.
    model::ModelFiles files = model::open_files(existing_model(options), load);
    line.clear();
    check_context(session_options.n_ctx, files.source->config);
    if (check) {
        check(files);
    }
    opened.runtime =
        std::make_unique<model::Runtime>(gpu::DeviceOptions{.selector = options.device});
    const gpu::DeviceInfo& device = opened.runtime->device.info();
    if (device.type == gpu::DeviceType::cpu) {
        tell("lapidary: computing on the CPU ({}), which is slow: {}\n", device.name,
             opened.runtime->device.why_chosen());
    }
    model::SessionOptions with_stop = session_options;
    if (options.fit) {
        fit_session(options, *files.source, opened.runtime->device, with_stop);
    }
    opened.model = model::Model::load(*opened.runtime, std::move(files), load);
    with_stop.stop = interrupted;
    opened.path = with_stop.path = chosen_path(options, opened);
    opened.session = std::make_unique<model::Session>(*opened.runtime, opened.model, with_stop);
    opened.session->set_stop(interrupted);
    if (const char* perf = std::getenv("LAPIDARY_PERF"); perf != nullptr && *perf == '1') {
        opened.profiler.reset(new gpu::Profiler);
        opened.session->set_profiler(opened.profiler.get());
    }
    line.clear();
    for (const std::string& notice : opened.model->notices) {
        tell("lapidary: {}\n", base::escaped(notice, 400));
    }
    opened.load_ms = base::ms_since(begin);
    return opened;
}

std::string read_text_file(const std::string& path, uint64_t max_bytes) {
    std::FILE* file = path == "-" ? stdin : std::fopen(path.c_str(), "rb");
    if (file == nullptr) {
        throw base::Error(base::ErrorKind::usage, fmt::format("{}: {}", path, std::strerror(errno)),
                          "Give a text file that can be read.");
    }
    std::string text;
    char buffer[65536];
    size_t n = 0;
    while (text.size() <= max_bytes && (n = std::fread(buffer, 1, sizeof(buffer), file)) > 0) {
        text.append(buffer, n);
    }
    const bool failed = std::ferror(file) != 0;
    const int error = errno;
    if (file != stdin) {
        std::fclose(file);
    }
    if (failed) {
        throw base::Error(base::ErrorKind::usage, fmt::format("{}: {}", path, std::strerror(error)),
                          "Give a text file that can be read.");
    }
    if (text.size() > max_bytes) {
        throw base::Error(base::ErrorKind::usage,
                          fmt::format("{} has more than {} MiB", path, max_bytes >> 20),
                          "Give a shorter one, or divide it into several.");
    }
    return text;
}

void take_text_file(Options& options) {
    if (!options.file.empty()) {
        options.prompt = read_text_file(options.file);
    }
}

std::unique_ptr<model::ModelSource> peek_model(const Options& options) {
    return model::open_model(existing_model(options));
}

std::string token_text(const model::Tokenizer& tokenizer, model::TokenId id) {
    const std::string_view bytes = tokenizer.bytes(id);
    return bytes.empty() ? tokenizer.piece(id) : std::string(bytes);
}

}  // namespace app
