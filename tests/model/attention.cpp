// Attention as it is shown: every row of every head of the tiny models against the double
// reference, on each path (V1); what capture changes and what it costs over 256 greedy tokens (V3).
#include <algorithm>
#include <cmath>
#include <set>

#include <fmt/format.h>

#include "model/source.h"
#include "tests/support/catch.h"
#include "tests/support/device_model.h"
#include "tests/support/golden_taps.h"
#include "tests/support/random.h"
#include "tests/support/real_model.h"
#include "tests/support/reference_model.h"
#include "tests/support/tiny_models.h"
#include "tests/support/worst.h"

namespace {

using model::DType;
using model::Path;
using model::Tap;
using model::TokenId;
using support::random_tokens;
using support::tiny_path;

struct Form {
    Path path;
    DType type;  // of K and V
    double limit;
};
constexpr Form kForms[] = {{Path::plain, DType::f32, 1e-5},
                           {Path::plain, DType::f16, 2e-3},
                           {Path::fast, DType::f32, 2e-3},
                           {Path::fast, DType::f16, 2e-3}};

std::string name_of(const Form& form) {
    return fmt::format("{} path, {} KV", form.path == Path::fast ? "fast" : "plain",
                       model::dtype_name(form.type));
}

/// What was wrong with the rows that were looked at.
struct Seen {
    double cell = 0, sum = 0;
    size_t masked_wrong = 0, n_rows = 0;

