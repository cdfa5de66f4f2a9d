// Questions about the sequence in the cache: between tokens when cheap, in full when idle.
#include <algorithm>
#include <utility>

#include "app/engine/engine_worker.h"
#include "gpu/clock.h"

namespace app {
namespace {

constexpr double kBlockMs = 15;  // one block of a long answer
constexpr double kShareOfPictures = 0.4;
constexpr uint32_t kLensTop = 10;
constexpr uint64_t kMaxTileCells = 16ULL << 20;
constexpr uint64_t kMaxScoredCells = 1ULL << 16;  // larger tiles come without scores

base::Error usage(const std::string& message) {
    return base::Error(base::ErrorKind::usage, message);
}

}  // namespace

/// The newest of a kind wins; older ones that have not been answered are dropped.
void Worker::queue_inspection(Inspect request) {
    n_dropped_ += std::erase_if(inspections_, [&](Inspection& older) {
        const bool replaced = replaces(request, older.request);
        if (replaced && older.builder != nullptr) {
            begun_tile_ = std::move(older.builder);
        }
        return replaced;
    });
    Inspection job;
    job.request = std::move(request);
    inspections_.push_back(std::move(job));
}

/// Positions from n_kept on are about to become others.
void Worker::sequence_changes(uint32_t n_kept) {
    end_recording(n_kept);
    for (Inspection& job : inspections_) {
        job.tile.reset();
        job.n_rows_done = 0;
        job.n_positions = 0;
        job.shares.clear();
        job.builder.reset();
    }
    begun_tile_.reset();
    sink_factors_.factors.clear();
    values_.truncate(n_kept);
    for (std::vector<ThumbnailPool>& heads : pools_) {
        for (ThumbnailPool& pool : heads) {
            pool.truncate(n_kept);
        }
    }
}

/// The next question that may be worked on within budget_ms, or the end: cells first, then what is
/// in view of a head, then whole distributions, then pictures of whole layers.
std::deque<Inspection>::iterator Worker::next_inspection(double budget_ms) {
    constexpr int kTooLong = 9;
    const auto rank = [&](const Inspection& job) {
        switch (job.request.kind) {
            case InspectKind::tile:
            case InspectKind::row:
            case InspectKind::sink:
                return 0;
            case InspectKind::pyramid:
                return 1;
            case InspectKind::distribution:
                return is_newest_row(job.request.position) || last_head_ms_ <= budget_ms ? 2
                                                                                         : kTooLong;
            case InspectKind::lens:
                return last_head_ms_ <= budget_ms ? 2 : kTooLong;
            case InspectKind::thumbnails:
                return 3;
            case InspectKind::values:  // seconds of work on a slow device: not between tokens
                return activity_ == Activity::idle ? 1 : kTooLong;
            case InspectKind::heads:
                return activity_ == Activity::idle ? 4 : kTooLong;
        }
        return kTooLong;
    };
    const auto next = std::min_element(
        inspections_.begin(), inspections_.end(),
        [&](const Inspection& x, const Inspection& y) { return rank(x) < rank(y); });
    return next != inspections_.end() && rank(*next) < kTooLong ? next : inspections_.end();
}

bool Worker::is_newest_row(uint32_t position) const {
    return session_ != nullptr && logits_valid_ && position + 1 == session_->position();
}

/// What answers may delay the next token by. The rest waits for the end of the answer.
double Worker::budget_between_tokens() const {
    return std::clamp(decode_ms_ / 4, 2.0, 25.0);
}

void Worker::inspect_between_tokens() {
    const Clock::time_point begun = Clock::now();
    while (base::ms_since(begun) < budget_between_tokens()) {
        const auto next = next_inspection(budget_between_tokens() - base::ms_since(begun));
        if (next == inspections_.end()) {
            return;
        }
        // Nobody waits for a picture of all heads as for the row that is pointed at.
        if (next->request.kind == InspectKind::thumbnails &&
            base::ms_since(begun) >= budget_between_tokens() * kShareOfPictures) {
            return;
        }
        inspect(next);
    }
}

/// One block of a question, and its answer when it is complete.
void Worker::inspect(const std::deque<Inspection>::iterator& next) {
    Inspection job = std::move(*next);
    inspections_.erase(next);  // commands that come meanwhile change the queue
    const auto put_back = [&] {
        const bool replaced = std::any_of(
            inspections_.begin(), inspections_.end(),
            [&](const Inspection& newer) { return replaces(newer.request, job.request); });
        if (!replaced) {
            inspections_.push_front(std::move(job));
        } else if (job.builder != nullptr) {
            begun_tile_ = std::move(job.builder);
        }
    };
    InspectReady ready;
    ready.id = job.request.id;
    ready.kind = job.request.kind;
    ready.request = job.request;
    try {
        check_device();
        check_request(job.request);
        ready.n_positions = session_->position();
        if (!answer(job, ready)) {
            put_back();
            return;
        }
    } catch (const base::Cancelled&) {
        put_back();
        throw;
    } catch (const base::Error& error) {
        if (error.kind() == base::ErrorKind::device_lost) {
            throw;
        }
        // Not a failure: the answer is that there is no data, and why.
        ready.not_captured = error.what();
        if (error.kind() == base::ErrorKind::usage && session_ != nullptr && !not_kept_.empty()) {
            ready.not_captured += ". " + not_kept_;
        }
    }
    const bool more = ready.n_left > 0;
    emit(std::move(ready), activity_ == Activity::idle);
    if (more) {
        put_back();
    }
}

void Worker::check_request(const Inspect& request) const {
    if (session_ == nullptr) {
        throw usage("no model is loaded");
    }
    if (session_->position() == 0) {
        throw usage("no text has been computed yet");
    }
    const model::Config& config = model_->config;
    const bool of_rows =
        request.kind == InspectKind::distribution || request.kind == InspectKind::lens;
    const bool of_pictures =
        request.kind == InspectKind::thumbnails || request.kind == InspectKind::pyramid;
    const uint32_t position = of_rows ? request.position : request.query_begin;
    if (!of_pictures && position >= session_->position()) {
        throw usage(fmt::format("position {} has not been computed: there are {}", position,
                                session_->position()));
    }
    if (!of_rows &&
        (request.layer >= config.num_hidden_layers || request.head >= config.num_attention_heads)) {
        throw usage(fmt::format(
            "layer {} head {} does not exist: the model has {} layers of {} heads", request.layer,
            request.head, config.num_hidden_layers, config.num_attention_heads));
    }
    for (const TokenId id : request.ids) {
        if (id < 0 || uint32_t(id) >= config.vocab_size) {
            throw usage(fmt::format("token id {} does not exist", id));
        }
    }
}

/// True when `ready` is complete.
bool Worker::answer(Inspection& job, InspectReady& ready) {
    switch (job.request.kind) {
        case InspectKind::tile:
        case InspectKind::row:
            return answer_tile(job, ready);
        case InspectKind::thumbnails:
            return answer_thumbnails(job, ready);
        case InspectKind::pyramid:
            return answer_pyramid(job, ready);
        case InspectKind::sink:
            return answer_sink(job, ready);
        case InspectKind::values:
            return answer_values(job, ready);
        case InspectKind::heads:
            return answer_heads(job, ready);
        case InspectKind::distribution:
            answer_distribution(job, ready);
            return true;
        case InspectKind::lens:
            answer_lens(job, ready);
            return true;
    }
    return true;
}

/// Rows that take about as long as one block should.
uint32_t Worker::block_rows(uint32_t n_keys, double cells_per_ms) const {
    const double block_ms =
        activity_ == Activity::idle ? kBlockMs : std::min(kBlockMs, budget_between_tokens());
    const double rows = cells_per_ms * block_ms / std::max(n_keys, 1U);
    return uint32_t(std::clamp(rows, 4.0, 2048.0));
}

model::AttentionTile Worker::timed_attention(const model::Session::AttentionRequest& request) {
    const Clock::time_point begun = Clock::now();
    model::AttentionTile tile = session_->attention(request);
    const double ms = base::ms_since(begun);
    const double cells = double(request.n_queries) * request.n_keys;
    if (ms > 1 && cells > 1000) {  // below that the clock says more of the submit than of the work
        cells_per_ms_ = std::clamp(0.7 * cells_per_ms_ + 0.3 * cells / ms, 10.0, 1e9);
    }
    return tile;
}

/// tile: the part of the asked rectangle that exists. row: the same, where n_queries = 0 is one
/// query and n_keys = 0 all keys up to it.
void Worker::begin_tile(Inspection& job) const {
    const Inspect& request = job.request;
    const uint32_t n = session_->position();
    if (request.key_begin >= n) {
        throw usage(
            fmt::format("key {} has not been computed: there are {}", request.key_begin, n));
    }
    const bool row = request.kind == InspectKind::row;
    const bool all_keys = row && request.n_keys == 0;
    auto tile = std::make_shared<model::AttentionTile>();
    tile->layer = request.layer;
    tile->head = request.head;
    tile->query_begin = request.query_begin;
    tile->n_queries = std::min(row ? std::max(request.n_queries, 1U) : request.n_queries,
                               n - request.query_begin);
    tile->key_begin = all_keys ? 0 : request.key_begin;
    tile->n_keys =
        all_keys ? request.query_begin + 1 : std::min(request.n_keys, n - request.key_begin);
    tile->window = model_->config.layers[request.layer].sliding_window;
    if (tile->n_queries == 0 || tile->n_keys == 0) {
        throw usage("the asked rectangle is empty");
    }
    if (uint64_t(tile->n_queries) * tile->n_keys > kMaxTileCells) {
        throw usage(fmt::format("{} x {} cells are too many for one tile: ask for less",
                                tile->n_queries, tile->n_keys));
    }
    job.tile = std::move(tile);
    job.n_rows_done = 0;
}

bool Worker::answer_tile(Inspection& job, InspectReady& ready) {
    if (job.tile == nullptr) {
        begin_tile(job);
    }
    model::AttentionTile& tile = *job.tile;
    const uint32_t n_rows = std::min(block_rows(tile.n_keys), tile.n_queries - job.n_rows_done);
    const model::AttentionTile block =
        timed_attention({.layer = tile.layer,
                         .head = tile.head,
                         .query_begin = tile.query_begin + job.n_rows_done,
                         .n_queries = n_rows,
                         .key_begin = tile.key_begin,
                         .n_keys = tile.n_keys,
                         .scores = uint64_t(tile.n_queries) * tile.n_keys <= kMaxScoredCells});
    const auto append = [](std::vector<float>& to, const std::vector<float>& from) {
        to.insert(to.end(), from.begin(), from.end());
    };
    append(tile.pattern, block.pattern);
    append(tile.scores, block.scores);
    append(tile.scores_raw, block.scores_raw);
    append(tile.lse, block.lse);
    job.n_rows_done += n_rows;
    if (job.n_rows_done < tile.n_queries) {
        return false;
    }
    ready.tile = std::move(job.tile);
    return true;
}

/// All heads of a layer. Rows that an earlier answer pooled are not computed again.
bool Worker::answer_thumbnails(Inspection& job, InspectReady& ready) {
    const uint32_t l = job.request.layer;
    std::vector<ThumbnailPool>& heads = pools_[l];
    heads.resize(model_->config.num_attention_heads);
    if (job.n_positions == 0) {
        job.n_positions = session_->position();  // rows that come later wait for the next question
        for (ThumbnailPool& pool : heads) {
            pool.truncate(job.n_positions);
        }
    }
    const auto behind = [](const ThumbnailPool& a, const ThumbnailPool& b) {
        return a.n_positions() < b.n_positions();
    };
    auto least = std::min_element(heads.begin(), heads.end(), behind);
    if (least->n_positions() < job.n_positions) {
        pool_block(*least, l, uint32_t(least - heads.begin()), job.n_positions);
        least = std::min_element(heads.begin(), heads.end(), behind);
    }
    if (least->n_positions() < job.n_positions) {
        return false;
    }
    auto pictures = std::make_shared<std::vector<Thumbnail>>();
    for (uint32_t h = 0; h < heads.size(); ++h) {
        pictures->push_back(heads[h].picture(l, h));
    }
    ready.n_positions = job.n_positions;
    ready.thumbnails = std::move(pictures);
    return true;
}

void Worker::answer_distribution(const Inspection& job, InspectReady& ready) {
    const Clock::time_point begun = Clock::now();
    auto logits = std::make_shared<std::vector<float>>();
    if (is_newest_row(job.request.position)) {
        const std::span<const float> newest = session_->logits();
        logits->assign(newest.begin(), newest.end());
    } else {
        *logits = session_->logits_at(job.request.position);
        last_head_ms_ = base::ms_since(begun);
    }
    ready.logits = std::move(logits);
}

void Worker::answer_lens(const Inspection& job, InspectReady& ready) {
    const Clock::time_point begun = Clock::now();
    const model::Tap tap = job.request.mid ? model::Tap::resid_mid : model::Tap::resid_post;
    for (const model::LensRow& row :
         session_->lens(job.request.position, kLensTop, job.request.ids, tap)) {
        LensAnswer answer{row.layer, {}, row.asked};
        for (const auto& [id, logprob] : row.top) {
            answer.top.push_back(top_token(id, logprob));
        }
        ready.lens.push_back(std::move(answer));
    }
    last_head_ms_ = base::ms_since(begun);
}

}  // namespace app
