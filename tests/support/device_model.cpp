#include "tests/support/device_model.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "gpu/base.h"
#include "model/score_hash.h"

namespace support {

using model::Tap;

model::Runtime& runtime() {
    static model::Runtime the_runtime;
    return the_runtime;
}

std::shared_ptr<const model::Model> load_model(const std::string& path) {
    model::Runtime& on = runtime();  // made before `last`, so that it outlives it at exit
    static std::shared_ptr<const model::Model> last;
    static std::string last_path;
    if (path != last_path) {
        last.reset();
        last = model::Model::load(on, path);
        last_path = path;
    }
    return last;
}

model::CaptureSink TapCollector::sink() {
    return [this](const std::shared_ptr<const model::Capture>& capture) {
        for (const model::TapRows& rows : capture->taps) {
            add(rows);
        }
    };
}

void TapCollector::add(const model::TapRows& rows) {
    std::vector<float>& all = taps_[{rows.tap, rows.layer}];
    const size_t n = n_tokens_;
    const size_t first = rows.first_position;
    CHECK(rows.values.size() == size_t{rows.n_rows} * rows.dim, "{} of {} x {}", rows.values.size(),
          rows.n_rows, rows.dim);
    switch (rows.tap) {
        case Tap::lse:  // [Hq, n of the step] -> [Hq, T]
            all.resize(rows.n_rows * n);
            for (size_t h = 0; h < rows.n_rows; ++h) {
                std::copy_n(rows.values.begin() + std::ptrdiff_t(h * rows.dim), rows.dim,
                            all.begin() + std::ptrdiff_t(h * n + first));
            }
            return;
        case Tap::pattern:
        case Tap::attn_scores:
        case Tap::attn_scores_raw: {  // [t, Hq] rows of the keys so far -> [Hq, T, T]
            const size_t n_step = rows.dim - first;
            const size_t n_heads = rows.n_rows / n_step;
            all.resize(n_heads * n * n, rows.tap == Tap::pattern ? 0.0f
                                        : rows.tap == Tap::attn_scores
                                            ? -std::numeric_limits<float>::infinity()
                                            : std::numeric_limits<float>::quiet_NaN());
            for (size_t row = 0; row < rows.n_rows; ++row) {
                const size_t t = first + row / n_heads, h = row % n_heads;
                std::copy_n(rows.values.begin() + std::ptrdiff_t(row * rows.dim), rows.dim,
                            all.begin() + std::ptrdiff_t((h * n + t) * n));
            }
            return;
        }
        default:
            all.resize(n * rows.dim);
            std::copy(rows.values.begin(), rows.values.end(),
                      all.begin() + std::ptrdiff_t(first * rows.dim));
    }
}

std::vector<model::TokenId> as_ids(std::span<const uint32_t> tokens) {
    return {tokens.begin(), tokens.end()};
}

uint64_t device_hash(model::Session& session) {
    const model::Config& config = session.model().config;
    const uint32_t n = session.position();
    const std::vector<float> resid =
        session.stored(Tap::resid_post, config.num_hidden_layers - 1, 0, n);
    std::vector<float> logits;
    for (const uint32_t position : model::score_hash_rows(n)) {
        const std::vector<float> row = session.logits_at(position);
        logits.insert(logits.end(), row.begin(), row.end());
    }
    return model::score_hash(resid, logits);
}

void feed(model::Session& session, std::span<const model::TokenId> tokens, uint32_t chunk) {
    while (session.position() < tokens.size()) {
        if (chunk == 1) {
            session.decode(tokens[session.position()]);
            continue;
        }
        const size_t end = std::min<size_t>(tokens.size(), session.position() + chunk);
        session.sync(tokens.subspan(0, end));
    }
}

}  // namespace support
