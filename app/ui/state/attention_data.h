// What the window knows of the attention of the sequence in the engine's cache: live rows, pooled
// thumbnails that grow with them, and the exact cells of one head. Pure data, no drawing.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "app/engine/messages.h"
#include "model/capture.h"

namespace app::ui {

/// Rows of decoded tokens, all layers and heads, as the forward pass left them. The oldest go first
/// when the limit is reached.
class LiveRowStore {
public:
    void clear();
    void add(const std::shared_ptr<const model::Capture>& capture);
    /// Rows of this query in this layer; null when they were not kept.
    const model::LiveRows* find(uint32_t position, uint32_t layer) const;
    /// Weight of one cell; nothing when the row was not kept. 0 where the window hides the key.
    std::optional<float> weight(uint32_t layer, uint32_t head, uint32_t query, uint32_t key) const;
    bool has(uint32_t position) const { return captures_.count(position) != 0; }
    size_t bytes() const { return bytes_; }

    static constexpr size_t kMaxBytes = size_t{192} << 20;

private:
    std::map<uint32_t, std::shared_ptr<const model::Capture>> captures_;
    size_t bytes_ = 0;
};

/// Pooled picture of one head in 8-bit logarithms (app::log_code): cells of bin x bin positions.
struct HeadThumb {
    static constexpr uint32_t kSide = 64;
    uint32_t bin = 1;
    uint32_t n_positions = 0;              // rows [0, n_positions) may be in it
    uint32_t base_positions = 0;           // rows that came from the engine's own pooling
    std::array<uint32_t, kSide> n_rows{};  // that are in each row of cells
    std::vector<uint8_t> max = std::vector<uint8_t>(size_t(kSide) * kSide);   // largest weight
    std::vector<uint8_t> mass = std::vector<uint8_t>(size_t(kSide) * kSide);  // of a row: mean sum
    std::array<uint8_t, kSide> rest_max{}, rest_mass{};  // column 0 without position 0, the sink
    uint64_t version = 0;                                // changes with every change

    uint32_t side() const { return (n_positions + bin - 1) / bin; }
    bool has_row(uint32_t row) const { return n_rows[row] > 0; }
    /// Code of a cell; without the sink where asked for.
    uint8_t at(uint32_t row, uint32_t column, bool mean, bool with_sink) const {
        if (column == 0 && !with_sink) {
            return mean ? rest_mass[row] : rest_max[row];
        }
        return (mean ? mass : max)[size_t(row) * kSide + column];
    }
    /// Double the bins until `positions` fit. Masses are rounded once more.
    void grow_to(uint32_t positions);
    void put(const model::LiveRows& rows, uint32_t head);
    /// What the engine pooled, instead of what was there.
    void take(const Thumbnail& thumb);

private:
    void reopen(uint32_t row);

    std::array<float, kSide> open_sum_{};  // of the row of cells that grows
    float open_rest_ = 0;
};

class ThumbStore {
public:
    void reset(uint32_t n_layers, uint32_t n_heads);
    void add(const model::LiveRows& rows);
    /// The engine's pictures, and the live rows that came after theirs.
    void add(const std::vector<Thumbnail>& thumbs, const LiveRowStore& live);
    /// A layer whose first `positions` rows have not come from the engine yet; n_layers if none.
    uint32_t next_missing(uint32_t positions, uint32_t first_layer) const;
    const HeadThumb* find(uint32_t layer, uint32_t head) const;
    uint32_t n_layers() const { return n_layers_; }
    uint32_t n_heads() const { return n_heads_; }

private:
    uint32_t n_layers_ = 0, n_heads_ = 0;
    std::vector<HeadThumb> thumbs_;  // [n_layers, n_heads]
    uint64_t version_ = 0;
};

/// Exact rows of one head about the selected one, each with all its keys from 0; rows are there or
/// not.
class HeadMatrix {
public:
    /// Rows of a sequence of n that are held at a time: all of a short one.
    static uint32_t rows_held(uint32_t n) { return n <= 1024 ? n : 256; }
    static constexpr uint32_t kBlockRows = 64;  // asked for at once

    void reset(uint32_t layer, uint32_t head, uint32_t window);
    bool is(uint32_t layer, uint32_t head) const { return layer_ == layer && head_ == head; }
    /// Hold the rows [begin, end); rows already there are kept where they fit.
    void set_range(uint32_t begin, uint32_t end);
    void add(const model::AttentionTile& tile);
    void add(const model::LiveRows& rows);
    bool has_row(uint32_t query) const;
    /// A block of rows [first, last] of which some are missing, the one with `near` first; false
    /// when all are there.
    bool missing(uint32_t near, uint32_t& first, uint32_t& last) const;
    /// 0 where masked or not there; see visible() and has_row().
    float at(uint32_t query, uint32_t key) const;
    bool visible(uint32_t query, uint32_t key) const {
        return model::AttentionTile::visible(query, key, window_);
    }
    uint32_t begin() const { return begin_; }
    uint32_t end() const { return end_; }
    uint32_t window() const { return window_; }
    bool row_is_live(uint32_t query) const;
    uint64_t version() const { return version_; }

private:
    uint32_t layer_ = ~0u, head_ = ~0u, window_ = 0;
    uint32_t begin_ = 0, end_ = 0;
    std::vector<std::vector<float>> rows_;  // [end - begin][query + 1], empty: not there
    std::vector<uint8_t> live_;
    uint64_t version_ = 0;
};

/// The links of one row that carry a share of its mass.
struct RowLinks {
    struct Link {
        uint32_t key = 0;
        float weight = 0;
    };
    uint32_t query = 0;
    float bos = 0;             // weight on position 0
    float shown_mass = 0;      // links and BOS
    uint32_t n_not_drawn = 0;  // visible keys that are neither drawn nor BOS
    std::vector<Link> links;   // strongest first, without BOS
};
/// Links in falling order until they and BOS hold `share` of the mass, at most max_links.
RowLinks row_links(const HeadMatrix& matrix, uint32_t query, float share, size_t max_links);
/// What is said of a row of which the first n_drawn links have found room, from the fullest wording
/// to the shortest: how many, how much they and BOS (where the row sees it) carry, what is left
/// out.
std::array<std::string, 3> link_words(const RowLinks& links, size_t n_drawn, bool with_bos);

}  // namespace app::ui
