// Questions about what heads add: norms of their value outputs, and their shares in rows.
#include <algorithm>

#include "app/engine/engine_worker.h"

namespace app {
namespace {

constexpr uint32_t kMostRows = 512;  // of one question about shares

/// Positions whose value outputs are computed at a time: some milliseconds on a slow device.
uint32_t block_of(const model::Config& config) {
    const double madds = double(config.hidden_size) * config.head_dim * config.num_attention_heads;
    return uint32_t(std::clamp(5e7 / madds, 8.0, 256.0));
}

}  // namespace

bool Worker::answer_values(Inspection& job, InspectReady& ready) {
    const Inspect& request = job.request;
    if (!values_.advance(*session_, request.layer, session_->position(),
                         block_of(model_->config))) {
        return false;
    }
    const std::span<const float> norms = values_.of(request.layer, request.head);
    ready.values = std::make_shared<const std::vector<float>>(norms.begin(), norms.end());
    return true;
}

/// One block of a layer's norms, or one layer's shares.
bool Worker::answer_heads(Inspection& job, InspectReady& ready) {
    const Inspect& request = job.request;
    const uint32_t layer = job.n_rows_done;  // layers done
    const uint32_t end =
        std::min(request.query_begin + std::max(request.n_queries, 1U), session_->position());
    // Of many rows the newest: the others would be waited for.
    const uint32_t begin = std::max(request.query_begin, end - std::min(end, kMostRows));
    if (!values_.advance(*session_, layer, session_->position(), block_of(model_->config))) {
        return false;
    }
    const std::vector<HeadShare> shares =
        head_shares(*session_, values_, layer, begin, end - begin);
    job.shares.insert(job.shares.end(), shares.begin(), shares.end());
    if (++job.n_rows_done < model_->config.num_hidden_layers) {
        return false;
    }
    ready.heads = std::move(job.shares);
    return true;
}

}  // namespace app
