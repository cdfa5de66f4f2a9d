// bench: speed without tokenizer, in llama-bench's tests and formats. Single tokens are drawn on
// the device where chat does it too; with --sync there is no sampler, as in llama-bench.
#include "app/commands/bench_report.h"
#include "app/commands/commands.h"
#include "app/commands/console.h"
#include "app/commands/interrupt.h"
#include "app/commands/opened.h"
#include "gpu/copy_rate.h"
#include "model/gpu_sampler.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <ctime>
#include <fstream>
#include <thread>

namespace app {

namespace {

using Clock = std::chrono::steady_clock;

/// The value after "key:" in a file of /proc such as "RssAnon:  1234 kB".
std::optional<std::string> proc_value(const char* path, std::string_view key) {
    std::ifstream file(path);
    for (std::string line; std::getline(file, line);) {
        const size_t colon = line.find(':');
        if (colon != std::string::npos &&
            std::string_view(line).substr(0, line.find_last_not_of(" \t", colon - 1) + 1) == key) {
            const size_t begin = line.find_first_not_of(" \t", colon + 1);
            return begin == std::string::npos ? std::string() : line.substr(begin);
        }
    }
    return std::nullopt;
}

/// RssAnon + RssShmem: what the process holds of memory that no file backs.
std::optional<uint64_t> memory_bytes() {
    const auto anon = proc_value("/proc/self/status", "RssAnon");
    const auto shared = proc_value("/proc/self/status", "RssShmem");
    if (!anon || !shared) {
        return std::nullopt;
    }
    return 1024 * (std::stoull(*anon) + std::stoull(*shared));
}

/// The highest memory_bytes() seen: every 20 ms until quiet(), then when asked.
class MemoryPeak {
public:
    MemoryPeak()
        : watcher_([this](const std::stop_token& stop) {
              while (!stop.stop_requested()) {
                  look();
                  std::this_thread::sleep_for(std::chrono::milliseconds(20));
              }
          }) {}

    /// Ends the watching: nothing but the test runs while it is timed.
    void quiet() {
        watcher_.request_stop();
        if (watcher_.joinable()) {
            watcher_.join();
        }
    }
    void look() {
        const uint64_t now = memory_bytes().value_or(0);
        uint64_t seen = peak_;
        while (now > seen && !peak_.compare_exchange_weak(seen, now)) {
        }
    }
    std::optional<uint64_t> bytes() const {
        const uint64_t peak = peak_;
        return peak > 0 ? std::optional(peak) : std::nullopt;
    }

private:
    std::atomic<uint64_t> peak_ = 0;
    std::jthread watcher_;
};

std::optional<double> load_average() {
    std::ifstream file("/proc/loadavg");
    double one_minute = 0;
    return file >> one_minute ? std::optional(one_minute) : std::nullopt;
}

double thread_cpu_ns() {
    timespec now{};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return 1e9 * double(now.tv_sec) + double(now.tv_nsec);
}

std::string utc_now() {
    const std::time_t now = std::time(nullptr);
    std::tm parts{};
    gmtime_r(&now, &parts);
    char text[32];
    const size_t n = std::strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &parts);
    return {text, n};
}

/// Any ids do: the work is the same. BOS first, then a fixed sequence.
std::vector<model::TokenId> any_tokens(const model::Model& model, uint32_t n) {
    std::vector<model::TokenId> tokens(n);
    uint32_t state = 1;
    for (model::TokenId& token : tokens) {
        state = state * 1664525u + 1013904223u;
        token = model::TokenId((state >> 8) % model.config.vocab_size);
    }
    if (n > 0) {
        tokens[0] = std::max(model.tokenizer.bos(), 0);
    }
    return tokens;
}

/// "gemma3 268M Q4_K": the type that most bytes of the layers have.
std::string model_type(const model::Model& model) {
    const uint64_t n = model.weights.n_params;
    const std::string size =
        n < 1000000000 ? fmt::format("{}M", n / 1000000) : fmt::format("{:.1f}B", double(n) / 1e9);
    return fmt::format("{} {} {}", model::architecture_name(model.config.architecture), size,
                       model::dtype_name(model.weights.layers.front().ffn_gate.dtype));
}

BenchSystem describe(const Options& options, const Opened& opened, double copy_gb_per_s) {
    const gpu::DeviceInfo& device = opened.runtime->device.info();
    const uint32_t v = device.api_version;
    return {.cpu_info = proc_value("/proc/cpuinfo", "model name").value_or("unknown"),
            .gpu_info = device.name,
            .device_uuid = device.uuid,
            .driver_name = device.driver_name,
            .driver_version = device.driver_version,
            .vk_api = fmt::format("{}.{}.{}", (v >> 22) & 0x7F, (v >> 12) & 0x3FF, v & 0xFFF),
            .model_filename = opened.model->path,
            .model_type = model_type(*opened.model),
            .path = opened.path == model::Path::fast ? "fast" : "plain",
            .model_size = opened.model->weights.bytes(),
            .model_n_params = opened.model->weights.n_params,
            .n_layers = opened.model->config.num_hidden_layers,
            .subgroup_size = device.subgroup_size,
            .n_gpu_layers = options.bench.gpu_layers,
            .copy_gb_per_s = copy_gb_per_s,
            .load_ms = opened.load_ms};
}

model::SessionOptions session_options(const Options& options, const BenchTest& test) {
    model::SessionOptions session = options.session;
    session.n_ctx = std::max(test.n_ctx(), 2u);
    session.n_ubatch = test.n_ubatch;
    session.type_k = test.type_k;
    session.type_v = test.type_v;
    session.keep_q = session.full_cache = session.keep_residuals = test.capture;
    session.stop = interrupted;
    return session;
}

/// One test on one session.
class TestRun {
public:
    TestRun(model::Session& session, const BenchTest& test, bool sync)
        : session_(session),
          test_(test),
          draws_(!sync && test.n_gen > 0 && session.draws_on_device()),
          tokens_(any_tokens(session.model(), test.n_ctx())) {}

