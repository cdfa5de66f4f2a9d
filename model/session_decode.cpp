// One token after another: Session::decode, on the recorded step where that can do it.
#include <algorithm>

#include "gpu/clock.h"
#include "model/session_impl.h"

namespace model {

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
        live.allocate();
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
    fast_step->record(commands, wanted_live());
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
        // The recorded step writes key 0 first, whatever the window.
        const LiveScores::Columns columns{.first = 0, .stride = options.n_ctx};
        capture->live =
            live.rows(position, slot, std::vector(model->config.num_hidden_layers, columns));
        sink(std::move(capture));
    }
}

}  // namespace model
