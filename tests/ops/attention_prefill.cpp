#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

#include <fmt/format.h>

#include "model/fast_ops.h"
#include "shaders/params.h"
#include "tests/op_test_attention.h"
#include "tests/support/worst.h"

namespace {

using model::DType;
using op_test::AttentionCase;

/// One form of the kernel.
struct Form {
    uint32_t lanes = 4, group = 1;
    uint32_t subgroups = 1, one_subgroup = 1;
};

/// What the kernel reads and writes. q, k and v are numbers that both types hold.
struct Data {
    Data(const AttentionCase& c, DType k_type, DType v_type)
        : attention(c),
          type_k(k_type),
          type_v(v_type),
          q(stored(attention.q, k_type)),
          k(stored(attention.k, k_type)),
          v(stored(attention.v, v_type)),
          z(op_test::Array::output(attention.exact.z.size())),
          lse(op_test::Array::output(attention.exact.lse.size())) {}

    static op_test::Array stored(const std::vector<float>& values, DType type) {
        return type == DType::f16 ? op_test::Array(op_test::as_halves(values))
                                  : op_test::Array(values);
    }

    op_test::AttentionData attention;
    DType type_k, type_v;
    op_test::Array q, k, v, z, lse;
};

/// z and LSE by the definition, in double.
op_test::AttentionTwins<double> twin_of(const op_test::AttentionData& data) {
    const params::Attention& p = data.p;
    constexpr double kNone = std::numeric_limits<double>::quiet_NaN();
    op_test::AttentionTwins<double> t{
        .scores = std::vector<double>(data.exact.scores.size(), kNone),
        .prob = std::vector<double>(data.exact.prob.size(), kNone),
        .tiles = std::vector<double>(data.exact.tiles.size(), kNone),
        .stats = std::vector<double>(data.exact.stats.size(), kNone),
        .lse = std::vector<double>(data.exact.lse.size(), kNone),
        .z = std::vector<double>(data.exact.z.size(), kNone)};
    const std::vector<double> q = op_test::as_doubles(data.q);
    const std::vector<double> k = op_test::as_doubles(data.k);
    const std::vector<double> v = op_test::as_doubles(data.v);
    ref::attention_scores<double>(t.scores, q, k, p);
    ref::attention_softmax<double>(t.prob, t.tiles, t.scores, p);
    ref::attention_lse<double>(t.stats, t.lse, t.tiles, p);
    ref::attention_values<double>(t.z, t.prob, t.tiles, t.stats, v, p);
    return t;
}

/// A score of head_dim products, none above deviation^2 * 2^7, is off by some 2^-24 of that at
/// worst: weights and the log-sum-exp as much, relative and absolute; twice it is allowed.
double score_limit(const AttentionCase& c) {
    return 0x1p-16 * std::max(1.0, double(c.deviation) * double(c.deviation));
}

void check_all(const Data& d) {
    const op_test::AttentionTwins<double> twin = twin_of(d.attention);
    const double limit = score_limit(d.attention.shape);
    op_test::check_close(d.z.floats(), twin.z, limit * limit);
    const std::vector<float> lse = d.lse.floats();
    double worst = 0;
    size_t n_written = 0, n_touched = 0;
    for (size_t i = 0; i < lse.size(); ++i) {
        if (std::isnan(twin.lse[i])) {  // no query's column
            n_touched += std::bit_cast<uint32_t>(lse[i]) != op_test::kPoison ? 1 : 0;
            continue;
        }
        n_written++;
        const double error = std::abs(double(lse[i]) - twin.lse[i]);
        support::widen(worst, error);
    }
    CHECK(n_written == d.attention.rows());
    CHECK(n_touched == 0);
    CHECK(worst <= limit);
}

void run_form(const Form& wanted, const AttentionCase& c, DType type_k, DType type_v) {
    Form f = wanted;
    const uint32_t subgroup = op_test::rig().device.info().subgroup_size;
    f.lanes = std::min({f.lanes, subgroup, c.head_dim / 8});
    f.group = std::min(f.group, c.n_heads / c.n_kv_heads);
    INFO(c.name << "; LANES " << f.lanes << ", GROUP " << f.group << ", " << f.subgroups
                << " subgroups" << (f.one_subgroup != 0 ? " (ONE_SUBGROUP)" : "") << ", "
                << model::dtype_name(type_k) << " " << model::dtype_name(type_v));
    const Data d(c, type_k, type_v);
    gpu::CommandBuffer& cmd = op_test::rig().cmd;
    cmd.dispatch(
        cmd.kernel("attention_prefill",
                   {f.subgroups * subgroup, c.head_dim, f.group, f.lanes, type_k == DType::f16,
                    type_v == DType::f16, c.cap > 0, f.lanes == subgroup, f.one_subgroup}),
        {.x = c.n_heads / f.group, .y = c.n_tokens},
        params::AttentionPrefill{.position = c.position,
                                 .q_row = 0,
                                 .n_heads = c.n_heads,
                                 .n_kv_heads = c.n_kv_heads,
                                 .capacity = c.capacity,
                                 .n_ctx = d.attention.p.lse_stride,
                                 .window = c.window,
                                 .scale = d.attention.p.scale,
                                 .cap = c.cap},
        {d.q.range(), d.k.range(), d.v.range(), d.z.range(), d.lse.range()}, {});
    cmd.finish();
    check_all(d);
}

/// Through the op, which chooses the form.
void record_op(gpu::CommandBuffer& cmd, const Data& d) {
    const AttentionCase& c = d.attention.shape;
    const uint32_t q_width = c.n_heads * c.head_dim, kv_width = c.n_kv_heads * c.head_dim;
    model::ops::attention_prefill(
        cmd, d.z.tensor(c.n_tokens, q_width), d.lse.tensor(c.n_heads, d.attention.p.lse_stride),
        {d.q.tensor(c.n_tokens, q_width, d.type_k), 0}, d.k.tensor(c.capacity, kv_width, d.type_k),
        d.v.tensor(c.capacity, kv_width, d.type_v), d.attention.op_shape());
}

/// The cases of every attention kernel; heads of whole units of eight elements.
std::vector<AttentionCase> cases() {
    std::vector<AttentionCase> all = op_test::attention_cases();
    std::erase_if(all, [](const AttentionCase& c) { return c.head_dim % 8 != 0; });
    return all;
}

}  // namespace