    /// 2: the device draws each token itself and has begun the next step when it is read; 1: the
    /// host gives every token, as llama-bench does.
    uint32_t tokens_in_flight() const { return draws_ ? 2 : 1; }

    void warm_up() {
        to_depth();
        // All of a prompt, for every shape of it; one single token stands for the others.
        run(test_.n_prompt, std::min(test_.n_gen, 1u));
    }

    void repeat(BenchResult& result) {
        to_depth();
        session_.reset_stats();
        const double host_begin = thread_cpu_ns();
        const auto begin = Clock::now();
        run(test_.n_prompt, test_.n_gen);
        const auto end = Clock::now();
        result.host_ns += thread_cpu_ns() - host_begin;
        result.samples_ns.push_back(
            uint64_t(std::chrono::duration_cast<std::chrono::nanoseconds>(end - begin).count()));
        const model::Session::Stats& stats = session_.stats();
        result.n_dispatches += stats.n_dispatches;
        result.n_submits += stats.n_submits;
        result.n_levels += stats.n_barriers;
        result.n_layer_levels += stats.n_layer_levels;
        result.bytes += stats.bytes;
    }

    std::string profile() {
        gpu::Profiler profiler;
        to_depth();
        session_.set_profiler(&profiler);
        run(test_.n_prompt, test_.n_gen);
        session_.set_profiler(nullptr);
        return profiler.table();
    }

private:
    void to_depth() {
        session_.rewind(0);
        if (test_.n_depth > 0) {
            session_.sync(std::span(tokens_).first(test_.n_depth), model::WantLogits::none, {});
        }
    }

    void run(uint32_t n_prompt, uint32_t n_gen) {
        const std::span<const model::TokenId> all(tokens_);
        if (n_prompt > 0) {
            session_.sync(all.first(test_.n_depth + n_prompt));
        }
        const auto single = all.subspan(test_.n_depth + n_prompt, n_gen);
        // With a clock at every kernel the host gives the tokens whatever was asked for.
        if (draws_ && session_.draws_on_device()) {
            if (n_gen > 0) {
                session_.start_drawing(single.front(), {});
            }
            for (uint32_t i = 0; i < n_gen; ++i) {
                session_.next_drawn();
            }
            return;
        }
        for (const model::TokenId token : single) {
            session_.decode(token);
        }
    }

    model::Session& session_;
    const BenchTest test_;
    const bool draws_;
    const std::vector<model::TokenId> tokens_;
};

void check_before_device(const Options& options, const std::vector<BenchTest>& tests) {
    const model::Config config = peek_model(options)->config;
    for (const BenchTest& test : tests) {
        if (test.n_batch == 0) {
            throw base::Error(base::ErrorKind::usage, "-b is 0, expected at least 1");
        }
        if (test.n_ctx() > config.max_position_embeddings) {
            throw base::Error(
                base::ErrorKind::usage,
                fmt::format("{} takes {} positions, the model has {}", bench_test_name(test),
                            test.n_ctx(), config.max_position_embeddings));
        }
    }
    const int64_t layers = options.bench.gpu_layers;
    if (layers >= 0 && layers <= int64_t{config.num_hidden_layers}) {
        throw base::Error(base::ErrorKind::usage,
                          fmt::format("-ngl is {}, and {}", layers, refusal("-ngl")),
                          "Leave it out, or give more than the model has, such as 99.");
    }
}

/// A session for one test, and what is measured on it.
struct Track {
    Track(const Options& options, const Opened& opened, const BenchTest& test)
        : session(*opened.runtime, opened.model, options_on_device(options, opened, test)),
          result{.test = test, .test_time = utc_now()},
          run(session, test, options.bench.sync) {
        session.set_stop(interrupted);
        result.test.n_ubatch = session.options().n_ubatch;
        result.tokens_in_flight = run.tokens_in_flight();
        if (test.capture) {
            session.set_capture({.taps = {}, .layers = {}, .live_rows = true},
                                [](const std::shared_ptr<const model::Capture>&) {});
        }
        if (!options.bench.no_warmup) {
            run.warm_up();
        }
    }
    Track(const Track&) = delete;
    Track& operator=(const Track&) = delete;

