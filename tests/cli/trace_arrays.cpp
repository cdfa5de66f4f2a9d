// trace's arrays that are no taps: stage_p against the sampler's definition, the lens against a
// head in double on golden residuals, pictures against the trace's own attention.
#include "model/source.h"
#include "shaders/visible.h"
#include "tests/support/golden_taps.h"
#include "tests/support/reference_model.h"

#include <catch2/catch_approx.hpp>
#include <nlohmann/json.hpp>
#include "tests/cli/trace_run.h"

#include <array>
#include <map>
#include <numeric>
#include <set>

using support::NpyArray;
using support::Npz;

namespace {

nlohmann::json meta_of(const Npz& trace) {
    const NpyArray& bytes = trace.at("meta_json");
    return nlohmann::json::parse(std::string(bytes.values.begin(), bytes.values.end()));
}

struct Sampling {
    double temperature, top_p, min_p, repeat, presence, frequency;
    size_t top_k, last_n;
};

/// What is left of the vocabulary after a stage: the definition, in double, nothing shared with the
/// program.
class Survivors {
public:
    explicit Survivors(std::vector<double> logits) : logits_(std::move(logits)) {}

    void penalise(const Sampling& s, const std::vector<int>& history) {
        const size_t begin = history.size() - std::min(history.size(), s.last_n);
        std::map<int, int> counts;
        for (size_t i = begin; i < history.size(); ++i) {
            ++counts[history[i]];
        }
        for (const auto& [id, count] : counts) {
            double& l = logits_[size_t(id)];
            l = l > 0 ? l / s.repeat : l * s.repeat;
            l -= count * s.frequency + s.presence;
        }
    }
    void heat(double temperature) {
        for (double& l : logits_) {
            l /= temperature;
        }
    }
    void keep_first(size_t n) {
        const std::vector<size_t> order = sorted();
        for (size_t i = n; i < order.size(); ++i) {
            logits_[order[i]] = -INFINITY;
        }
    }
    void keep_mass(double p) {
        const std::vector<double> all = probabilities();
        double sum = 0;
        size_t n = 0;
        for (const size_t id : sorted()) {
            if (sum >= p) {
                break;
            }
            sum += all[id];
            ++n;
        }
        keep_first(n);
    }
    void keep_likely(double least) {
        const std::vector<double> all = probabilities();
        const double best = *std::max_element(all.begin(), all.end());
        for (size_t id = 0; id < all.size(); ++id) {
            if (all[id] < least * best) {
                logits_[id] = -INFINITY;
            }
        }
    }
    std::vector<double> probabilities() const {
        const double best = *std::max_element(logits_.begin(), logits_.end());
        std::vector<double> p;
        for (const double l : logits_) {
            p.push_back(std::exp(l - best));
        }
        const double sum = std::accumulate(p.begin(), p.end(), 0.0);
        for (double& value : p) {
            value /= sum;
        }
        return p;
    }

private:
    std::vector<size_t> sorted() const {
        std::vector<size_t> order(logits_.size());
        std::iota(order.begin(), order.end(), size_t{0});
        std::stable_sort(order.begin(), order.end(),
                         [&](size_t a, size_t b) { return logits_[a] > logits_[b]; });
        return order;
    }
    std::vector<double> logits_;
};

void apply(Survivors& survivors, const std::string& stage, const Sampling& s,
           const std::vector<int>& history) {
    if (stage == "penalties") {
        survivors.penalise(s, history);
    } else if (stage == "temperature") {
        survivors.heat(s.temperature);
    } else if (stage == "top_k") {
        survivors.keep_first(s.top_k);
    } else if (stage == "top_p") {
        survivors.keep_mass(s.top_p);
    } else if (stage == "min_p") {
        survivors.keep_likely(s.min_p);
    }
}

/// Log-probabilities of the whole vocabulary that final norm, head and cap make of each row.
std::vector<std::vector<double>> read_out(const support::ReferenceWeights& weights,
                                          const std::vector<double>& rows) {
    const size_t d = weights.config.hidden_size;
    const double cap = double(weights.config.final_logit_softcapping);
    std::vector<std::vector<double>> out;
    for (size_t at = 0; at < rows.size(); at += d) {
        double squares = 0;
        for (size_t i = 0; i < d; ++i) {
            squares += rows[at + i] * rows[at + i];
        }
        const double root = std::sqrt(squares / double(d) + double(weights.config.rms_norm_eps));
        std::vector<double> logits(weights.config.vocab_size);
        double total = 0;
        for (size_t v = 0; v < logits.size(); ++v) {
            for (size_t i = 0; i < d; ++i) {
                logits[v] += double(weights.head()[v * d + i]) * double(weights.output_norm[i]) *
                             rows[at + i] / root;
            }
            logits[v] = cap > 0 ? cap * std::tanh(logits[v] / cap) : logits[v];
            total += std::exp(logits[v]);
        }
        for (double& l : logits) {
            l -= std::log(total);
        }
        out.push_back(std::move(logits));
    }
    return out;
}

/// ids and logp [k] of one row against the whole distribution: each value is that of its id, and
/// they are the largest. Ids that are nearly even may stand either way round.
void check_top(const double* ids, const double* logp, size_t k, std::vector<double> all) {
    std::set<double> seen;
    std::vector<double> sorted = all;
    std::sort(sorted.begin(), sorted.end(), std::greater<>());
    for (size_t i = 0; i < k; ++i) {
        REQUIRE(ids[i] >= 0);
        REQUIRE(seen.insert(ids[i]).second);
        REQUIRE(std::abs(logp[i] - all[size_t(ids[i])]) < 3e-4);
        REQUIRE(std::abs(logp[i] - sorted[i]) < 3e-4);
    }
}

std::string text_of(size_t n) {
    std::string ids = "2";
    for (size_t i = 1; i < n; ++i) {
        ids += "," + std::to_string(4 + i * i * 7 % 400);
    }
    return ids;
}

}  // namespace

