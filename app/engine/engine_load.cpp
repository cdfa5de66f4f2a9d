// Loading: a file or folder -> device, model, session, ModelReady.
#include <algorithm>
#include <array>
#include <filesystem>
#include <optional>
#include <utility>

#include "app/engine/engine.h"
#include "app/engine/engine_worker.h"
#include "app/library/discovery.h"
#include "app/library/fit_check.h"
#include "app/recordings/recording_maker.h"
#include "gpu/clock.h"
#include "gpu/sizes.h"
#include "model/self_test.h"
#include "model/source.h"

namespace app {
namespace {

model::DType kv_type(const std::string& name) {
    if (const std::optional<model::DType> type = model::parse_cache_type(name)) {
        return *type;
    }
    throw base::Error(base::ErrorKind::usage,
                      fmt::format("the cache type '{}' is not known", base::escaped(name, 20)),
                      "Use f16 or f32.");
}

/// Empty: there is none.
std::string shipped_path() {
    try {
        return shipped_model_path();
    } catch (const base::Error&) {
        return {};
    }
}

bool is_shipped(const std::string& path) {
    std::error_code ignored;
    return std::filesystem::equivalent(path, shipped_path(), ignored);
}

/// Dtype of all weight matrices, or the mixture's usual name where the file's name gives it.
std::string quant_name(const model::Weights& weights, const std::string& path) {
    bool same = true;
    const model::DType first = weights.token_embd.dtype;
    for (const model::LayerWeights& l : weights.layers) {
        for (const model::Matrix* m : {&l.attn_q, &l.attn_k, &l.attn_v, &l.attn_output, &l.ffn_gate,
                                       &l.ffn_up, &l.ffn_down}) {
            same = same && m->dtype == first;
        }
    }
    if (same) {
        return std::string(model::dtype_name(first));
    }
    const std::string mixture = mixture_in_name(path);
    return mixture.empty() ? "mixed" : mixture;
}

}  // namespace

void Worker::load(const LoadModel& request) {
    begin(Activity::loading, request.id);
    last_stage_.clear();
    const Clock::time_point begun = Clock::now();
    const std::string path = request.path.empty() ? shipped_model_path() : request.path;
    kv_type(request.type_k);
    kv_type(request.type_v);
    // Opening a device and its first steps are where drivers die, and take the machine with them.
    struct Marked {
        const LoadMarker& marker;
        ~Marked() { marker.clear(); }
    } const marked{marker_};
    marker_.set(request.path, request.device);
    base::log(base::LogArea::app, "loading {} on '{}'", path, request.device);
    // A file that cannot be read, or has no room, does not cost the model at hand.
    model::ModelFiles files = model::open_files(path, load_options(request.id));
    std::unique_ptr<model::Runtime> next;
    if (runtime_ == nullptr || runtime_->device.lost() || device_selector_ != request.device) {
        next = open_device(request);
    }
    if (!request.anyway) {
        check_room(request, *files.source, next ? next->device : runtime_->device);
    }
    if (model_ != nullptr) {
        unload();
    }
    if (next) {
        runtime_ = std::move(next);
        device_selector_ = request.device;
    }
    try {
        replace_model(request, path, std::move(files));
    } catch (...) {
        drop_model();
        throw;
    }
    load_ms_ = base::ms_since(begun);
    base::log(base::LogArea::app, "loaded in {:.0f} ms on {}, {} bytes", load_ms_,
              runtime_->device.info().name, runtime_->device.allocated_bytes());
    emit(ModelReady{request.id, info_});
}

model::LoadOptions Worker::load_options(RequestId id) {
    return {
        .progress = [this, id](const model::LoadProgress& p) { report_load(id, p); },
        .stop = [this] { return should_stop(); },
    };
}

/// The device that was asked for; where that is not there and need not be, the best one.
std::unique_ptr<model::Runtime> Worker::open_device(const LoadModel& request) {
    device_warning_.clear();
    try {
        return std::make_unique<model::Runtime>(gpu::DeviceOptions{.selector = request.device});
    } catch (const base::Error& error) {
        if (error.kind() != base::ErrorKind::no_device || request.device.empty() ||
            !request.device_optional) {
            throw;
        }
    }
    auto runtime = std::make_unique<model::Runtime>();
    device_warning_ = "The device that was chosen before is not there now.";
    return runtime;
}

/// Throws base::Error(out_of_memory) before anything is read or given up, with what would fit in
/// refusal_. What unloading the model at hand will free is counted as free.
void Worker::check_room(const LoadModel& request, const model::ModelSource& source,
                        const gpu::Device& device) {
    const bool same_device = runtime_ != nullptr && &device == &runtime_->device;
    WhatElse what{.path = request.path, .device = request.device};
    what.devices.push_back(device.info());
    what.devices[0].heaps = device.heaps();
    what.devices[0].heaps[device.info().device_heap].free_bytes +=
        same_device ? device.allocated_bytes() : 0;
    const FitQuestion question{
        source.config, model::planned_weight_bytes(source, model::weight_limits(device.info())),
        std::min(request.n_ctx, source.config.max_position_embeddings), kv_type(request.type_k),
        kv_type(request.type_v)};
    if (!refuse_if_too_large(source, question, what)) {
        return;
    }
    // Only now what else there is.
    for (gpu::DeviceInfo& other : gpu::list_devices()) {
        if (other.uuid != device.info().uuid) {
            what.devices.push_back(std::move(other));
        }
    }
    if (request.known_models != nullptr) {
        what.models = *request.known_models;
    }
    what.shipped = shipped_path();
    const std::optional<Refusal> refusal = refuse_if_too_large(source, question, what);
    refusal_ = std::make_shared<NoRoom>(refusal->no_room);
    throw base::Error(base::ErrorKind::out_of_memory, refusal->message, refusal->hint);
}

void Worker::replace_model(const LoadModel& request, const std::string& path,
                           model::ModelFiles files) {
    if (should_stop()) {
        throw base::Cancelled();
    }
    runtime_->kernels.freeze(false);
    model_ = model::Model::load(*runtime_, std::move(files), load_options(request.id));
    std::vector<std::string> notices = model_->notices;
    make_session(request, notices);
    if (should_stop()) {
        throw base::Cancelled();
    }
    session_->set_stop([this] { return should_stop(); });
    sampler_ = std::make_unique<model::Sampler>(model_->config.vocab_size);
    pools_.assign(model_->config.num_hidden_layers, {});
    values_ = {};
    capture_changed_ = true;
    info_ = describe_model(path, std::move(notices));
}

/// Everything that the inspector can use, if it fits; else less. A context that was not asked for
/// shrinks before the load fails.
void Worker::make_session(const LoadModel& request, std::vector<std::string>& notices) {
    const model::Config& config = model_->config;
    const uint32_t most = config.max_position_embeddings;
    // The first start on a device compiles for seconds: every look at Stop is a sign of life too.
    const auto while_in = [this, id = request.id](const char* stage) {
        return [this, id, stage] {
            report_load(id, {.stage = stage, .done = runtime_->kernels.size()});
            return should_stop();
        };
    };
    const std::string obstacle = model::why_not_fast(*runtime_, model_, while_in(kSelfTestStage));
    if (!obstacle.empty()) {
        notices.push_back("The plain path, which is slower, is used: " + obstacle + ".");
    }
    model::SessionOptions options{.path = obstacle.empty() ? model::Path::fast : model::Path::plain,
                                  .n_ctx = request.n_ctx != 0
                                               ? std::min(request.n_ctx, most)
                                               : std::min(model::kDefaultContext, most),
                                  .n_ubatch = model::default_chunk(runtime_->device.info()),
                                  .type_k = kv_type(request.type_k),
                                  .type_v = kv_type(request.type_v),
                                  .stop = while_in(kKernelStage)};
    report_load(request.id, {.stage = kKernelStage, .done = runtime_->kernels.size()});
    if (request.n_ctx > most) {
        notices.push_back(
            fmt::format("The context was cut from {} to {} tokens, which is what the "
                        "model was made for.",
                        request.n_ctx, most));
    }
    const uint32_t wanted = options.n_ctx;
    for (;; options.n_ctx = std::max(options.n_ctx / 2, kSmallestContext)) {
        not_kept_.clear();
        for (const uint32_t level : {2U, 1U, 0U}) {
            options.full_cache = level >= 1;
            options.keep_q = level >= 1;
            options.keep_residuals = level >= 2;
            const uint64_t needed = model::Session::bytes_for(config, options);
            const bool last =
                level == 0 && (request.n_ctx != 0 || options.n_ctx <= kSmallestContext);
            // The last one is tried in any case: the driver knows better than its budget says.
            if ((last || needed <= free_bytes()) && try_session(options)) {
                if (options.n_ctx < wanted) {
                    notices.push_back(
                        fmt::format("The context was cut from {} to {} tokens to fit "
                                    "into the device's memory.",
                                    wanted, options.n_ctx));
                }
                if (!not_kept_.empty()) {
                    notices.push_back(not_kept_);
                }
                return;
            }
            if (last) {
                throw base::Error(
                    base::ErrorKind::out_of_memory,
                    fmt::format("a context of {} tokens needs {:.2f} GiB and the device has {:.2f} "
                                "GiB left",
                                options.n_ctx, base::gib(needed), base::gib(free_bytes())),
                    "Ask for a smaller context, or take a smaller model.");
            }
            not_kept_ = fmt::format(
                "Keeping {} for {} tokens needs {:.2f} GiB and the device has "
                "{:.2f} GiB left: a smaller context would do.",
                level == 2 ? "residuals" : "queries and residuals", options.n_ctx,
                base::gib(needed), base::gib(free_bytes()));
        }
    }
}

/// False when the device had no room after all.
bool Worker::try_session(const model::SessionOptions& options) {
    try {
        session_ = std::make_unique<model::Session>(*runtime_, model_, options);
        return true;
    } catch (const base::Error& error) {
        if (error.kind() != base::ErrorKind::out_of_memory) {
            throw;
        }
        base::log(base::LogArea::app, "session with {} tokens: {}", options.n_ctx, error.what());
        return false;
    }
}

/// Bytes that can still be had of the heap that sessions lie in.
uint64_t Worker::free_bytes() const {
    return runtime_->device.heaps()[runtime_->device.info().device_heap].free_bytes;
}

void Worker::report_load(RequestId id, const model::LoadProgress& progress) {
    const Clock::time_point now = Clock::now();
    const bool new_stage = last_stage_ != progress.stage;
    if (!new_stage && now - last_progress_ < std::chrono::milliseconds(30)) {
        return;
    }
    last_stage_ = progress.stage;
    last_progress_ = now;
    offer(LoadProgressed{id, progress.stage, progress.done, progress.total});
    if (new_stage) {
        wake_now();  // the stage may take long and say nothing more
    } else {
        wake_if_due();
    }
}

std::shared_ptr<const ModelInfo> Worker::describe_model(const std::string& path,
                                                        std::vector<std::string> notices) const {
    const model::Config& config = model_->config;
    const model::Tokenizer& tokenizer = model_->tokenizer;
    const gpu::DeviceInfo& device = runtime_->device.info();
    auto info = std::make_shared<ModelInfo>(model_facts(*model_, *session_, device.name));
    info->path = path;
    info->quant = quant_name(model_->weights, path);
    info->base_model = model::chat_format(tokenizer) == model::ChatFormat::question_answer;
    info->shipped = is_shipped(path);
    info->sampling = model::default_sampling(config, model_->sampling, info->base_model);
    info->device_uuid = device.uuid;
    info->device_driver = device.driver_name + " " + device.driver_version;
    info->device_why = runtime_->device.why_chosen();
    info->device_warning = device_warning_;
    info->device_stands_in = !device_warning_.empty();
    if (device_warning_.empty() && device.type == gpu::DeviceType::cpu &&
        device_selector_.empty()) {
        info->device_warning = "The CPU computes, which is slow: " + info->device_why + ".";
    }
    info->device_is_cpu = device.type == gpu::DeviceType::cpu;
    info->notices = std::move(notices);
    return info;
}

void Worker::unload() {
    drop_model();
    emit(ModelUnloaded{});
}

void Worker::drop_model() {
    sequence_changes(0);
    values_ = {};
    pools_.clear();
    sequence_.clear();
    logits_valid_ = false;
    info_.reset();
    sampler_.reset();
    session_.reset();
    model_.reset();
}

}  // namespace app
