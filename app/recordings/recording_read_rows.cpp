// Rows of attention: each in its place, of all layers, and with weights that are ones.
#include <array>
#include <cmath>
#include <cstring>
#include <limits>
#include <memory>
#include <span>

#include "app/recordings/recording_checks.h"
#include "gpu/base.h"

namespace app {

namespace {

/// exp(-code / 2048), the unit of log16; 65535 is nothing.
const std::array<float, 65536>& decay_table() {
    static const auto table = [] {
        std::array<float, 65536> t{};
        for (size_t i = 0; i + 1 < t.size(); ++i) {
            t[i] = float(std::exp(-double(i) / 2048));
        }
        return t;
    }();
    return table;
}

/// Weights of a row of each head must be as many as sum to 1.
void check_weights(const RecordingChecks& check, const model::LiveRows& rows) {
    constexpr double kMost = std::numeric_limits<float>::max();
    constexpr double kSlack = 0.02;  // log16 and the fast path's own rounding are far below
    const auto& decay = decay_table();
    for (size_t h = 0; h < rows.lse.size(); ++h) {
        check.within(fmt::format("max of head {}", h), double(rows.max[h]), -kMost, kMost);
        check.within(fmt::format("lse of head {}", h), double(rows.lse[h]), -kMost, kMost);
        double sum = 0;
        for (uint32_t k = 0; k < rows.n_keys; ++k) {
            sum += double(decay[rows.log16[h * rows.n_keys + k]]);
        }
        sum *= std::exp(double(rows.max[h]) - double(rows.lse[h]));
        check.within(fmt::format("the sum of the weights of head {}", h), sum, 1 - kSlack,
                     1 + kSlack);
    }
}

class RowReader {
public:
    RowReader(RecordingChecks& check, const Recording& r) : check_(check), r_(r) {}

    model::LiveRows read(Statement& row) const {
        const int64_t layer = row.integer(0), position = row.integer(1);
        const int64_t first = row.integer(2), n = row.integer(3);
        check_.at("rows", position);
        check_.within("position", double(position), 0, double(r_.tokens.size()) - 1);
        check_.within("layer", double(layer), 0, double(r_.info.n_layers) - 1);
        check_.at("rows", position, layer);
        const int64_t window = r_.info.layers[size_t(layer)].window;
        check_.equal("first_key", first,
                     window != 0 && position >= window ? position - window + 1 : 0);
        check_.equal("n_keys", n, position - first + 1);
        const auto data = row.bytes(4);
        const size_t heads = r_.info.n_heads;
        if (data.size() != heads * (8 + 2 * size_t(n))) {
            check_.refuse(
                "data", fmt::format("{} bytes", data.size()),
                fmt::format("{} of {} heads and {} keys", heads * (8 + 2 * size_t(n)), heads, n));
        }
        model::LiveRows rows{.layer = uint32_t(layer),
                             .position = uint32_t(position),
                             .first_key = uint32_t(first),
                             .n_keys = uint32_t(n)};
        rows.max.resize(heads);
        rows.lse.resize(heads);
        rows.log16.resize(heads * size_t(n));
        std::memcpy(rows.max.data(), data.data(), 4 * heads);
        std::memcpy(rows.lse.data(), data.data() + 4 * heads, 4 * heads);
        std::memcpy(rows.log16.data(), data.data() + 8 * heads, 2 * rows.log16.size());
        check_weights(check_, rows);
        return rows;
    }

private:
    RecordingChecks& check_;
    const Recording& r_;
};

}  // namespace

void read_recorded_rows(Database& db, RecordingChecks& check, Recording& r) {
    std::vector<std::shared_ptr<model::Capture>> captures;
    for (uint32_t i = 0; i < r.tokens.size(); ++i) {
        captures.push_back(std::make_shared<model::Capture>());
        captures.back()->first_position = i;
        captures.back()->n_positions = 1;
    }
    check.rows_at_most(db, "rows", "SELECT count(*) FROM rows",
                       double(r.tokens.size()) * r.info.n_layers);
    const RowReader reader(check, r);
    Statement& row = db.use(
        "SELECT layer, position, first_key, n_keys, data FROM rows ORDER BY position, layer");
    while (row.step()) {
        model::LiveRows rows = reader.read(row);
        // In order and as many as there are layers: each of them once.
        std::vector<model::LiveRows>& live = captures[rows.position]->live;
        if (!live.empty() && rows.layer <= live.back().layer) {
            check.refuse("layer", fmt::format("{} after {}", rows.layer, live.back().layer),
                         "each layer once, in order");
        }
        live.push_back(std::move(rows));
    }
    check.sound(db);
    // The last token of an answer has been drawn but not been through the model.
    for (const auto& capture : captures) {
        const bool last = capture->first_position + 1 == captures.size();
        if (capture->live.size() != r.info.n_layers && !(last && capture->live.empty())) {
            check.at("rows", capture->first_position);
            check.refuse("the number of layers", std::to_string(capture->live.size()),
                         std::to_string(r.info.n_layers));
        }
    }
    r.captures.assign(captures.begin(), captures.end());
}

}  // namespace app