TEST_CASE("stage_p is what each stage of the sampler leaves of the most likely tokens") {
    const Npz golden = support::read_npz("tests/golden/tiny-gemma3.npz");
    const Sampling s{0.7, 0.8, 0.05, 1.3, 0.4, 0.2, 60, 16};
    for (const std::string order : {"hf", "llama.cpp"}) {
        INFO(order);
        const Npz ours =
            cli::trace("tests/golden/tiny-gemma3.gguf", cli::ids_of(golden.at("tokens")),
                       {"--taps",
                        "stage_p,logits",
                        "--top",
                        "40",
                        "--temp",
                        "0.7",
                        "--top-p",
                        "0.8",
                        "--min-p",
                        "0.05",
                        "--top-k",
                        "60",
                        "--repeat-penalty",
                        "1.3",
                        "--presence-penalty",
                        "0.4",
                        "--frequency-penalty",
                        "0.2",
                        "--repeat-last-n",
                        "16",
                        "--sampler-order",
                        order});
        const NpyArray& p = ours.at("stage_p");
        const size_t n = ours.at("tokens").values.size();
        REQUIRE(p.shape == std::vector<size_t>{n, 7, 40});
        const std::vector<std::string> stages = meta_of(ours)["sampler"]["stages"];
        CHECK(stages.at(order == "hf" ? 2 : 5) == "temperature");
        std::vector<int> history;
        size_t n_cut = 0;
        for (size_t t = 0; t < n; ++t) {
            history.push_back(int(ours.at("tokens").values[t]));
            Survivors survivors(ours.at("logits").at(t));
            for (size_t stage = 0; stage < 7; ++stage) {
                apply(survivors, stages[stage], s, history);
                const std::vector<double> expected = survivors.probabilities();
                for (size_t i = 0; i < 40; ++i) {
                    const double got = p.values[(t * 7 + stage) * 40 + i];
                    const auto id = size_t(ours.at("topk_ids").values[t * 40 + i]);
                    REQUIRE(std::abs(got - expected[id]) < 1e-6);
                    n_cut += got == 0;
                }
            }
        }
        CHECK(n_cut > n);  // otherwise nothing was tried
    }
}

