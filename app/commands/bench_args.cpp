// The options of `bench`: llama-bench's, with its meanings.
#include "app/commands/arg_options.h"
#include "app/commands/bench_plan.h"

namespace app {

namespace {

using Numbers = std::vector<uint32_t>;

/// An option that may be repeated; each value may be a list.
CLI::Option* add_list(CLI::App* app, const std::string& flags, const std::string& description,
                      const std::function<void(const std::string&)>& append) {
    return app
        ->add_option_function<std::vector<std::string>>(
            flags,
            [append](const std::vector<std::string>& texts) {
                for (const std::string& text : texts) {
                    append(text);
                }
            },
            description)
        ->allow_extra_args(false)
        ->type_name("LIST");
}

void add_numbers(CLI::App* app, const std::string& flags, Numbers& list,
                 const std::string& description) {
    const std::string flag = first_flag(flags);
    add_list(app, flags, description, [&list, flag](const std::string& text) {
        const Numbers more = parse_bench_numbers(flag, text);
        list.insert(list.end(), more.begin(), more.end());
    });
}

void add_types(CLI::App* app, const std::string& flags, std::vector<model::DType>& list,
               const std::string& description) {
    const std::string flag = first_flag(flags);
    add_list(app, flags, description, [&list, flag](const std::string& text) {
        for (size_t begin = 0; begin <= text.size();) {
            const size_t end = std::min(text.find(',', begin), text.size());
            list.push_back(parse_cache_type(flag, text.substr(begin, end - begin)));
            begin = end + 1;
        }
    });
}

void add_tests(CLI::App* bench, BenchOptions& b) {
    add_numbers(bench, "-p,--n-prompt", b.n_prompt, "Tokens of a prompt (512); 0: none");
    add_numbers(bench, "-n,--n-gen", b.n_gen, "Tokens one by one (128); 0: none");
    add_list(bench, "--pg", "(-pg) A prompt and then single tokens, as one test: P,N",
             [&b](const std::string& text) { b.prompt_gen.push_back(parse_prompt_gen(text)); })
        ->type_name("P,N");
    add_numbers(bench, "-d,--n-depth", b.n_depth,
                "Tokens that are in the cache before the test begins (0)");
    add_numbers(bench, "-b,--batch-size", b.n_batch, "Largest part of a prompt at once (2048)");
    add_numbers(bench, "--ubatch-size", b.n_ubatch, "(-ub) Largest chunk on the device; 0: auto");
    add_types(bench, "--cache-type-k", b.type_k, "(-ctk) Type of the key cache: f16, f32");
    add_types(bench, "--cache-type-v", b.type_v, "(-ctv) Type of the value cache: f16, f32");
}

void add_output(CLI::App* bench, BenchOptions& b) {
    add_text(bench, "-o,--output", "Format on stdout: md, csv, json, jsonl, sql",
             [&b](const auto& t) { b.output = parse_bench_format("-o", t); })
        ->type_name("FORMAT");
    add_text(bench, "--output-err", "(-oe) Format on stderr, besides", [&b](const auto& t) {
        b.output_err = parse_bench_format("-oe", t);
    })->type_name("FORMAT");
}

}  // namespace

void add_bench(CLI::App& app, Options& o) {
    CLI::App* bench = app.add_subcommand("bench", "Measure speed as llama-bench does");
    BenchOptions& b = o.bench;
    add_model(bench, o);
    add_tests(bench, b);
    add_number(bench, "-r,--repetitions", b.repetitions, "Repetitions of each test (5)", 1);
    add_number(bench, "--delay", b.delay_s, "Seconds to wait before each test");
    bench->add_flag("--no-warmup", b.no_warmup, "Do not run each test once before it is timed");
    bench->add_flag("--sync", b.sync,
                    "One token in flight, given by the host, as llama-bench does; without it the "
                    "device draws each token and begins the next step at once, as chat does");
    bench->add_flag("--profile", b.profile,
                    "After each test, once more with a clock at every kernel; the table goes to "
                    "stderr");
    bench->add_flag("--capture", b.capture,
                    "Each test also on a session as the window has it, in turns with the plain "
                    "one: Q and residuals kept, attention of every row live; both rows are "
                    "written, memory in each that of both, and what capture costs goes to stderr");
    add_output(bench, b);
    add_text(bench, "--gpu-layers,--n-gpu-layers", "(-ngl) Taken for all layers, or refused",
             [&b](const auto& t) {
                 const bool all = t == "all" || t == "auto";
                 b.gpu_layers = all ? -1 : parse_whole("-ngl", t, -1, 1000000);
             })
        ->type_name("N");
    add_device(bench, o);
    add_path(bench, o);
    bench->footer(
        "Lists: 128,512 or first-last, first-last+step, first-last*mult; every combination is\n"
        "measured. No tokenizer and no sampler takes part. GB/s counts what the kernels read and\n"
        "write; 'of copy' is its share of what a plain copy moves on this device, measured first.\n"
        "Levels are groups of kernels that wait for one another.\n"
        "Examples:\n"
        "  lapidary bench -m gemma.gguf\n"
        "  lapidary bench -m gemma.gguf -p 128,512 -n 32 -d 0,1024 -r 3 -o json");
}

}  // namespace app