TEST_CASE("attention_prefill, as the op runs it") {
    for (const AttentionCase& c : cases()) {
        INFO(c.name);
        const Data d(c, c.type, c.type);
        record_op(op_test::rig().cmd, d);
        op_test::rig().cmd.finish();
        check_all(d);
    }
}

TEST_CASE("attention_prefill, one subgroup and several, one head and two of a KV head") {
    for (const AttentionCase& c : cases()) {
        run_form({.lanes = 2, .group = 2}, c, c.type, c.type);
        run_form({.subgroups = 4, .one_subgroup = 0}, c, c.type, c.type);
    }
}

TEST_CASE("attention_prefill, every number of lanes, heads and subgroups") {
    const uint32_t subgroup = op_test::rig().device.info().subgroup_size;
    uint32_t n = 0;
    for (uint32_t lanes = 1; lanes <= subgroup; lanes *= 2, n++) {
        // The op gives a head as many lanes as divide its units of eight: an odd number is left.
        const AttentionCase c{.name = "lanes",
                              .n_tokens = 5,
                              .position = 73,
                              .n_heads = 8,
                              .n_kv_heads = 2,
                              .head_dim = 8 * (n == 1 ? 3 : 1) * lanes,
                              .capacity = 80};
        run_form({.lanes = lanes, .group = 1 + n % 2}, c, DType::f16, DType::f16);
        run_form({.lanes = lanes, .group = 4, .subgroups = 3, .one_subgroup = 0}, c, DType::f16,
                 DType::f16);
    }
    // More teams than there are elements in a head.
    run_form({.lanes = 1, .subgroups = 128 / subgroup, .one_subgroup = 0},
             {.name = "many teams",
              .n_tokens = 3,
              .position = 300,
              .n_heads = 3,
              .n_kv_heads = 3,
              .head_dim = 8,
              .capacity = 303},
             DType::f16, DType::f16);
}

TEST_CASE("attention_prefill, types of K and V") {
    for (const DType type_k : {DType::f16, DType::f32}) {
        for (const DType type_v : {DType::f16, DType::f32}) {
            for (const float cap : {0.0f, 50.0f}) {
                run_form({.group = 2}, {.name = "types", .n_tokens = 3, .position = 40, .cap = cap},
                         type_k, type_v);
            }
        }
    }
}

namespace {
const op_test::RegisterBench kBench("attention_prefill", [](const op_test::BenchRun& run) {
    for (const uint32_t position : {0u, 896u}) {
        const Data d({.n_tokens = 128,
                      .position = position,
                      .n_heads = 8,
                      .n_kv_heads = 4,
                      .head_dim = 256,
                      .capacity = position + 128},
                     DType::f16, DType::f16);
        run(fmt::format("attention_prefill 128 queries at {}, 8 heads of 256", position),
            [&](gpu::CommandBuffer& cmd) { record_op(cmd, d); });
    }
});
}  // namespace