TEST_CASE("the lens is final norm, head and cap on the golden residuals") {
    for (const std::string name : support::kTinyModels) {
        INFO(name);
        const Npz golden = support::read_npz("tests/golden/" + name + ".npz");
        const std::string file = "tests/golden/" + name + ".gguf";
        const std::vector<std::string> arguments = {"--taps", "lens,ln_final", "-ctk",  "f32",
                                                    "-ctv",   "f32",           "--top", "7"};
        const Npz ours = cli::trace(file, cli::ids_of(golden.at("tokens")), arguments);
        const support::ReferenceWeights weights(*model::open_model(file));
        const size_t n = ours.at("tokens").values.size();
        const size_t n_layers = weights.config.num_hidden_layers;
        const NpyArray& ids = ours.at("lens_ids");
        const NpyArray& logp = ours.at("lens_logp");
        REQUIRE(ids.shape == std::vector<size_t>{n_layers, 2, n, 7});
        REQUIRE(logp.shape == ids.shape);
        CHECK(ours.count("resid_mid") == 0);
        for (size_t plane = 0; plane < 2 * n_layers; ++plane) {
            const auto tap = plane % 2 == 0 ? model::Tap::resid_mid : model::Tap::resid_post;
            const auto all =
                read_out(weights, support::golden_values(golden, tap, uint32_t(plane / 2)));
            REQUIRE(all.size() == n);
            for (size_t t = 0; t < n; ++t) {
                const size_t at = (plane * n + t) * 7;
                check_top(&ids.values[at], &logp.values[at], 7, all[t]);
            }
        }
        // After the last layer it is the model's own distribution, to the bit.
        const auto last = ptrdiff_t((2 * n_layers - 1) * n * 7);
        CHECK(std::vector<double>(ids.values.begin() + last, ids.values.end()) ==
              ours.at("topk_ids").values);
        CHECK(std::vector<double>(logp.values.begin() + last, logp.values.end()) ==
              ours.at("topk_logp").values);
        // The taps beside it are untouched by it, and chunks of another size change no bit.
        cli::check_close(ours.at("ln_final"), golden.at("ln_final").values, 1e-4);
        std::vector<std::string> chunked = arguments;
        chunked.insert(chunked.end(), {"-ub", "5"});
        const Npz again = cli::trace(file, cli::ids_of(golden.at("tokens")), chunked);
        CHECK(again.at("lens_ids").values == ids.values);
        CHECK(again.at("lens_logp").values == logp.values);
    }
}

TEST_CASE("the lens of some layers is that part of all") {
    const std::string file = "tests/golden/tiny-gemma2.gguf";
    const Npz all = cli::trace(file, text_of(20), {"--taps", "lens,resid_mid"});
    const Npz some = cli::trace(file, text_of(20), {"--taps", "lens", "--layers", "1,-1"});
    const NpyArray& whole = all.at("lens_logp");
    REQUIRE(some.at("lens_logp").dim(0) == 2);
    CHECK(some.at("lens_logp").at(0) == whole.at(1));
    CHECK(some.at("lens_logp").at(1) == whole.at(whole.dim(0) - 1));
    CHECK(all.at("resid_mid").dim(0) == whole.dim(0));
}

TEST_CASE("thumbnails pool the attention that the same trace holds") {
    for (const size_t n : {size_t{40}, size_t{150}}) {  // one position a cell, and four
        INFO(n << " tokens");
        const Npz ours =
            cli::trace("tests/golden/tiny-gemma3.gguf", text_of(n), {"--taps", "pattern,thumb"});
        const size_t bin = n <= 64 ? 1 : 4;
        CHECK(meta_of(ours)["thumb_bin"] == bin);
        const NpyArray& pattern = ours.at("pattern");
        const NpyArray& largest = ours.at("thumb_max");
        const NpyArray& mass = ours.at("thumb_mass");
        REQUIRE(largest.shape == std::vector<size_t>{7, 4, 64, 64});
        REQUIRE(mass.shape == largest.shape);
        const size_t side = (n + bin - 1) / bin;
        for (size_t head = 0; head < 28; ++head) {
            for (size_t cell = 0; cell < 4096; ++cell) {
                const size_t row = cell / 64, column = cell % 64;
                const size_t at = head * 4096 + cell;
                if (row >= side || column >= side) {
                    REQUIRE(std::isnan(largest.values[at]));
                    REQUIRE(std::isnan(mass.values[at]));
                    continue;
                }
                double top = 0, sum = 0;
                const size_t last = std::min(n, (row + 1) * bin);
                for (size_t q = row * bin; q < last; ++q) {
                    for (size_t k = column * bin; k < std::min(n, (column + 1) * bin); ++k) {
                        const double weight = pattern.values[(head * n + q) * n + k];
                        top = std::max(top, weight);
                        sum += weight;
                    }
                }
                sum /= double(last - row * bin);
                // Half a unit of f16's last place: 2^-11, or 2^-25 below its normal numbers.
                REQUIRE(std::abs(largest.values[at] - top) <= top * 0x1p-11 + 0x1p-25);
                REQUIRE(std::abs(mass.values[at] - sum) <= sum * 0x1.01p-11 + 0x1p-25);
            }
        }
    }
}
