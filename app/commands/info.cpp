// info: what a model file holds, what it lacks, and how much memory it needs. No GPU involved.
#include "app/commands/commands.h"
#include "app/commands/console.h"
#include "app/commands/opened.h"
#include "app/diagnostics.h"
#include "app/json_out.h"
#include "app/numbers.h"
#include "app/state_folder.h"
#include "gpu/sizes.h"
#include "model/chat.h"
#include "model/fit.h"
#include "model/source.h"
#include "model/weights.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <map>

namespace app {

namespace {

/// Of most devices; none is asked here. Where less can be bound at once, slabs and so blocks end
/// elsewhere.
constexpr model::WeightLimits kUsualLimits{
    .max_range_bytes = UINT32_MAX, .max_buffer_bytes = UINT32_MAX, .range_alignment = 64};

struct TypeUse {
    uint64_t n_tensors = 0, n_bytes = 0;
};

struct Facts {
    std::unique_ptr<model::ModelSource> source;
    std::map<std::string, TypeUse> types;
    uint64_t weight_bytes = 0;  // on a device
    bool base_model = false;
    std::vector<std::string> lacks;
};

std::vector<std::string> what_it_lacks(const model::ModelSource& source, bool base_model) {
    std::vector<std::string> lacks;
    const model::TokenizerData& data = source.tokenizer;
    if (base_model) {
        lacks.emplace_back(
            "a chat template: it is a base model; 'chat' asks it as \"Question: ... "
            "Answer:\"");
    }
    if (data.scores.empty()) {
        lacks.emplace_back("scores of the pieces: their order is taken instead");
    }
    if (data.types.empty()) {
        lacks.emplace_back("types of the pieces: they are told from their text");
    }
    if (data.stop_ids.empty()) {
        lacks.emplace_back("ids that end a turn: <eos> and <end_of_turn> are used");
    }
    const model::SamplingHints& hints = source.sampling;
    if (!(hints.temperature >= 0 || hints.top_p >= 0 || hints.top_k >= 0)) {
        lacks.emplace_back("sampling values: the defaults of its generation are used");
    }
    return lacks;
}

Facts read_facts(const Options& options) {
    Facts facts;
    facts.source = peek_model(options);
    const model::ModelSource& source = *facts.source;
    for (const model::SourceTensor& tensor : source.tensors) {
        TypeUse& use = facts.types[std::string(model::dtype_name(tensor.dtype))];
        ++use.n_tensors;
        use.n_bytes += tensor.n_bytes;
    }
    facts.weight_bytes = model::planned_weight_bytes(source, kUsualLimits);
    const model::Tokenizer tokenizer = model::make_tokenizer(source);
    facts.base_model = model::chat_format(tokenizer) == model::ChatFormat::question_answer;
    facts.lacks = what_it_lacks(source, facts.base_model);
    return facts;
}

std::vector<uint32_t> context_sizes(const model::Config& config) {
    std::vector<uint32_t> sizes;
    for (const uint32_t n : {1024u, 2048u, 4096u, 8192u, 32768u, 131072u}) {
        if (n < config.max_position_embeddings) {
            sizes.push_back(n);
        }
    }
    sizes.push_back(config.max_position_embeddings);
    return sizes;
}

/// What run and chat take: the fast path, which is the default, and its decode step included.
model::Fit fit_at(const Facts& facts, uint32_t n_ctx) {
    return model::fit(facts.source->config, facts.weight_bytes,
                      {.path = model::Path::fast, .n_ctx = n_ctx});
}

void print_structure(const model::ModelSource& source) {
    const model::Config& c = source.config;
    const auto n_local = std::count_if(c.layers.begin(), c.layers.end(),
                                       [](const auto& layer) { return layer.is_local(); });
    put("{}: {} layers ({} global", model::architecture_name(c.architecture), c.num_hidden_layers,
        c.num_hidden_layers - n_local);
    if (n_local > 0) {
        const auto local = std::find_if(c.layers.begin(), c.layers.end(),
                                        [](const auto& layer) { return layer.is_local(); });
        put(", {} local with a window of {}", n_local, local->sliding_window);
    }
    put(")\n  width {}, feed-forward {}, {} query and {} KV heads of {}\n", c.hidden_size,
        c.intermediate_size, c.num_attention_heads, c.num_key_value_heads, c.head_dim);
    put("  {} tokens, context {}\n", c.vocab_size, c.max_position_embeddings);
    if (c.attn_logit_softcapping > 0 || c.final_logit_softcapping > 0) {
        put("  soft caps: attention {}, logits {}\n", c.attn_logit_softcapping,
            c.final_logit_softcapping);
    }
    std::map<std::pair<double, double>, std::string> ropes;
    for (size_t l = 0; l < c.layers.size(); ++l) {
        ropes[{c.layers[l].rope_theta, c.layers[l].rope_factor}] =
            c.layers[l].is_local() ? "local" : "global";
    }
    for (const auto& [rope, where] : ropes) {
        put("  RoPE {}{}{}\n", rope.first,
            rope.second != 1 ? fmt::format(", positions divided by {}", rope.second) : "",
            ropes.size() > 1 ? " (" + where + " layers)" : "");
    }
}

void print_parameters(const Facts& facts) {
    const model::ParameterCounts counts = model::count_parameters(facts.source->config);
    put("\nParameters: {}\n", thousands(counts.total()));
    put("  embedding {:.1f} M, attention {:.1f} M, feed-forward {:.1f} M, norms {:.2f} M",
        double(counts.embedding) / 1e6, double(counts.attention) / 1e6, double(counts.mlp) / 1e6,
        double(counts.norms) / 1e6);
    put("{}\n", counts.output > 0 ? fmt::format(", output {:.1f} M", double(counts.output) / 1e6)
                                  : " (the embedding is also the output)");
    for (const auto& [name, use] : facts.types) {
        put("  {:<7} {:>4} tensors {:>9.1f} MiB\n", name, use.n_tensors, base::mib(use.n_bytes));
    }
}

void print_memory(const Facts& facts) {
    const model::Config& c = facts.source->config;
    put("\nDevice memory in MiB, without the driver's own 100 to 300:\n");
    put("  {:>8} {:>9} {:>9} {:>9} {:>9}   as other quantizations\n", "context", "weights",
        "KV cache", "scratch", "total");
    for (const uint32_t n_ctx : context_sizes(c)) {
        const model::Fit f = fit_at(facts, n_ctx);
        put("  {:>8} {:>9.1f} {:>9.1f} {:>9.1f} {:>9.1f}  ", n_ctx, base::mib(f.weights),
            base::mib(f.kv), base::mib(f.scratch), base::mib(f.total()));
        for (const model::QuantMix mix : model::quant_mixes()) {
            put(" {} {:.0f}", model::quant_mix_name(mix),
                base::mib(f.total() - f.weights + model::weight_bytes(c, mix)));
        }
        put("\n");
    }
}

void print_text(const Facts& facts) {
    const model::ModelSource& source = *facts.source;
    put("{}\n  {}\n  {}, {:.1f} MiB{}\n\n", base::escaped(source.name), source.path, source.format,
        base::mib(source.file_bytes), facts.base_model ? ", a base model" : "");
    print_structure(source);
    print_parameters(facts);
    print_memory(facts);
    if (!facts.lacks.empty()) {
        put("\nThe file lacks\n");
    }
    for (const std::string& lack : facts.lacks) {
        put("  {}\n", lack);
    }
    if (!source.notices.empty()) {
        put("\nNotices\n");
    }
    for (const std::string& notice : source.notices) {
        put("  {}\n", base::escaped(notice, 400));
    }
    put("\nMetadata\n");
    for (const auto& [key, value] : source.metadata) {
        put("  {} = {}\n", base::escaped(key), base::escaped(value));
    }
}

std::string memory_json(const Facts& facts) {
    const model::Config& c = facts.source->config;
    JsonArray list;
    for (const uint32_t n_ctx : context_sizes(c)) {
        const model::Fit f = fit_at(facts, n_ctx);
        JsonObject quants;
        for (const model::QuantMix mix : model::quant_mixes()) {
            quants.add(model::quant_mix_name(mix),
                       f.total() - f.weights + model::weight_bytes(c, mix));
        }
        list.raw(JsonObject()
                     .add("n_ctx", n_ctx)
                     .add("weights", f.weights)
                     .add("kv", f.kv)
                     .add("scratch", f.scratch)
                     .add("total", f.total())
                     .raw("as", quants.str())
                     .str());
    }
    return list.str();
}

void print_json(const Facts& facts) {
    const model::ModelSource& source = *facts.source;
    const model::ParameterCounts counts = model::count_parameters(source.config);
    const auto strings = [](const std::vector<std::string>& texts) {
        JsonArray list;
        for (const std::string& text : texts) {
            list.raw(json_string(text));
        }
        return list.str();
    };
    JsonObject types;
    for (const auto& [name, use] : facts.types) {
        types.raw(name, JsonObject().add("tensors", use.n_tensors).add("bytes", use.n_bytes).str());
    }
    JsonObject metadata;
    for (const auto& [key, value] : source.metadata) {
        metadata.add(key, value);
    }
    put("{}\n", JsonObject()
                    .add("name", source.name)
                    .add("path", source.path)
                    .add("format", source.format)
                    .add("file_bytes", source.file_bytes)
                    .add("architecture", model::architecture_name(source.config.architecture))
                    .add("base_model", facts.base_model)
                    .raw("parameters", JsonObject()
                                           .add("total", counts.total())
                                           .add("embedding", counts.embedding)
                                           .add("output", counts.output)
                                           .add("attention", counts.attention)
                                           .add("mlp", counts.mlp)
                                           .add("norms", counts.norms)
                                           .str())
                    .raw("types", types.str())
                    .raw("memory", memory_json(facts))
                    .raw("lacks", strings(facts.lacks))
                    .raw("notices", strings(source.notices))
                    .raw("metadata", metadata.str())
                    .str());
}

}  // namespace

int info_command(const Options& options) {
    if (options.diagnostics) {
        put_text(diagnostics({.state_folder = state_folder(), .in_use = {}}));
        return 0;
    }
    const Facts facts = read_facts(options);
    if (options.json) {
        print_json(facts);
    } else {
        print_text(facts);
    }
    return 0;
}

}  // namespace app
