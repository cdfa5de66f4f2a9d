// Token after token without the host: Session::start_drawing and next_drawn.
#include <algorithm>
#include <chrono>

#include "model/sampler.h"
#include "model/session_impl.h"

namespace model {

Draws::Draws(gpu::Device& device, gpu::KernelCache& kernels, const Config& config, uint32_t n_ctx)
    : sampler(device, kernels, config.vocab_size, n_ctx),
      logits_host(device, uint64_t{4} * DecodeStep::kSlots * config.embedding_rows,
                  gpu::Memory::readback, "logits of drawn tokens") {
    for (auto& recording : recordings) {
        recording = std::make_unique<gpu::Recording>(device);
    }
}

uint64_t Draws::bytes_for(const Config& config, uint32_t n_ctx) {
    return GpuSampler::bytes_for(config.vocab_size, n_ctx) +
           uint64_t{4} * DecodeStep::kSlots * config.embedding_rows;
}

bool Session::draws_on_device() const {
    const Impl& s = *impl_;
    return s.draws && s.decodes_recorded() && s.profiler == nullptr;
}

void Session::start_drawing(TokenId first, const SamplingParams& params) {
    Impl& s = *impl_;
    CHECK(draws_on_device(), "drawing on the device");
    s.stop_drawing();
    s.check_room();
    s.check_tokens({&first, 1});
    if (!s.step_recorded) {  // the last capture could not be set
        const gpu::Thawed thawed(s.runtime.kernels);
        s.record_step();
    }
    Draws& d = *s.draws;
    const SampleForm form = sample_form(params);
    if (!d.recorded || form != d.form || d.recorded_live != s.taps.spec().live_rows) {
        d.form = form;
        s.record_draws();
    }
    d.sampler.set_params(params);
    d.sampler.set_history(s.tokens);
    d.first_row = position();
    d.next_token = first;
    s.fast_step->set_state(first, d.first_row);
    d.running = true;
}

GpuDraw Session::next_drawn() {
    Impl& s = *impl_;
    CHECK(s.draws && s.draws->running, "next_drawn without start_drawing");
    Draws& d = *s.draws;
    const auto begin = std::chrono::steady_clock::now();
    while (d.n_submitted < DecodeStep::kSlots && position() + d.n_submitted < s.options.n_ctx) {
        s.submit_draw();
    }
    if (d.n_submitted == 0) {
        s.check_room();
    }
    const uint32_t row = position();
    const uint32_t slot = row % DecodeStep::kSlots;
    s.cmd.wait_replay(d.replays[slot]);
    const GpuDraw draw = d.sampler.result(row - d.first_row);
    const auto* const logits = reinterpret_cast<const float*>(d.logits_host.mapped()) +
                               size_t{slot} * s.model->config.embedding_rows;
    std::copy_n(logits, s.last_logits.size(), s.last_logits.begin());
    s.cache.extend(row + 1);
    s.tokens.push_back(d.next_token);
    s.logits_valid = true;
    s.stats.n_layer_levels += s.recording->n_barriers() - 2;  // as a step that does not draw
    d.next_token = draw.id;
    --d.n_submitted;
    if (d.live[slot]) {
        s.send_live_rows(row, slot);
    }
    const std::chrono::duration<double, std::milli> ms = std::chrono::steady_clock::now() - begin;
    s.stats.predicted_ms += ms.count();
    s.stats.predicted_n++;
    return draw;
}

/// The step of the row after those that are submitted: its token is in the device's own state.
void Session::Impl::submit_draw() {
    const auto row = uint32_t(tokens.size()) + draws->n_submitted;
    const uint32_t slot = row % DecodeStep::kSlots;
    cache.wrote(row + 1);
    cmd.finish();
    draws->replays[slot] = cmd.start_replay(*draws->recordings[slot]);
    draws->live[slot] = draws->recorded_live;
    ++draws->n_submitted;
}

void Session::Impl::record_one_draw(SampleForm form, uint32_t slot) {
    const gpu::Range logits = act.logits.rows(slot, 1).range;
    draws->sampler.record(cmd, logits.slice(0, uint64_t{4} * model->config.vocab_size),
                          fast_step->state(), form);
}

void Session::Impl::record_draws() {
    settle();
    Draws& d = *draws;
    const uint64_t row_bytes = act.logits.rows(0, 1).range.size;
    for (uint32_t slot = 0; slot < DecodeStep::kSlots; slot++) {
        const gpu::Range logits = act.logits.rows(slot, 1).range;
        cmd.begin_recording(*d.recordings[slot]);
        try {
            d.sampler.record_history(cmd, fast_step->state());
            fast_step->record(cmd, wanted_live(), slot);
            cmd.copy(d.logits_host.range().slice(slot * row_bytes, row_bytes), logits);
            record_one_draw(d.form, slot);
            cmd.end_recording();
        } catch (...) {
            cmd.abandon();
            d.recorded = false;
            throw;
        }
    }
    d.recorded = true;
    d.recorded_live = taps.spec().live_rows;
}

void Session::Impl::settle() {
    if (draws && draws->n_submitted > 0) {
        for (const uint64_t replay : draws->replays) {
            cmd.wait_replay(replay);
        }
    }
}

/// What was computed ahead is dropped; the cache's rings know what it overwrote.
void Session::Impl::stop_drawing() {
    if (draws && draws->running) {
        settle();
        draws->n_submitted = 0;
        draws->running = false;
    }
}

}  // namespace model
