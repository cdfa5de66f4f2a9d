// What was expected after each position: distributions that sum to 1, the sampler's stages, the
// read-out of every layer.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <span>

#include "app/recordings/recording_checks.h"
#include "app/recordings/recording_maker.h"
#include "gpu/base.h"

namespace app {

namespace {

constexpr double kMostFloat = std::numeric_limits<float>::max();
constexpr double kMostNumber = std::numeric_limits<double>::max();
constexpr double kMostLogprob = 1e-3;  // rounding of a certain token's
constexpr double kSumSlack = 0.01;

/// A blob's numbers in order; what is not there is refused.
class Unpacked {
public:
    Unpacked(std::span<const std::byte> bytes, std::string_view name, const RecordingChecks& check)
        : bytes_(bytes), whole_(bytes.size()), name_(name), check_(check) {}

    template <class T>
    T take() {
        if (bytes_.size() < sizeof(T)) {
            check_.refuse(name_, fmt::format("{} bytes", whole_), "whole numbers of it");
        }
        T value;
        std::memcpy(&value, bytes_.data(), sizeof value);
        bytes_ = bytes_.subspan(sizeof value);
        return value;
    }
    bool more() const { return !bytes_.empty(); }

private:
    std::span<const std::byte> bytes_;
    size_t whole_;
    std::string_view name_;
    const RecordingChecks& check_;
};

class StepReader {
public:
    StepReader(RecordingChecks& check, Recording& r) : check_(check), r_(r) {}

    void read_steps(Database& db) {
        check_.rows_at_most(db, "steps", "SELECT count(*) FROM steps", double(r_.tokens.size()));
        Statement& row =
            db.use("SELECT position, next, stages, lens_ids FROM steps ORDER BY position");
        while (row.step()) {
            check_.at("steps");
            check_.equal("position", row.integer(0), int64_t(r_.steps.size()));
            check_.at("steps", row.integer(0));
            RecordedStep& step = r_.steps.emplace_back();
            read_next(row.bytes(1), step.next);
            read_stages(row.bytes(2), step.next);
            Unpacked ids(row.bytes(3), "lens_ids", check_);
            while (ids.more()) {
                step.lens_ids.push_back(id("lens_ids", ids.take<TokenId>()));
            }
            check_.each_once("lens_ids", step.lens_ids);
            at_most("the number of lens_ids", step.lens_ids.size(), RecordingMaker::kLensAsked + 1);
        }
        check_.sound(db);
        check_.at("steps");
        check_.equal("the number of positions", int64_t(r_.steps.size()), r_.n_rows());
    }

    struct LensTable {
        const char *name, *counted, *rows;  // queries: literals, as Database keeps them
        std::vector<LensAnswer> RecordedStep::*to;
        bool may_lack;
    };

    void read_lens(Database& db, const LensTable& from) {
        const auto& [table, counted, rows, to, may_lack] = from;
        check_.rows_at_most(db, table, counted, double(r_.steps.size()) * r_.info.n_layers);
        Statement& row = db.use(rows);
        while (row.step()) {
            const int64_t position = row.integer(0);
            check_.at(table);
            check_.within("position", double(position), 0, double(r_.steps.size()) - 1);
            check_.at(table, position);
            RecordedStep& step = r_.steps[size_t(position)];
            check_.equal("layer", row.integer(1), int64_t((step.*to).size()));
            check_.within("layer", double(row.integer(1)), 0, double(r_.info.n_layers) - 1);
            check_.at(table, position, row.integer(1));
            (step.*to).push_back(read_layer(row, step));
        }
        check_.sound(db);
        for (size_t i = 0; i < r_.steps.size(); ++i) {
            const size_t n = (r_.steps[i].*to).size();
            check_.at(table, int64_t(i));
            if (n != 0 || !may_lack) {
                check_.equal("the number of layers", int64_t(n), r_.info.n_layers);
            }
        }
    }

private:
    void at_most(std::string_view field, size_t found, uint32_t most) const {
        check_.within(field, double(found), 0, double(most));
    }
    TokenId id(std::string_view field, TokenId found) const {
        check_.within(field, double(found), 0, double(r_.info.vocab_size) - 1);
        return found;
    }
    float logprob(std::string_view field, float found) const {
        check_.within(field, double(found), -kMostFloat, kMostLogprob);
        return found;
    }

