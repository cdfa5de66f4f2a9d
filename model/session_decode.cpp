// One token after another: Session::decode, on the recorded step where that can do it.
#include <algorithm>
#include <cmath>

#include "gpu/clock.h"
#include "model/session_impl.h"
#include "shaders/visible.h"

namespace model {

namespace {

/// Row of one head out of its capped scores: maximum, log-sum-exp, cells in log16.
void append_row(LiveRows& rows, std::span<const float> scores) {
    const float largest = *std::max_element(scores.begin(), scores.end());
    double sum = 0;
    for (const float s : scores) {
        sum += std::exp(double(s) - double(largest));
        const float nats = (largest - s) * 2048.0f + 0.5f;
        rows.log16.push_back(nats >= 65535.0f ? uint16_t{65535} : uint16_t(nats));
    }
    rows.max.push_back(largest);
    rows.lse.push_back(float(double(largest) + std::log(sum)));
}

}  // namespace

std::string Session::fast_obstacle(const gpu::DeviceInfo& device, const Config& config) {
    return ops::decode_obstacle(device, config);
}

void Session::decode(TokenId token) {
    Impl& s = *impl_;
    s.stop_drawing();
    s.check_room();
    s.check_tokens({&token, 1});
    const auto begin = base::Clock::now();
    if (s.decodes_recorded()) {
        s.decode_recorded(token);
    } else {
        s.run_chunk({&token, 1}, WantLogits::last, {});
    }
    s.stats.predicted_ms += base::ms_since(begin);
    s.stats.predicted_n++;
}

void Session::Impl::check_room() const {
    if (tokens.size() >= options.n_ctx) {
        throw base::Error(base::ErrorKind::usage,
                          fmt::format("the context of {} tokens is full", options.n_ctx),
                          "ask for a longer context with -c");
    }
}

bool Session::Impl::decodes_recorded() const {
    return fast_step && taps.spec().taps.empty();
}

void Session::Impl::record_step() {
    settle();
    step_recorded = false;
    if (taps.spec().live_rows) {
        fast_step->allocate_live(runtime.device);
    }
    cmd.begin_recording(*recording);
    try {
        record_into(cmd);
        cmd.end_recording();
    } catch (...) {
        cmd.abandon();
        throw;
    }
    step_recorded = true;
}

void Session::Impl::record_into(gpu::CommandBuffer& commands) {
    fast_step->record(commands, taps.spec().live_rows);
    commands.copy(act.logits_host.first_rows(1).range, act.logits.first_rows(1).range);
}

void Session::Impl::decode_recorded(TokenId token) {
    const auto position = uint32_t(tokens.size());
    if (!step_recorded) {  // the last capture could not be set
        const gpu::Thawed thawed(runtime.kernels);
        record_step();
    }
    logits_valid = false;
    cache.wrote(position + 1);
    fast_step->set_state(token, position);
    if (profiler != nullptr) {
        run([&] { record_into(cmd); });  // a recording has no clocks
    } else {
        cmd.replay(*recording);
    }
    // Every level but the embedding's and the head's has its barrier, and the copy has one.
    stats.n_layer_levels += recording->n_barriers() - 2;
    std::copy_n(act.host_logits(0), last_logits.size(), last_logits.begin());
    cache.extend(position + 1);
    tokens.push_back(token);
    logits_valid = true;
    if (taps.spec().live_rows) {
        send_live_rows(position, 0);
    }
}

void Session::Impl::send_live_rows(uint32_t position, uint32_t slot) {
    if (sink) {
        auto capture = std::make_shared<Capture>();
        capture->first_position = position;
        capture->n_positions = 1;
        capture->live = collect_live_rows(position, slot);
        sink(std::move(capture));
    }
}

std::vector<LiveRows> Session::Impl::collect_live_rows(uint32_t position, uint32_t slot) const {
    std::vector<LiveRows> out;
    const uint32_t n_heads = model->config.num_attention_heads;
    for (uint32_t l = 0; l < model->config.num_hidden_layers; l++) {
        const uint32_t first = first_visible(position, model->config.layers[l].sliding_window);
        LiveRows rows{l, position, first, position + 1 - first, {}, {}, {}};
        rows.log16.reserve(size_t{n_heads} * rows.n_keys);
        const std::span<const float> scores = fast_step->live_scores(l, slot);
        for (uint32_t h = 0; h < n_heads; h++) {
            append_row(rows, scores.subspan(size_t{h} * options.n_ctx + first, rows.n_keys));
        }
        out.push_back(std::move(rows));
    }
    return out;
}

}  // namespace model
