#include "app/ui/state/attention_data.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "app/engine/thumbnails.h"

namespace app::ui {

namespace {

size_t live_bytes(const model::Capture& capture) {
    size_t n = 0;
    for (const model::LiveRows& rows : capture.live) {
        n += rows.log16.size() * sizeof(uint16_t) +
             (rows.max.size() + rows.lse.size()) * sizeof(float);
    }
    return n;
}

}  // namespace

void LiveRowStore::clear() {
    captures_.clear();
    bytes_ = 0;
}

void LiveRowStore::add(const std::shared_ptr<const model::Capture>& capture) {
    if (capture->live.empty()) {
        return;
    }
    const uint32_t position = capture->live.front().position;
    const auto old = captures_.find(position);
    if (old != captures_.end()) {
        bytes_ -= live_bytes(*old->second);
    }
    captures_[position] = capture;
    bytes_ += live_bytes(*capture);
    while (bytes_ > kMaxBytes && captures_.size() > 1) {
        bytes_ -= live_bytes(*captures_.begin()->second);
        captures_.erase(captures_.begin());
    }
}

const model::LiveRows* LiveRowStore::find(uint32_t position, uint32_t layer) const {
    const auto it = captures_.find(position);
    if (it == captures_.end()) {
        return nullptr;
    }
    for (const model::LiveRows& rows : it->second->live) {
        if (rows.layer == layer && rows.position == position) {
            return &rows;
        }
    }
    return nullptr;
}

std::optional<float> LiveRowStore::weight(uint32_t layer, uint32_t head, uint32_t query,
                                          uint32_t key) const {
    const model::LiveRows* rows = find(query, layer);
    if (rows == nullptr || head >= rows->max.size()) {
        return std::nullopt;
    }
    if (key < rows->first_key || key >= rows->first_key + rows->n_keys) {
        return 0.0f;
    }
    return rows->weight(head, key - rows->first_key);
}

void HeadThumb::grow_to(uint32_t positions) {
    while (positions > kSide * bin) {
        HeadThumb coarse;
        const auto mean = [&](uint32_t row, uint32_t column, bool rest) {
            // Of rows 2 row and 2 row + 1, columns 2 column and 2 column + 1.
            const uint32_t rows = n_rows[2 * row] + n_rows[2 * row + 1];
            double sum = 0;
            for (uint32_t r = 2 * row; r < 2 * row + 2; ++r) {
                for (uint32_t c = 2 * column; c < 2 * column + 2; ++c) {
                    const bool without = rest && c == 0;
                    const uint8_t code = without ? rest_mass[r] : mass[size_t(r) * kSide + c];
                    sum += double(log_value(code)) * n_rows[r];
                }
            }
            return rows == 0 ? 0.0 : sum / rows;
        };
        for (uint32_t r = 0; r < kSide / 2; ++r) {
            coarse.n_rows[r] = n_rows[2 * r] + n_rows[2 * r + 1];
            for (uint32_t c = 0; c < kSide / 2; ++c) {
                uint8_t largest = 0;
                for (uint32_t i = 0; i < 4; ++i) {
                    largest = std::max(largest, max[size_t(2 * r + i / 2) * kSide + 2 * c + i % 2]);
                }
                coarse.max[size_t(r) * kSide + c] = largest;
                coarse.mass[size_t(r) * kSide + c] = log_code(float(mean(r, c, false)));
            }
            coarse.rest_mass[r] = log_code(float(mean(r, 0, true)));
            coarse.rest_max[r] =
                std::max({rest_max[2 * r], rest_max[2 * r + 1], max[size_t(2 * r) * kSide + 1],
                          max[size_t(2 * r + 1) * kSide + 1]});
        }
        max.swap(coarse.max);
        mass.swap(coarse.mass);
        rest_max = coarse.rest_max;
        rest_mass = coarse.rest_mass;
        n_rows = coarse.n_rows;
        bin *= 2;
        reopen(std::min(n_positions / bin, kSide - 1));
    }
    n_positions = std::max(n_positions, positions);
}

/// The sums of the row of cells that is to grow.
void HeadThumb::reopen(uint32_t row) {
    for (uint32_t c = 0; c < kSide; ++c) {
        open_sum_[c] = log_value(mass[size_t(row) * kSide + c]) * float(n_rows[row]);
    }
    open_rest_ = log_value(rest_mass[row]) * float(n_rows[row]);
}

void HeadThumb::put(const model::LiveRows& rows, uint32_t head) {
    if (rows.position < n_positions) {
        return;
    }
    const bool new_row = rows.position / bin != (n_positions == 0 ? 0 : n_positions - 1) / bin;
    n_positions = rows.position;
    grow_to(rows.position + 1);
    const uint32_t row = rows.position / bin;
    if (new_row) {
        reopen(row);
    }
    ++n_rows[row];
    std::array<float, kSide> largest{};
    float rest_largest = 0;
    for (uint32_t j = 0; j < rows.n_keys; ++j) {
        const uint32_t key = rows.first_key + j, column = key / bin;
        const float w = rows.weight(head, j);
        largest[column] = std::max(largest[column], w);
        open_sum_[column] += w;
        if (column == 0 && key > 0) {
            open_rest_ += w;
            rest_largest = std::max(rest_largest, w);
        }
    }
    const auto n = float(n_rows[row]);
    for (uint32_t c = 0; c <= row; ++c) {
        uint8_t& code = max[size_t(row) * kSide + c];
        code = std::max(code, log_code(largest[c]));
        mass[size_t(row) * kSide + c] = log_code(open_sum_[c] / n);
    }
    rest_max[row] = std::max(rest_max[row], log_code(rest_largest));
    rest_mass[row] = log_code(open_rest_ / n);
}

void HeadThumb::take(const Thumbnail& thumb) {
    const uint64_t keep = version;
    *this = HeadThumb{};
    version = keep;
    bin = thumb.bin;
    n_positions = base_positions = thumb.n_positions;
    const uint32_t n = std::min(thumb.side, kSide);
    if (size_t(n) * n > std::min(thumb.max.size(), thumb.mass.size()) ||
        thumb.rest_max.size() < n || thumb.rest_mass.size() < n) {
        return;
    }
    for (uint32_t r = 0; r < n; ++r) {
        n_rows[r] = std::min(bin, n_positions - r * bin);
        for (uint32_t c = 0; c < n; ++c) {
            max[size_t(r) * kSide + c] = log_code(thumb.max[size_t(r) * thumb.side + c]);
            mass[size_t(r) * kSide + c] = log_code(thumb.mass[size_t(r) * thumb.side + c]);
        }
        rest_max[r] = log_code(thumb.rest_max[r]);
        rest_mass[r] = log_code(thumb.rest_mass[r]);
    }
    reopen(std::min(n_positions / bin, kSide - 1));
}

void ThumbStore::reset(uint32_t n_layers, uint32_t n_heads) {
    n_layers_ = n_layers;
    n_heads_ = n_heads;
    ++version_;
    thumbs_.assign(size_t(n_layers) * n_heads, HeadThumb{});
    for (HeadThumb& t : thumbs_) {
        t.version = version_;
    }
}

void ThumbStore::add(const model::LiveRows& rows) {
    if (rows.layer >= n_layers_) {
        return;
    }
    ++version_;
    const auto heads = uint32_t(std::min<size_t>(n_heads_, rows.max.size()));
    for (uint32_t h = 0; h < heads; ++h) {
        HeadThumb& t = thumbs_[size_t(rows.layer) * n_heads_ + h];
        t.put(rows, h);
        t.version = version_;
    }
}

void ThumbStore::add(const std::vector<Thumbnail>& thumbs, const LiveRowStore& live) {
    ++version_;
    for (const Thumbnail& thumb : thumbs) {
        if (thumb.layer < n_layers_ && thumb.head < n_heads_ && thumb.bin > 0) {
            HeadThumb& t = thumbs_[size_t(thumb.layer) * n_heads_ + thumb.head];
            const uint32_t known = std::max(t.n_positions, thumb.n_positions);
            t.take(thumb);
            for (uint32_t q = thumb.n_positions; q < known; ++q) {
                if (const model::LiveRows* rows = live.find(q, thumb.layer)) {
                    t.put(*rows, thumb.head);
                }
            }
            t.version = version_;
        }
    }
}

uint32_t ThumbStore::next_missing(uint32_t positions, uint32_t first_layer) const {
    for (uint32_t i = 0; i < n_layers_; ++i) {
        const uint32_t layer = (first_layer + i) % n_layers_;
        if (thumbs_[size_t(layer) * n_heads_].base_positions < positions) {
            return layer;
        }
    }
    return n_layers_;
}

const HeadThumb* ThumbStore::find(uint32_t layer, uint32_t head) const {
    return layer < n_layers_ && head < n_heads_ ? &thumbs_[size_t(layer) * n_heads_ + head]
                                                : nullptr;
}

void HeadMatrix::reset(uint32_t layer, uint32_t head, uint32_t window) {
    layer_ = layer;
    head_ = head;
    window_ = window;
    begin_ = end_ = 0;
    rows_.clear();
    live_.clear();
    ++version_;
}

void HeadMatrix::set_range(uint32_t begin, uint32_t end) {
    if (begin == begin_ && end == end_) {
        return;
    }
    std::vector<std::vector<float>> rows(end - begin);
    std::vector<uint8_t> live(end - begin);
    for (uint32_t q = std::max(begin, begin_); q < std::min(end, end_); ++q) {
        rows[q - begin] = std::move(rows_[q - begin_]);
        live[q - begin] = live_[q - begin_];
    }
    rows_ = std::move(rows);
    live_ = std::move(live);
    begin_ = begin;
    end_ = end;
    ++version_;
}

void HeadMatrix::add(const model::AttentionTile& tile) {
    if (!is(tile.layer, tile.head) || tile.key_begin != 0) {
        return;
    }
    for (uint32_t r = 0; r < tile.n_queries; ++r) {
        const uint32_t query = tile.query_begin + r;
        if (query < begin_ || query >= end_ || tile.n_keys < query + 1) {
            continue;
        }
        const auto from = tile.pattern.begin() + int64_t(r) * tile.n_keys;
        rows_[query - begin_].assign(from, from + query + 1);
        live_[query - begin_] = 0;
    }
    ++version_;
}

void HeadMatrix::add(const model::LiveRows& rows) {
    if (rows.layer != layer_ || head_ >= rows.max.size() || rows.position < begin_ ||
        rows.position >= end_) {
        return;
    }
    std::vector<float>& row = rows_[rows.position - begin_];
    row.assign(rows.position + 1, 0.0f);
    for (uint32_t j = 0; j < rows.n_keys && rows.first_key + j <= rows.position; ++j) {
        row[rows.first_key + j] = rows.weight(head_, j);
    }
    live_[rows.position - begin_] = 1;
    ++version_;
}

bool HeadMatrix::has_row(uint32_t query) const {
    return query >= begin_ && query < end_ && !rows_[query - begin_].empty();
}

bool HeadMatrix::row_is_live(uint32_t query) const {
    return has_row(query) && live_[query - begin_] != 0;
}

bool HeadMatrix::missing(uint32_t near, uint32_t& first, uint32_t& last) const {
    if (end_ == begin_) {
        return false;
    }
    const uint32_t n_blocks = (end_ - begin_ + kBlockRows - 1) / kBlockRows;
    const uint32_t start = near > begin_ ? std::min((near - begin_) / kBlockRows, n_blocks - 1) : 0;
    for (uint32_t i = 0; i < n_blocks; ++i) {
        const uint32_t block = begin_ + (start + i) % n_blocks * kBlockRows;
        bool any = false;
        for (uint32_t q = block; q < std::min(block + kBlockRows, end_); ++q) {
            if (!has_row(q)) {
                first = any ? first : q;
                last = q;
                any = true;
            }
        }
        if (any) {
            return true;
        }
    }
    return false;
}

float HeadMatrix::at(uint32_t query, uint32_t key) const {
    return has_row(query) && key <= query ? rows_[query - begin_][key] : 0;
}

RowLinks row_links(const HeadMatrix& matrix, uint32_t query, float share, size_t max_links) {
    RowLinks out;
    out.query = query;
    if (!matrix.has_row(query)) {
        return out;
    }
    std::vector<RowLinks::Link> all;
    for (uint32_t key = 0; key <= query; ++key) {
        if (!matrix.visible(query, key)) {
            continue;
        }
        if (key == 0) {
            out.bos = matrix.at(query, 0);
        } else {
            all.push_back({key, matrix.at(query, key)});
        }
    }
    std::stable_sort(all.begin(), all.end(),
                     [](const auto& a, const auto& b) { return a.weight > b.weight; });
    out.shown_mass = out.bos;
    for (const RowLinks::Link& link : all) {
        if (out.shown_mass >= share || out.links.size() >= max_links || link.weight <= 0) {
            break;
        }
        out.links.push_back(link);
        out.shown_mass += link.weight;
    }
    out.n_not_drawn = uint32_t(all.size() - out.links.size());
    return out;
}

namespace {

/// Where not all links have found room. `share`: what is drawn and BOS carry together.
std::array<std::string, 3> cut_words(const RowLinks& links, size_t n_drawn, bool with_bos,
                                     const std::string& share) {
    const std::string drawn = fmt::format("{} of {} links drawn", n_drawn, links.links.size());
    if (n_drawn == 0 && !with_bos) {
        return {drawn, drawn, drawn};
    }
    const std::string who = n_drawn == 0 ? "BOS carries"
                            : with_bos   ? n_drawn == 1 ? "it and BOS carry" : "they and BOS carry"
                            : n_drawn == 1 ? "it carries"
                                           : "they carry";
    const std::string carried = fmt::format("{}; {} {}", drawn, who, share);
    const std::string alone = n_drawn > 0 && with_bos
                                  ? fmt::format(", BOS alone {:.0f} %", double(links.bos) * 100)
                                  : std::string();
    return {fmt::format("{}{}; no room for more, {} weaker below the cut", carried, alone,
                        links.n_not_drawn),
            carried, drawn};
}

}  // namespace

std::array<std::string, 3> link_words(const RowLinks& links, size_t n_drawn, bool with_bos) {
    const size_t n_links = links.links.size();
    n_drawn = std::min(n_drawn, n_links);
    float mass = links.bos;
    bool itself = false;  // no arc leads from a row to itself
    for (size_t i = 0; i < n_drawn; ++i) {
        mass += links.links[i].weight;
        itself = itself || links.links[i].key == links.query;
    }
    const std::string share = fmt::format("{:.0f} %", double(mass) * 100);
    if (n_drawn < n_links) {
        return cut_words(links, n_drawn, with_bos, share);
    }
    const size_t n_arcs = n_drawn - (itself ? 1 : 0);
    std::vector<std::string> who;
    if (n_arcs > 0 || (!itself && !with_bos)) {
        who.push_back(fmt::format("{} {}", n_arcs, n_arcs == 1 ? "arc" : "arcs"));
    }
    if (itself) {
        who.emplace_back("the token itself");
    }
    if (with_bos) {
        who.emplace_back("BOS");
    }
    std::string all = who.front();
    for (size_t i = 1; i < who.size(); ++i) {
        all += (i + 1 < who.size() ? ", " : " and ") + who[i];
    }
    const bool one = who.size() == 1 && n_arcs <= 1 && (n_arcs == 1 || itself || with_bos);
    const std::string carried = fmt::format("{} {} {}", all, one ? "carries" : "carry", share);
    return {fmt::format("{}, {} weaker {} not drawn", carried, links.n_not_drawn,
                        links.n_not_drawn == 1 ? "link" : "links"),
            fmt::format("{}, {} weaker left out", carried, links.n_not_drawn), carried};
}

}  // namespace app::ui