    void read_next(std::span<const std::byte> bytes, KeptDistribution& next) const {
        Unpacked from(bytes, "next", check_);
        next.rest = from.take<double>();
        check_.within("next.rest", next.rest, -kMostLogprob, 1 + kMostLogprob);
        double sum = next.rest;
        while (from.more()) {
            next.ids.push_back(id("next.id", from.take<TokenId>()));
            next.logprobs.push_back(logprob("next.logprob", from.take<float>()));
            sum += std::exp(double(next.logprobs.back()));
        }
        check_.within("the number of tokens of next", double(next.ids.size()), 1,
                      RecordingMaker::kNextTokens + 1);
        check_.within("the sum of next", sum, 1 - kSumSlack, 1 + kSumSlack);
        check_.each_once("next.id", next.ids);
        for (size_t i = 1; i < next.ids.size(); ++i) {
            // The likeliest first, up to rounding.
            check_.within("next.logprob", double(next.logprobs[i]), -kMostNumber,
                          double(next.logprobs[i - 1]) + kMostLogprob);
        }
    }

    void read_stages(std::span<const std::byte> bytes, KeptDistribution& next) const {
        Unpacked from(bytes, "stages", check_);
        while (from.more()) {
            model::StageResult result;
            const auto stage = from.take<uint32_t>();
            check_.within("stages.stage", double(stage), 0, double(model::SamplerStage::final));
            result.stage = model::SamplerStage(stage);
            result.n_left = from.take<uint32_t>();
            check_.within("stages.n_left", double(result.n_left), 1, double(r_.info.vocab_size));
            const auto n = from.take<uint32_t>();
            check_.within("stages.n", double(n), 0,
                          double(std::min(result.n_left, RecordingMaker::kStageTokens)));
            result.other = from.take<double>();
            check_.within("stages.other", result.other, -kMostLogprob, 1 + kMostLogprob);
            double sum = result.other;
            for (uint32_t i = 0; i < n; ++i) {
                model::Candidate& c = result.top.emplace_back();
                c.id = id("stages.id", from.take<TokenId>());
                c.logit = from.take<float>();
                check_.within("stages.logit", double(c.logit), -kMostFloat, kMostFloat);
                c.p = from.take<float>();
                check_.within("stages.p", double(c.p), 0, 1 + kMostLogprob);
                sum += double(c.p);
            }
            check_.within("the sum of a stage", sum, 1 - kSumSlack, 1 + kSumSlack);
            for (const model::StageResult& other : next.stages) {
                if (other.stage == result.stage) {
                    check_.refuse("stages.stage", fmt::format("{} twice", stage), "each one once");
                }
            }
            next.stages.push_back(std::move(result));
        }
    }

    LensAnswer read_layer(Statement& row, const RecordedStep& step) const {
        LensAnswer answer;
        answer.layer = uint32_t(row.integer(1));
        Unpacked top(row.bytes(2), "top", check_), asked(row.bytes(3), "asked", check_);
        while (top.more()) {
            TopToken& other = answer.top.emplace_back();
            other.id = id("top.id", top.take<TokenId>());
            other.logprob = logprob("top.logprob", top.take<float>());
            other.text = (*r_.info.token_texts)[size_t(other.id)];
        }
        at_most("the number of tokens of top", answer.top.size(), RecordingMaker::kLensTokens);
        while (asked.more()) {
            answer.asked.push_back(logprob("asked", asked.take<float>()));
        }
        check_.equal("the number of asked", int64_t(answer.asked.size()),
                     int64_t(step.lens_ids.size()));
        return answer;
    }

    RecordingChecks& check_;
    Recording& r_;
};

}  // namespace

void read_recorded_steps(Database& db, RecordingChecks& check, Recording& r, int64_t schema) {
    StepReader reader(check, r);
    reader.read_steps(db);
    reader.read_lens(db, {"lens", "SELECT count(*) FROM lens",
                          "SELECT position, layer, top, asked FROM lens ORDER BY position, layer",
                          &RecordedStep::lens, false});
    if (schema > 2) {
        reader.read_lens(
            db, {"lens_mid", "SELECT count(*) FROM lens_mid",
                 "SELECT position, layer, top, asked FROM lens_mid ORDER BY position, layer",
                 &RecordedStep::lens_mid, true});
    }
}

}  // namespace app
