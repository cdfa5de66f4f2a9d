// The pixels of the matrix: cells where there is room, otherwise tiles of the pyramid; what has not
// come yet from a coarser tile, or from the thumbnail.
#include <algorithm>
#include <array>
#include <cmath>
#include <vector>

#include "app/engine/thumbnails.h"
#include "app/ui/panels/matrix.h"
#include "model/quant.h"

namespace app::ui {

float ColorScale::at(float v) const {
    return std::log(std::max(v, low) / low) / std::log(std::max(high, low * 1.01f) / low);
}

namespace {

constexpr uint32_t kSide = AttentionPyramidTile::kSide;
constexpr float kFuture = -1, kOutOfWindow = -2, kAbsent = -3;

/// f16 bits as floats: pictures read millions of them.
const std::vector<float>& half_table() {
    static const std::vector<float> table = [] {
        std::vector<float> t(65536);
        for (size_t i = 0; i < t.size(); ++i) {
            t[i] = model::half_to_float(uint16_t(i));
        }
        return t;
    }();
    return table;
}

/// Values of the tiles' pixels, wherever the best of them lies.
class TileReader {
public:
    TileReader(Panel& p, const MatrixPlace& m)
        : sight_(p.state.sight),
          rows_(p.state.matrix),
          view_(*p.state.sight.viewport),
          place_(m),
          mean_(sight_.pooling == Pooling::mean && m.pooled()),
          raw_(p.state.sink == SinkMode::raw),
          thumb_(m.band || p.state.sink == SinkMode::valued  // pictures of weights
                     ? nullptr
                     : p.state.thumbs.find(p.state.selection.layer, p.state.selection.head)) {
        n_across_ = view_.column_end - view_.column_begin;
        for (uint32_t row = view_.row_begin; row < view_.row_end; ++row) {
            for (uint32_t column = view_.column_begin; column < view_.column_end; ++column) {
                const TileKey key = sight_.key_of(view_, row, column);
                const AttentionPyramidTile* tile = sight_.best(key, m.n_rows);
                tiles_.push_back({tile, tile == nullptr ? 0 : tile->key.level - key.level});
            }
        }
    }

    bool mean() const { return mean_; }
    bool raw() const { return raw_; }

    /// Of row of bins r, column of bins c; kAbsent where nothing is known.
    float at(uint32_t r, uint32_t c) const {
        const Source& s = tiles_[size_t(r / kSide - view_.row_begin) * n_across_ + c / kSide -
                                 view_.column_begin];
        const bool tile = s.tile != nullptr && (uint64_t{r} << view_.level) < s.tile->n_positions;
        if ((!tile || !s.tile->key.exact()) && !place_.pooled() && !view_.band && c <= r &&
            rows_.has_row(r)) {
            return exact(r, c, rows_.at(r, c));  // the row came before the tile of its cells
        }
        if (!tile) {
            return from_thumb(r, c);
        }
        const size_t i = size_t((r >> s.shift) % kSide) * kSide + (c >> s.shift) % kSide;
        if (s.tile->key.exact()) {
            return exact(r, c, s.tile->cells[i]);
        }
        // A coarser pixel's mass is that of 2^shift columns.
        const float v = mean_ ? half_table()[s.tile->mass[i]] / float(1U << s.shift)
                              : half_table()[s.tile->max[i]];
        return raw_ && c == 0 && !view_.band ? with_sink(r, v) : v;
    }

private:
    struct Source {
        const AttentionPyramidTile* tile = nullptr;
        uint32_t shift = 0;
    };

    float exact(uint32_t query, uint32_t key, float w) const {
        if (raw_) {
            return w;
        }
        if (key == 0) {
            return 0;
        }
        if (view_.measure == Measure::valued) {
            const std::optional<float> value = sight_.value(key);
            return value ? w * *value : kAbsent;
        }
        const float rest = 1 - sight_.sink(query).value_or(0);
        return view_.measure == Measure::renormalized && rest > 1e-6f ? w / rest : w;
    }

    /// The first column's bin with the sink, which is kept apart.
    float with_sink(uint32_t r, float v) const {
        const uint32_t begin = r << view_.level;
        const uint32_t end = std::min(begin + (1U << view_.level), place_.n_rows);
        float largest = 0, sum = 0;
        for (uint32_t q = begin; q < end; ++q) {
            const float sink = sight_.sink(q).value_or(0);
            largest = std::max(largest, sink);
            sum += sink;
        }
        return mean_ ? v + sum / float(std::max(end - begin, 1u)) : std::max(v, largest);
    }

