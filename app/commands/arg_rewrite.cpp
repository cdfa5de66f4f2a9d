// Words of the command line that the parser cannot take: single-dash names of several letters, and
// flags of llama.cpp that mean nothing here.
#include "app/commands/args.h"

#include "gpu/base.h"

#include <algorithm>

namespace app {

namespace {

constexpr std::pair<std::string_view, std::string_view> kRewrites[] = {
    {"-dev", "--device"},
    {"-ub", "--ubatch-size"},
    {"-ctk", "--cache-type-k"},
    {"-ctv", "--cache-type-v"},
    {"-sys", "--system-prompt"},
    {"-st", "--single-turn"},
    {"-pg", "--pg"},
    {"-oe", "--output-err"},
    {"-ngl", "--gpu-layers"},
    {"-fit", "--fit"},
};

constexpr std::string_view kOnDevice = "the whole model always runs on the device";
constexpr std::string_view kNoNetwork =
    "Lapidary never downloads; fetch the file yourself and give it with -m";
constexpr std::string_view kNotBuilt = "this is not built yet";
constexpr std::string_view kOneDevice = "one device runs the whole model; choose it with --device";
constexpr std::string_view kOtherSampler =
    "the sampler has temperature, top-k, top-p, min-p and the three penalties only";

constexpr std::pair<std::string_view, std::string_view> kRefused[] = {
    {"-ngl", kOnDevice},
    {"--gpu-layers", kOnDevice},
    {"--n-gpu-layers", kOnDevice},
    {"-hf", kNoNetwork},
    {"--hf-repo", kNoNetwork},
    {"-hff", kNoNetwork},
    {"--hf-file", kNoNetwork},
    {"-hft", kNoNetwork},
    {"--hf-token", kNoNetwork},
    {"-mu", kNoNetwork},
    {"--model-url", kNoNetwork},
    {"-b", "there is no logical batch; -ub sets the largest prefill chunk"},
    {"--batch-size", "there is no logical batch; -ub sets the largest prefill chunk"},
    {"-t", "the device does the work; for a CPU device set LP_NUM_THREADS"},
    {"--threads", "the device does the work; for a CPU device set LP_NUM_THREADS"},
    {"-fa", "attention never stores its score matrix; there is nothing to switch"},
    {"--flash-attn", "attention never stores its score matrix; there is nothing to switch"},
    {"-fitt", kNotBuilt},
    {"-fitc", kNotBuilt},
    {"-j", kNotBuilt},
    {"--json-schema", kNotBuilt},
    {"--grammar", kNotBuilt},
    {"--grammar-file", kNotBuilt},
    {"--lora", kNotBuilt},
    {"--host", kNotBuilt},
    {"--port", kNotBuilt},
    {"-md", kNotBuilt},
    {"--model-draft", kNotBuilt},
    {"--rope-freq-base", "RoPE follows the file"},
    {"--rope-freq-scale", "RoPE follows the file"},
    {"--rope-scaling", "RoPE follows the file"},
    {"--rope-scale", "RoPE follows the file"},
    {"-nkvo", "the cache lies in device memory"},
    {"--no-kv-offload", "the cache lies in device memory"},
    {"-sm", kOneDevice},
    {"--split-mode", kOneDevice},
    {"-ts", kOneDevice},
    {"--tensor-split", kOneDevice},
    {"-mg", kOneDevice},
    {"--main-gpu", kOneDevice},
    {"--mlock", "weights are copied to the device; the file is not kept in memory"},
    {"--no-mmap", "weights are copied to the device; the file is not kept in memory"},
    {"-cnv", "use the command 'chat'"},
    {"--conversation", "use the command 'chat'"},
    {"-i", "use the command 'chat'"},
    {"--interactive", "use the command 'chat'"},
    {"-no-cnv", "'run' completes text as it is; nothing needs to be switched off"},
    {"--no-conversation", "'run' completes text as it is; nothing needs to be switched off"},
    {"-r", "give the text with --stop"},
    {"--reverse-prompt", "give the text with --stop"},
    {"--typical", kOtherSampler},
    {"--mirostat", kOtherSampler},
    {"--dry-multiplier", kOtherSampler},
    {"--xtc-probability", kOtherSampler},
    {"--top-nsigma", kOtherSampler},
    {"--dynatemp-range", kOtherSampler},
    {"-l", kOtherSampler},
    {"--logit-bias", kOtherSampler},
    {"--samplers", "use --sampler-order hf or --sampler-order llama.cpp"},
    {"--sampling-seq", "use --sampler-order hf or --sampler-order llama.cpp"},
    {"--chat-template", "the template follows the model"},
    {"--jinja", "templates are built in and never executed from the file"},
    {"--list-devices", "use the command 'devices'"},
};

}  // namespace

std::string_view refusal(std::string_view flag) {
    const auto* hit = std::find_if(std::begin(kRefused), std::end(kRefused),
                                   [&](const auto& row) { return row.first == flag; });
    return hit == std::end(kRefused) ? std::string_view() : hit->second;
}

std::vector<std::string> rewrite_arguments(const std::vector<std::string>& argv,
                                           bool (*takes_value)(const void*, std::string_view),
                                           const void* context) {
    std::vector<std::string> out;
    for (size_t i = 0; i < argv.size(); ++i) {
        if (argv[i] == "--") {
            out.insert(out.end(), argv.begin() + ptrdiff_t(i), argv.end());
            break;
        }
        const std::string_view flag = std::string_view(argv[i]).substr(0, argv[i].find('='));
        const auto* hit = std::find_if(std::begin(kRewrites), std::end(kRewrites),
                                       [&](const auto& row) { return row.first == argv[i]; });
        out.push_back(hit == std::end(kRewrites) ? argv[i] : std::string(hit->second));
        if (takes_value(context, out.back())) {
            if (i + 1 < argv.size()) {
                out.push_back(argv[++i]);
            }
        } else if (const std::string_view why = refusal(flag); !why.empty()) {
            throw base::Error(base::ErrorKind::usage,
                              fmt::format("{} is a flag of llama.cpp that Lapidary does not have: "
                                          "{}",
                                          flag, why));
        }
    }
    return out;
}

}  // namespace app