    /// One row: its weights on keys [first_key, ...), against the reference's [n].
    template <class Weight>
    void look(uint32_t query, uint32_t first_key, uint32_t n_keys, uint32_t window,
              std::span<const double> truth, const Weight& weight) {
        double total = 0;
        for (uint32_t key = 0; key < truth.size(); ++key) {
            const bool there = key >= first_key && key - first_key < n_keys;
            const double w = there ? static_cast<double>(weight(key - first_key)) : 0;
            const bool visible = model::AttentionTile::visible(query, key, window);
            masked_wrong += (!visible && w != 0) || (visible && !there);
            support::widen(cell, std::abs(w - truth[key]));
            total += w;
        }
        support::widen(sum, std::abs(total - 1));
        ++n_rows;
    }
};

/// pattern of every layer, [n_heads, n, n], of Q, K and V as a cache of this type stores them:
/// random weights make scores so large that their rounding alone moves cells by 1e-2.
std::vector<std::vector<double>> reference_pattern(const std::string& path, DType type,
                                                   std::span<const uint32_t> tokens) {
    const support::ReferenceWeights weights(*model::open_model(path));
    const bool half = type == DType::f16;
    support::Reference64 forward(weights, {.half_q = half, .half_k = half, .half_v = half});
    std::vector<std::vector<double>> pattern(weights.config.num_hidden_layers);
    forward.set_taps({Tap::pattern}, [&](Tap, uint32_t layer, std::span<const double> values) {
        pattern[layer].assign(values.begin(), values.end());
    });
    forward.run(tokens);
    return pattern;
}

void check_form(const std::string& path, const Form& form, std::span<const uint32_t> tokens) {
    const std::vector<std::vector<double>> truth = reference_pattern(path, form.type, tokens);
    const auto n = static_cast<uint32_t>(tokens.size());
    const uint32_t n_prompt = n * 2 / 3;
    const std::vector<TokenId> ids = support::as_ids(tokens);
    model::Session session(support::runtime(), support::load_model(path),
                           {.path = form.path,
                            .n_ctx = 128,
                            .n_ubatch = 32,
                            .type_k = form.type,
                            .type_v = form.type,
                            .full_cache = true,
                            .keep_q = true});
    const model::Config& config = session.model().config;
    const auto row_of = [&](uint32_t layer, uint32_t head, uint32_t query) {
        return std::span(truth[layer]).subspan((size_t{head} * n + query) * n, n);
    };
    Seen live, tiles;
    session.sync(std::span(ids).first(n_prompt));
    session.set_capture({.taps = {}, .layers = {}, .live_rows = true},
                        [&](const std::shared_ptr<const model::Capture>& capture) {
                            for (const model::LiveRows& rows : capture->live) {
                                for (uint32_t h = 0; h < rows.max.size(); ++h) {
                                    live.look(rows.position, rows.first_key, rows.n_keys,
                                              config.layers[rows.layer].sliding_window,
                                              row_of(rows.layer, h, rows.position),
                                              [&](uint32_t j) { return rows.weight(h, j); });
                                }
                            }
                        });
    for (uint32_t i = n_prompt; i < n; ++i) {
        session.decode(ids[i]);
    }
    session.set_capture({}, {});
    for (uint32_t l = 0; l < config.num_hidden_layers; ++l) {
        for (uint32_t h = 0; h < config.num_attention_heads; ++h) {
            const model::AttentionTile tile = session.attention(
                {.layer = l, .head = h, .query_begin = 0, .n_queries = n, .n_keys = n});
            for (uint32_t query = 0; query < n; ++query) {
                tiles.look(query, 0, n, config.layers[l].sliding_window, row_of(l, h, query),
                           [&](uint32_t j) { return tile.pattern[size_t{query} * n + j]; });
            }
        }
    }
    const size_t n_heads = size_t{config.num_hidden_layers} * config.num_attention_heads;
    fmt::print(
        "{} {}: {} rows, cells within {:.1e}, sums {:.1e}; {} live rows, cells {:.1e}, sums "
        "{:.1e}\n",
        path, name_of(form), tiles.n_rows, tiles.cell, tiles.sum, live.n_rows, live.cell, live.sum);
    CHECK(tiles.n_rows == n_heads * n);
    CHECK(live.n_rows == n_heads * (n - n_prompt));
    CHECK(tiles.masked_wrong + live.masked_wrong == 0);
    CHECK(tiles.sum <= 1e-3);
    CHECK(live.sum <= 1e-3);
    CHECK(tiles.cell <= form.limit);
    CHECK(live.cell <= std::max(form.limit, 2.6e-4));  // log16 rounds by up to 2.5e-4
}

// ---- 256 tokens with capture and without ----

constexpr uint32_t kSteps = 256;

struct Run {
    std::vector<TokenId> ids;
    std::vector<uint64_t> logits;                  // their hashes
    std::set<std::pair<uint32_t, uint32_t>> rows;  // position, layer: with every head
    double worst_sum = 0;
    model::Session::Stats stats;  // of the generated tokens
};

TokenId greedy(std::span<const float> logits) {
    return static_cast<TokenId>(std::max_element(logits.begin(), logits.end()) - logits.begin());
}

Run generate(const std::string& path, Path form, bool capture, std::span<const TokenId> prompt) {
    const auto model = support::load_model(path);
    model::Session session(support::runtime(), model,
                           {.path = form, .n_ctx = 512, .full_cache = true, .keep_q = true});
    Run run;
    const auto keep = [&](const std::shared_ptr<const model::Capture>& got) {
        for (const model::LiveRows& rows : got->live) {
            const bool all_heads = rows.max.size() == model->config.num_attention_heads &&
                                   rows.lse.size() == rows.max.size() &&
                                   rows.log16.size() == rows.max.size() * rows.n_keys;
            if (all_heads) {
                run.rows.insert({rows.position, rows.layer});
            }
            for (uint32_t h = 0; h < rows.max.size(); ++h) {
                double sum = 0;
                for (uint32_t j = 0; j < rows.n_keys; ++j) {
                    sum += static_cast<double>(rows.weight(h, j));
                }
                support::widen(run.worst_sum, std::abs(sum - 1));
            }
        }
    };
    session.sync(prompt);
    if (capture) {
        session.set_capture({.taps = {}, .layers = {}, .live_rows = true}, keep);
    }
    session.reset_stats();
    for (uint32_t step = 0; step < kSteps; ++step) {
        run.ids.push_back(greedy(session.logits()));
        session.decode(run.ids.back());
        run.logits.push_back(session.logits_hash());
    }
    run.stats = session.stats();
    return run;
}

void check_capture(const std::string& path, Path form, std::span<const TokenId> prompt) {
    const Run off = generate(path, form, false, prompt), on = generate(path, form, true, prompt);
    const uint32_t n_layers = support::load_model(path)->config.num_hidden_layers;
    const double bytes = on.stats.bytes / off.stats.bytes - 1;
    const uint64_t added = on.stats.n_dispatches - off.stats.n_dispatches;
    const double dispatches = double(added) / double(off.stats.n_dispatches);
    fmt::print(
        "{} {} path: {} tokens, {} dispatches and {:.2f} MB a token; capture adds {:.2f} % of "
        "dispatches, {:.2f} % of bytes\n",
        path, form == Path::fast ? "fast" : "plain", kSteps, off.stats.n_dispatches / kSteps,
        off.stats.bytes / kSteps / 1e6, 100 * dispatches, 100 * bytes);
    CHECK(on.ids == off.ids);
    CHECK(on.logits == off.logits);
    CHECK(std::set<TokenId>(on.ids.begin(), on.ids.end()).size() > 1);
    CHECK(off.rows.empty());
    REQUIRE(on.rows.size() == size_t{kSteps} * n_layers);
    CHECK(on.rows.begin()->first == prompt.size());
    CHECK(on.rows.rbegin()->first == prompt.size() + kSteps - 1);
    CHECK(on.worst_sum <= 1e-3);
    // The host reads scores that attention makes anyway; the fast path's kernel, which does not
    // store them otherwise, writes them once more.
    CHECK(added == 0);
    CHECK((form == Path::fast ? bytes > 0 : bytes == 0));
    CHECK(bytes <= 0.03);
}

}  // namespace

TEST_CASE("every row of every head of the tiny models is the reference's, on every path (V1)") {
    const std::vector<uint32_t> tokens = random_tokens(75, 11);  // beyond windows and rings
    for (const char* name : support::kTinyModels) {
        for (const Form& form : kForms) {
            INFO(name << ", " << name_of(form));
            check_form(tiny_path(name), form, tokens);
        }
    }
}

TEST_CASE("256 greedy tokens with capture and without: ids, logits, rows, cost (V1, V3)") {
    const std::vector<TokenId> prompt = support::as_ids(random_tokens(20, 12));
    for (const char* name : support::kTinyModels) {
        for (const Path form : {Path::plain, Path::fast}) {
            INFO(name << (form == Path::fast ? ", fast" : ", plain"));
            check_capture(tiny_path(name), form, prompt);
        }
    }
}

TEST_CASE("real model: 256 greedy tokens with capture and without (V1, V3)") {
    const auto path = support::real_model_path();
    if (!path) {
        SKIP(support::kNoRealModel);
    }
    if (!support::full_run()) {
        SKIP(support::kOnlyFull);
    }
    const std::vector<TokenId> prompt = support::as_ids(support::golden_texts().front().tokens);
    check_capture(*path, Path::fast, prompt);
}