    static model::SessionOptions options_on_device(const Options& options, const Opened& opened,
                                                   const BenchTest& test) {
        model::SessionOptions session = session_options(options, test);
        session.path = opened.path;
        if (session.n_ubatch == 0) {
            session.n_ubatch = model::default_chunk(opened.runtime->device.info());
        }
        session.n_ubatch = std::min(session.n_ubatch, test.n_batch);
        return session;
    }

    model::Session session;
    BenchResult result;
    TestRun run;
};

/// One result, or with --capture two: their repetitions in turns, each the first as often.
std::vector<BenchResult> run_test(const Options& options, Opened& opened, const BenchTest& test,
                                  MemoryPeak& peak) {
    opened.session.reset();  // before the next takes its memory
    std::vector<std::unique_ptr<Track>> tracks;
    tracks.push_back(std::make_unique<Track>(options, opened, test));
    if (options.bench.capture) {
        BenchTest captured = test;
        captured.capture = true;
        tracks.push_back(std::make_unique<Track>(options, opened, captured));
    }
    for (uint32_t i = 0; i < options.bench.repetitions; ++i) {
        for (size_t k = 0; k < tracks.size(); ++k) {
            Track& track = *tracks[(k + i) % tracks.size()];
            track.run.repeat(track.result);
        }
    }
    std::vector<BenchResult> results;
    peak.look();
    for (const auto& track : tracks) {
        BenchResult& result = track->result;
        result.n_levels += result.n_steps();  // a step's first level has no barrier
        result.memory_bytes = memory_bytes();
        result.memory_peak_bytes = peak.bytes();
        result.device_bytes = opened.runtime->device.allocated_bytes();
        result.n_kernels = opened.runtime->kernels.size();
        result.load_average = load_average();
        if (options.bench.profile) {
            tell("\n{}\n", bench_test_name(result.test));
            tell_text(track->run.profile());
        }
        results.push_back(result);
    }
    if (results.size() == 2) {
        tell("{}\n", capture_line(results[0], results[1]));
    }
    return results;
}

/// Throws base::Cancelled when interrupted.
void wait(uint32_t seconds) {
    const auto end = Clock::now() + std::chrono::seconds(seconds);
    while (Clock::now() < end) {
        if (interrupted()) {
            throw base::Cancelled();
        }
        std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
}

/// Before the model is there, so that two large buffers fit, with kernels of its own.
double copy_rate(const Options& options) {
    gpu::Device device({.selector = options.device});
    gpu::KernelCache kernels(device, "-");
    return gpu::measure_copy_rate(device, kernels);
}

}  // namespace

int bench_command(const Options& given) {
    const std::vector<BenchTest> tests = bench_tests(given.bench);
    check_before_device(given, tests);
    install_interrupt();
    const double copy_gb_per_s = copy_rate(given);
    MemoryPeak peak;
    Opened opened = open_session(given, session_options(given, tests.front()));
    peak.quiet();
    Options options = given;
    if (opened.profiler) {  // a table for each test, not one of the session that none runs on
        options.bench.profile = true;
        opened.session->set_profiler(nullptr);
        delete opened.profiler.release();
    }
    const BenchSystem system = describe(options, opened, copy_gb_per_s);
    tell("lapidary: a plain copy on {} moves {:.1f} GB/s; loaded in {:.0f} ms\n", system.gpu_info,
         copy_gb_per_s, opened.load_ms);
    BenchWriter out(options.bench.output, system), err(options.bench.output_err, system);
    put("{}", out.begin());
    put_error_text(err.begin());
    const auto end = [&] {
        put("{}", out.end());
        put_error_text(err.end());
    };
    try {
        for (const BenchTest& test : tests) {
            wait(options.bench.delay_s);
            for (const BenchResult& result : run_test(options, opened, test, peak)) {
                put("{}", out.row(result));
                flush_output();
                put_error_text(err.row(result));
            }
        }
    } catch (const base::Cancelled&) {
        end();  // what was measured stays readable
        throw;
    }
    end();
    return 0;
}

}  // namespace app
