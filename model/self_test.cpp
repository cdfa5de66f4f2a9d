#include "model/self_test.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <span>

#include <xxhash.h>

#include "gpu/base.h"
#include "gpu/build_id.h"
#include "gpu/checked_file.h"
#include "model/fast_ops.h"
#include "model/product_race.h"
#include "model/session.h"

namespace model {
namespace {

constexpr std::string_view kNoun = "self-test's verdict";

constexpr uint32_t kIds = kSelfTestPrompt + kSelfTestDecoded;

/// BOS, and ids from all over the vocabulary.
std::vector<TokenId> test_ids(const Model& model) {
    std::vector<TokenId> ids{std::max(model.tokenizer.bos(), 0)};
    uint32_t state = 1;
    while (ids.size() < kIds) {
        state = state * 1664525u + 1013904223u;
        ids.push_back(TokenId((state >> 8) % model.config.vocab_size));
    }
    return ids;
}

/// Logits [vocab_size] after each of the ids, first a prompt and then one by one.
std::vector<std::vector<float>> logits_of(Session& session, std::span<const TokenId> ids) {
    std::vector<std::vector<float>> rows;
    session.rewind(0);
    session.sync(ids.first(kSelfTestPrompt), WantLogits::all,
                 [&](uint32_t, std::span<const float> logits) {
                     rows.emplace_back(logits.begin(), logits.end());
                 });
    for (const TokenId id : ids.subspan(kSelfTestPrompt)) {
        session.decode(id);
        rows.emplace_back(session.logits().begin(), session.logits().end());
    }
    return rows;
}

/// NaN where a number is not finite.
double nmse(std::span<const float> got, std::span<const float> expected) {
    double error = 0, norm = 0;
    for (size_t i = 0; i < expected.size(); ++i) {
        const double d = double(got[i]) - double(expected[i]);
        error += d * d;
        norm += double(expected[i]) * double(expected[i]);
    }
    return error / std::max(norm, 1e-30);
}

/// Sizes and types: what decides which kernels run, and how.
std::string kind_of(const Model& model) {
    const Config& c = model.config;
    std::string text =
        fmt::format("{} {} {} {} {} {} {} {}", architecture_name(c.architecture), c.hidden_size,
                    c.intermediate_size, c.num_hidden_layers, c.num_attention_heads,
                    c.num_key_value_heads, c.head_dim, c.embedding_rows);
    const auto add = [&](const Matrix& m) { text += fmt::format(" {}", dtype_name(m.dtype)); };
    add(model.weights.head());
    for (const LayerWeights& layer : model.weights.layers) {
        for (const Matrix* m : {&layer.attn_q, &layer.attn_k, &layer.attn_v, &layer.attn_output,
                                &layer.ffn_gate, &layer.ffn_up, &layer.ffn_down}) {
            add(*m);
        }
    }
    return text;
}

std::string run_test(Runtime& runtime, const std::shared_ptr<const Model>& model,
                     ops::ProductKind product, const std::function<bool()>& stop) {
    SessionOptions options{
        .path = Path::plain, .n_ctx = kIds, .n_ubatch = kIds, .product = product, .stop = stop};
    Session plain(runtime, model, options);
    options.path = Path::fast;
    try {
        Session fast(runtime, model, options);
        return disagreement(plain, fast);
    } catch (const base::Error& error) {
        if (error.kind() == base::ErrorKind::runtime) {
            return fmt::format("it failed here: {}", error.what());
        }
        throw;
    }
}

}  // namespace

std::string disagreement(Session& plain, Session& fast) {
    const std::vector<TokenId> ids = test_ids(plain.model());
    const std::vector<std::vector<float>> expected = logits_of(plain, ids);
    const std::vector<std::vector<float>> got = logits_of(fast, ids);
    CHECK(got.size() == kIds && expected.size() == kIds && got[0].size() == expected[0].size());
    double worst = 0;
    for (uint32_t i = 0; i < kIds; ++i) {
        const double error = nmse(got[i], expected[i]);
        if (!std::isfinite(error)) {
            return fmt::format("it computes numbers that are not finite, at position {}", i);
        }
        worst = std::max(worst, error);
    }
    base::log(base::LogArea::gpu, "self-test: NMSE of the fast path {:.2g}", worst);
    return worst <= kSelfTestNmse
               ? std::string()
               : fmt::format(
                     "its logits differ from the plain path's by an NMSE of {:.1g}, and {:.1g} "
                     "is allowed",
                     worst, kSelfTestNmse);
}

SelfTestRecord self_test_record(const Runtime& runtime, const Model& model,
                                ops::ProductKind product) {
    const gpu::DeviceInfo& device = runtime.device.info();
    const std::string kind = kind_of(model);
    // Features that LAPIDARY_DISABLE hides choose other kernels.
    const std::string features = fmt::format("{} {} {} {}", int(device.type), device.subgroup_size,
                                             device.texel_reads, device.matrix_shapes.size());
    return {.file = runtime.kernels.file_beside(
                fmt::format("self_test_{:016x}", XXH64(kind.data(), kind.size(), 0))),
            .identity = fmt::format("self-test {} {} {} {} {}", runtime.kernels.identity(),
                                    features, gpu::build_id(), ops::product_name(product), kind)};
}

std::string self_test(Runtime& runtime, std::shared_ptr<const Model> model,
                      const std::function<bool()>& stop) {
    runtime.kernels.freeze(false);
    // As every session will: the kernels that are judged are those that will run.
    const ops::ProductKind product =
        choose_product(runtime, model->weights.layers[0].ffn_gate, stop);
    const SelfTestRecord record = self_test_record(runtime, *model, product);
    if (!record.file.empty()) {
        if (const auto known = gpu::load_checked(kNoun, record.file, record.identity)) {
            return {reinterpret_cast<const char*>(known->data()), known->size()};
        }
    }
    std::string fault;
    try {
        fault = run_test(runtime, model, product, stop);
    } catch (const base::Error& error) {
        if (error.kind() != base::ErrorKind::out_of_memory) {
            throw;
        }
        base::log(base::LogArea::gpu, "no room for the self-test: {}", error.what());
        return {};
    }
    if (!record.file.empty()) {
        gpu::save_checked(kNoun, record.file, record.identity, std::as_bytes(std::span(fault)));
    }
    return fault;
}

std::string why_not_fast(Runtime& runtime, const std::shared_ptr<const Model>& model,
                         const std::function<bool()>& stop) {
    const gpu::DeviceInfo& device = runtime.device.info();
    const std::string obstacle = Session::fast_obstacle(device, model->config);
    if (!obstacle.empty()) {
        return obstacle;
    }
    const std::string fault = self_test(runtime, model, stop);
    return fault.empty() ? fault
                         : fmt::format(
                               "the fast path was tried on {} and {}; another driver is "
                               "tried again by itself",
                               device.name, fault);
}

}  // namespace model