    float from_thumb(uint32_t r, uint32_t c) const {
        const uint64_t query = uint64_t{r} << view_.level, key = uint64_t{c} << view_.key_level;
        if (thumb_ == nullptr || query >= thumb_->n_positions || key > query ||
            !thumb_->has_row(uint32_t(query / thumb_->bin))) {
            return kAbsent;
        }
        const auto row = uint32_t(query / thumb_->bin), column = uint32_t(key / thumb_->bin);
        const float v = log_value(thumb_->at(row, column, mean_, raw_));
        const auto columns = float(thumb_->bin) / float(1U << view_.key_level);
        return mean_ && columns > 1 ? v / columns : v;
    }

    HeadSight& sight_;
    const HeadMatrix& rows_;
    const Viewport view_;
    const MatrixPlace& place_;
    bool mean_, raw_;
    const HeadThumb* thumb_;
    uint32_t n_across_ = 0;
    std::vector<Source> tiles_;
};

/// What the rule of visibility says of a pixel's cells: a code below 0 where none can be seen.
float rule(const MatrixPlace& m, uint32_t q0, uint32_t q1, uint32_t c0, uint32_t c1) {
    if (m.band) {
        return c0 >= q1 ? kFuture : m.window != 0 && c0 >= m.window ? kOutOfWindow : 0;
    }
    if (c0 >= q1) {
        return kFuture;
    }
    return m.window != 0 && c1 - 1 + m.window <= q0 ? kOutOfWindow : 0;
}

/// The pixels' values, or codes below 0.
std::vector<float> pixel_values(Panel& p, const MatrixPlace& m, int width, int height) {
    const TileReader tiles(p, m);
    std::vector<std::pair<uint32_t, uint32_t>> across;
    for (int x = 0; x < width; ++x) {
        across.push_back(bins_of_pixel(x, m.columns_per_pixel, m.first_key, m.column_bin()));
    }
    // The last pixel has the bin that the sequence ends in, too.
    across.back().second =
        std::max(across.back().second, (m.first_key + m.n - 1) / m.column_bin() + 1);
    std::vector<float> out(size_t(width) * size_t(height));
    for (int y = 0; y < height; ++y) {
        auto [r0, r1] = bins_of_pixel(y, m.rows_per_pixel, m.first_query, m.row_bin());
        if (y + 1 == height) {
            r1 = std::max(r1, (m.first_query + m.n_queries - 1) / m.row_bin() + 1);
        }
        const uint32_t q0 = r0 << m.level, q1 = std::min(r1 << m.level, m.n_rows);
        for (int x = 0; x < width; ++x) {
            const auto [c0, c1] = across[size_t(x)];
            float& v = out[size_t(y) * size_t(width) + size_t(x)];
            v = q0 >= m.n_rows ? kFuture : rule(m, q0, q1, c0 << m.key_level, c1 << m.key_level);
            if (v < 0) {
                continue;
            }
            float best = kAbsent, sum = 0;
            uint32_t n = 0;
            for (uint32_t r = r0; r < r1 && (r << m.level) < m.n_rows; ++r) {
                for (uint32_t c = c0; c < c1; ++c) {
                    const float w = tiles.at(r, c);
                    best = std::max(best, w);
                    sum += std::max(w, 0.0f);
                }
                ++n;
            }
            v = tiles.mean() && best >= 0 ? sum / float(std::max(n, 1u)) : best;
        }
    }
    return out;
}

/// The largest value of the whole head as it is shown, so that colours stay when one looks closer.
float head_maximum(Panel& p, const MatrixPlace& m) {
    HeadSight& sight = p.state.sight;
    const bool raw = p.state.sink == SinkMode::raw;
    float high = 0;
    const AttentionPyramidTile* top = sight.top(measure_of(p.state), m.n_rows);
    if (top != nullptr && top->key.exact()) {
        for (uint32_t q = 0; q < std::min(top->n_positions, kSide); ++q) {
            const float rest = 1 - sight.sink(q).value_or(0);
            const float factor =
                p.state.sink == SinkMode::renormalized && rest > 1e-6f ? 1 / rest : 1;
            for (uint32_t k = raw ? 0 : 1; k <= q; ++k) {
                const bool valued = p.state.sink == SinkMode::valued;
                const float value = valued ? sight.value(k).value_or(0) : 1;
                high = std::max(high, top->cells[size_t(q) * kSide + k] * factor * value);
            }
        }
    } else if (top != nullptr) {
        high = half_table()[*std::max_element(top->max.begin(), top->max.end())];
    } else if (const HeadThumb* t =
                   p.state.thumbs.find(p.state.selection.layer, p.state.selection.head);
               t != nullptr && p.state.sink != SinkMode::valued) {
        for (uint32_t r = 0; r < t->side(); ++r) {
            for (uint32_t c = 0; c <= r; ++c) {
                high = std::max(high, log_value(t->at(r, c, false, raw)));
            }
        }
    }
    for (uint32_t q = 0; raw && q < sight.n_sinks(); ++q) {
        high = std::max(high, sight.sink(q).value_or(0));
    }
    return high;
}

void colorize(Panel& p, const std::vector<float>& values, const ColorScale& scale, Picture& out) {
    const Theme& theme = p.gui.theme();
    const ImU32 masked = Gui::rgb(theme.rgb(Color::masked));
    const ImU32 hatch = Gui::rgb(theme.rgb(Color::hatch));
    const ImU32 dot = Gui::rgb(theme.mix(Color::masked, Color::text3, 0.6f));
    const ImU32 absent = Gui::rgb(theme.rgb(Color::inspector));
    const int period = std::max(6, int(std::round(p.gui.px(9))));
    const int dots = std::max(4, int(std::round(p.gui.px(5))));
    std::array<ImU32, 256> ramp{};
    for (size_t i = 0; i < ramp.size(); ++i) {
        ramp[i] = Gui::rgb(theme.attention(float(i) / 255));
    }
    const float steps = 255 / std::log(std::max(scale.high, scale.low * 1.01f) / scale.low);
    for (int y = 0; y < out.height(); ++y) {
        for (int x = 0; x < out.width(); ++x) {
            const float v = values[size_t(y) * size_t(out.width()) + size_t(x)];
            ImU32& pixel = out.row(y)[x];
            if (v >= 0) {
                const float step = v <= scale.low ? 0 : std::log(v / scale.low) * steps;
                pixel = ramp[size_t(std::clamp(step, 0.0f, 255.0f))];
            } else if (v == kFuture) {
                pixel = (x + y) % period == 0 ? hatch : masked;
            } else if (v == kOutOfWindow) {
                pixel = x % dots == dots / 2 && y % dots == dots / 2 ? dot : masked;
            } else {
                pixel = absent;
            }
        }
    }
}

uint64_t paint_key(const Panel& p, const MatrixPlace& m) {
    const HeadSight& sight = p.state.sight;
    const HeadThumb* t = p.state.thumbs.find(p.state.selection.layer, p.state.selection.head);
    uint64_t key = sight.tiles.version() * 1000003;
    for (const uint64_t part :
         {uint64_t(m.first_key), uint64_t(m.first_query), uint64_t(m.n), uint64_t(m.n_queries),
          uint64_t(m.n_rows), uint64_t(p.state.sink), uint64_t(p.view.dark()),
          uint64_t(sight.pooling), uint64_t(sight.n_sinks()), uint64_t(m.band),
          uint64_t(sight.n_values()), uint64_t(p.state.selection.layer),
          uint64_t(p.state.selection.head), t == nullptr ? 0 : t->version,
          p.state.matrix.version()}) {
        key = (key ^ part) * 1099511628211ull;
    }
    return key;
}

}  // namespace

ColorScale paint_matrix(Panel& p, const MatrixPlace& m) {
    Picture& picture = p.view.matrix_picture;
    ColorScale& scale = p.view.matrix_scale;
    const auto width = int(m.area.w), height = int(m.area.h);
    const bool own = p.state.sight.is(p.state.selection.layer, p.state.selection.head);
    if (p.state.sight.viewport && own && picture.wants(paint_key(p, m), width, height)) {
        const std::vector<float> values = pixel_values(p, m, width, height);
        const bool mean = p.state.sight.pooling == Pooling::mean && m.pooled();
        const float high =
            mean ? *std::max_element(values.begin(), values.end()) : head_maximum(p, m);
        // A share's floor is that of an even row; other numbers have the same span.
        const float unit = p.state.sink == SinkMode::valued && high > 0 ? high : 1;
        scale.low = unit / float(std::max(m.n_rows, 2u));
        scale.high = std::max(high, scale.low * 1.01f);
        colorize(p, values, scale, picture);
        picture.upload();
    }
    picture.draw(p.gui.draw(), m.area.x, m.area.y);
    return scale;
}

}  // namespace app::ui
