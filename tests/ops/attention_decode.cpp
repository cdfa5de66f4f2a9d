#include <algorithm>
#include <bit>
#include <cmath>

#include <fmt/format.h>

#include "model/fast_ops.h"
#include "model/ops/dispatch.h"
#include "model/quant.h"
#include "shaders/visible.h"
#include "tests/op_test.h"
#include "tests/support/twins.h"
#include "tests/support/worst.h"

namespace {

using model::DType;

constexpr double kTheta = 10000;
constexpr float kEps = 1e-6f;

/// One form of the kernel.
struct Form {
    uint32_t lanes = 4, group = 1, splits = 1;
    uint32_t subgroups = 1, one_subgroup = 1;
};

struct Case {
    const char* name = "";
    uint32_t position = 40;
    uint32_t n_heads = 4, n_kv_heads = 1, head_dim = 32;
    uint32_t capacity = 64, window = 0;
    float cap = 0;
    bool qk_norm = true, live = false, q_at_position = false;
    DType type_k = DType::f16, type_v = DType::f16;
    float deviation = 1;  // of q and k before their norm
};

bool is_half(DType type) {
    return type == DType::f16;
}

/// Values as a cache of this type has them.
std::vector<float> stored_floats(size_t n, uint64_t seed, DType type) {
    std::vector<float> values = op_test::random_floats(n, seed);
    return is_half(type) ? op_test::rounded_to_half(std::move(values)) : values;
}

op_test::Array stored_array(const std::vector<float>& values, DType type) {
    return is_half(type) ? op_test::Array(op_test::as_halves(values)) : op_test::Array(values);
}

std::vector<float> numbers_of(const op_test::Array& array, DType type) {
    if (!is_half(type)) {
        return array.floats();
    }
    std::vector<float> values;
    for (const uint16_t half : array.get<uint16_t>()) {
        values.push_back(model::half_to_float(half));
    }
    return values;
}

/// The kernel's table: cos, sin of positions below kRopeLow, then of every kRopeLow-th.
std::vector<float> rope_tables(uint32_t n_ctx, uint32_t head_dim) {
    std::vector<float> table = ref::rope_table<float>(0, params::kRopeLow, head_dim, kTheta, 1);
    for (uint32_t p = 0; p <= n_ctx; p += params::kRopeLow) {
        const std::vector<float> row = ref::rope_table<float>(p, 1, head_dim, kTheta, 1);
        table.insert(table.end(), row.begin(), row.end());
    }
    return table;
}

/// Inputs and outputs of one run.
struct Data {
    explicit Data(const Case& c);

    uint32_t q_width() const { return shape.n_heads * shape.head_dim; }
    uint32_t kv_width() const { return shape.n_kv_heads * shape.head_dim; }
    uint32_t q_rows() const { return shape.q_at_position ? n_ctx : 1; }
    uint32_t q_row() const { return shape.q_at_position ? shape.position : 0; }
    float scale() const { return 1 / std::sqrt(static_cast<float>(shape.head_dim)); }

    Case shape;
    uint32_t n_ctx;
    std::vector<float> q, k, v, wq, wk;
    std::vector<float> k_before, v_before;  // [capacity, n_kv_heads, head_dim]
    op_test::Array q_array, k_array, v_array, wq_array, wk_array, rope, state, k_cache, v_cache;
    op_test::Array stored_q, z, lse, live;
};

Data::Data(const Case& c)
    : shape(c),
      n_ctx(c.position + 3),
      q(op_test::random_floats(q_width(), 1, c.deviation)),
      k(op_test::random_floats(kv_width(), 2, c.deviation)),
      v(op_test::random_floats(kv_width(), 3)),
      wq(op_test::random_floats(c.head_dim, 4)),
      wk(op_test::random_floats(c.head_dim, 5)),
      k_before(stored_floats(size_t{c.capacity} * kv_width(), 6, c.type_k)),
      v_before(stored_floats(size_t{c.capacity} * kv_width(), 7, c.type_v)),
      q_array(q),
      k_array(k),
      v_array(v),
      wq_array(wq),
      wk_array(wk),
      rope(rope_tables(n_ctx, c.head_dim)),
      state(std::vector<params::StepState>{
          {.token = 0, .position = c.position, .step = 0, .n_ctx = n_ctx}}),
      k_cache(stored_array(k_before, c.type_k)),
      v_cache(stored_array(v_before, c.type_v)),
      stored_q(op_test::Array::output(size_t{q_rows()} * q_width() / (is_half(c.type_k) ? 2 : 1))),
      z(op_test::Array::output(q_width())),
      lse(op_test::Array::output(size_t{c.n_heads} * n_ctx)),
      live(op_test::Array::output(size_t{c.n_heads} * n_ctx)) {}

/// Norm and RoPE of one token's heads, before rounding.
std::vector<double> rotated(std::span<const float> x, std::span<const float> w, const Case& c) {
    std::vector<double> y(x.begin(), x.end());
    const auto n_heads = static_cast<uint32_t>(x.size() / c.head_dim);
    if (c.qk_norm) {
        std::vector<double> out(y.size()), scale(n_heads);
        ref::rms_norm<double>(out, scale, y, w, kEps);
        y = out;
    }
    const std::vector<double> table = ref::rope_table<double>(c.position, 1, c.head_dim, kTheta, 1);
    ref::rope<double>(y, table, {.n_heads = n_heads, .head_dim = c.head_dim});
    return y;
}

/// f32: norms, tables and products, of numbers up to `largest`. f16: a value beside a boundary may
/// fall on either side, one step of 2^-10.
void check_stored(std::span<const float> stored, std::span<const double> exact, DType type) {
    REQUIRE(stored.size() == exact.size());
    double worst = 0, largest = 0;
    for (const double value : exact) {
        largest = std::max(largest, std::abs(value));
    }
    for (size_t i = 0; i < exact.size(); ++i) {
        const double size = std::max(std::abs(exact[i]), largest / 64);
        support::widen(worst, std::abs(static_cast<double>(stored[i]) - exact[i]) / size);
    }
    // Two terms may cancel to a 64th: 64 times a few 2^-24 of error; rounding to f16 is half a
    // step.
    CHECK(worst <= 64 * 4 * 0x1p-24 + (is_half(type) ? 0x1p-11 : 0));
}

/// One slot of a cache is new, the others have the bits they had.
std::vector<float> check_cache(const op_test::Array& cache, std::vector<float> before,
                               uint32_t slot, uint32_t width, std::span<const double> exact,
                               DType type) {
    std::vector<float> now = numbers_of(cache, type);
    const auto row = now.begin() + ptrdiff_t{slot} * width;
    check_stored({row, row + width}, exact, type);
    std::copy(row, row + width, before.begin() + ptrdiff_t{slot} * width);
    CHECK(now == before);
    return now;
}

struct Attention {
    std::vector<double> z, lse, scores;  // scores [n_heads, n_ctx], NaN where none
};

/// By definition, of the numbers that were stored.
Attention attend(const Data& d, std::span<const float> q, std::span<const float> k,
                 std::span<const float> v) {
    const Case& c = d.shape;
    Attention a{std::vector<double>(d.q_width()), std::vector<double>(c.n_heads),
                std::vector<double>(size_t{c.n_heads} * d.n_ctx, NAN)};
    const uint32_t first = model::first_visible(c.position, c.window);
    for (uint32_t h = 0; h < c.n_heads; ++h) {
        const uint32_t kv_head = h / (c.n_heads / c.n_kv_heads);
        const auto row = [&](uint32_t p) {
            return (size_t{p % c.capacity} * c.n_kv_heads + kv_head) * c.head_dim;
        };
        double* const scores = a.scores.data() + size_t{h} * d.n_ctx;
        double sum = 0;
        for (uint32_t p = first; p <= c.position; ++p) {
            double s = 0;
            for (uint32_t i = 0; i < c.head_dim; ++i) {
                s +=
                    static_cast<double>(q[h * c.head_dim + i]) * static_cast<double>(k[row(p) + i]);
            }
            s *= static_cast<double>(d.scale());
            scores[p] = c.cap > 0 ? ref::Math<double>::softcap(s, static_cast<double>(c.cap)) : s;
            sum += std::exp(scores[p]);
        }
        a.lse[h] = std::log(sum);
        for (uint32_t p = first; p <= c.position; ++p) {
            const double weight = std::exp(scores[p] - a.lse[h]);
            for (uint32_t i = 0; i < c.head_dim; ++i) {
                a.z[h * c.head_dim + i] += weight * static_cast<double>(v[row(p) + i]);
            }
        }
    }
    return a;
}

/// A score of head_dim products, none above 2^7, is off by some 2^-24 * 2^7 at worst: weights and
/// the log-sum-exp as much, relative and absolute; 2^-16 is allowed, 2^-32 in square.
constexpr double kScoreLimit = 0x1p-16;

/// `cells` [n_heads, n_ctx] of the device; cells without a true value must be untouched.
void check_cells(std::span<const float> cells, std::span<const double> truth) {
    double worst = 0;
    size_t n_touched = 0;
    for (size_t i = 0; i < cells.size(); ++i) {
        if (std::isnan(truth[i])) {
            n_touched += std::bit_cast<uint32_t>(cells[i]) != op_test::kPoison ? 1 : 0;
        } else {
            const double error = std::abs(static_cast<double>(cells[i]) - truth[i]);
            support::widen(worst, error);
        }
    }
    CHECK(n_touched == 0);
    CHECK(worst <= kScoreLimit);
}

void check_all(const Data& d) {
    const Case& c = d.shape;
    const std::vector<float> q = numbers_of(d.stored_q, c.type_k);
    const auto q_row = q.begin() + ptrdiff_t{d.q_row()} * d.q_width();
    const std::vector<float> own(q_row, q_row + d.q_width());
    check_stored(own, rotated(d.q, d.wq, c), c.type_k);
    const size_t n_written = own.size() / (is_half(c.type_k) ? 2 : 1);
    const std::vector<uint32_t> words = d.stored_q.get<uint32_t>();
    CHECK(std::ranges::count(words, op_test::kPoison) == ptrdiff_t(words.size() - n_written));

    const uint32_t slot = c.position % c.capacity;
    const std::vector<float> k =
        check_cache(d.k_cache, d.k_before, slot, d.kv_width(), rotated(d.k, d.wk, c), c.type_k);
    const std::vector<float> v =
        check_cache(d.v_cache, d.v_before, slot, d.kv_width(), op_test::as_doubles(d.v), c.type_v);
    const Attention a = attend(d, own, k, v);
    op_test::check_close(d.z.floats(), a.z, kScoreLimit * kScoreLimit);
    std::vector<double> lse(a.scores.size(), NAN);
    for (uint32_t h = 0; h < c.n_heads; ++h) {
        lse[size_t{h} * d.n_ctx + c.position] = a.lse[h];
    }
    check_cells(d.lse.floats(), lse);
    const std::vector<double> none(a.scores.size(), NAN);
    check_cells(d.live.floats(), c.live ? a.scores : none);
}

std::string text_of(const Case& c) {
    return fmt::format(
        "{}: position {}, {} of {} heads of {}, capacity {}, window {}, cap {}{}{}{}, "
        "{} {}",
        c.name, c.position, c.n_heads, c.n_kv_heads, c.head_dim, c.capacity, c.window, c.cap,
        c.qk_norm ? ", QK-norm" : "", c.live ? ", live" : "", c.q_at_position ? ", Q kept" : "",
        model::dtype_name(c.type_k), model::dtype_name(c.type_v));
}

void run_form(const Form& wanted, const Case& c) {
    Form f = wanted;
    const uint32_t subgroup = op_test::rig().device.info().subgroup_size;
    f.lanes = std::min({f.lanes, subgroup, c.head_dim / 8});
    INFO(text_of(c) << "; LANES " << f.lanes << ", GROUP " << f.group << ", SPLITS " << f.splits
                    << ", " << f.subgroups << " subgroups"
                    << (f.one_subgroup != 0 ? " (ONE_SUBGROUP)" : ""));
    const Data d(c);
    const op_test::Array parts = op_test::Array::output(size_t{f.splits} * d.q_width());
    const op_test::Array part_stats = op_test::Array::output(size_t{2} * f.splits * c.n_heads);
    gpu::CommandBuffer& cmd = op_test::rig().cmd;
    cmd.dispatch(
        cmd.kernel("attention_decode", {f.subgroups * subgroup, c.head_dim, f.group, f.lanes,
                                        is_half(c.type_k), is_half(c.type_v), c.cap > 0, c.qk_norm,
                                        f.splits, c.live, f.lanes == subgroup, f.one_subgroup}),
        {.x = c.n_heads / f.group, .y = f.splits},
        params::AttentionDecode{.n_heads = c.n_heads,
                                .n_kv_heads = c.n_kv_heads,
                                .capacity = c.capacity,
                                .n_ctx = d.n_ctx,
                                .window = c.window,
                                .q_at_position = c.q_at_position,
                                .scale = d.scale(),
                                .cap = c.cap,
                                .eps = kEps},
        {d.q_array.range(), d.k_array.range(), d.v_array.range(), d.wq_array.range(),
         d.wk_array.range(), d.rope.range(), d.state.range(), d.k_cache.range(), d.v_cache.range(),
         d.stored_q.range(), f.splits == 1 ? d.z.range() : parts.range(),
         f.splits == 1 ? d.lse.range() : part_stats.range(), d.live.range(), d.k_cache.range(),
         d.v_cache.range()},
        {});
    if (f.splits > 1) {
        cmd.dispatch(
            cmd.kernel("attention_combine", {model::ops::kElementwiseGroup}), {.x = c.n_heads},
            params::AttentionCombine{c.n_heads, c.head_dim, f.splits, d.n_ctx},
            {parts.range(), part_stats.range(), d.state.range(), d.z.range(), d.lse.range()}, {});
    }
    cmd.finish();
    check_all(d);
    parts.bytes();  // their guard bands
    part_stats.bytes();
}

/// Through the op, which chooses the form.
void record_op(gpu::CommandBuffer& cmd, const Data& d, const op_test::Array& parts,
               const op_test::Array& part_stats, const op_test::Array& unused) {
    const Case& c = d.shape;
    const auto weight = [&](const op_test::Array& w) {
        return c.qk_norm ? w.tensor(1, c.head_dim) : model::Tensor{};
    };
    model::ops::attention_decode(cmd,
                                 {.q = d.q_array.tensor(1, d.q_width()),
                                  .k = d.k_array.tensor(1, d.kv_width()),
                                  .v = d.v_array.tensor(1, d.kv_width()),
                                  .q_norm = weight(d.wq_array),
                                  .k_norm = weight(d.wk_array),
                                  .rope = d.rope.range(),
                                  .state = d.state.range(),
                                  .k_cache = d.k_cache.tensor(c.capacity, d.kv_width(), c.type_k),
                                  .v_cache = d.v_cache.tensor(c.capacity, d.kv_width(), c.type_v),
                                  .stored_q = d.stored_q.tensor(d.q_rows(), d.q_width(), c.type_k),
                                  .z = d.z.tensor(1, d.q_width()),
                                  .lse = d.lse.tensor(c.n_heads, d.n_ctx),
                                  .parts = parts.range(),
                                  .part_stats = part_stats.range(),
                                  .live = c.live ? d.live.range() : gpu::Range{},
                                  .unused = unused.range()},
                                 {.n_heads = c.n_heads,
                                  .n_kv_heads = c.n_kv_heads,
                                  .head_dim = c.head_dim,
                                  .n_ctx = d.n_ctx,
                                  .window = c.window,
                                  .scale = d.scale(),
                                  .cap = c.cap,
                                  .eps = kEps,
                                  .q_at_position = c.q_at_position});
}

void run_op(const Case& c) {
    INFO("op, " << text_of(c));
    const Data d(c);
    gpu::CommandBuffer& cmd = op_test::rig().cmd;
    const uint32_t splits = model::ops::attention_splits(cmd.device().info(), c.n_heads);
    const op_test::Array parts = op_test::Array::output(size_t{splits} * d.q_width());
    const op_test::Array part_stats = op_test::Array::output(size_t{2} * splits * c.n_heads);
    const op_test::Array unused = op_test::Array::output(1);
    record_op(cmd, d, parts, part_stats, unused);
    cmd.finish();
    check_all(d);
}

/// Positions, windows and rings; all through one form's kernel.
std::vector<Case> place_cases() {
    return {
        {.name = "the first token", .position = 0},
        {.name = "the second", .position = 1},
        {.name = "three keys", .position = 2},
        {.name = "many", .position = 129, .capacity = 140},
        {.name = "on a fine table's end", .position = 63},
        {.name = "on its begin", .position = 64, .capacity = 80},
        {.name = "window of one", .position = 9, .window = 1},
        {.name = "window just full", .position = 31, .window = 32},
        {.name = "window one over", .position = 32, .window = 32},
        {.name = "window, ring as small as it", .position = 1003, .capacity = 32, .window = 32},
        {.name = "ring, wrapped", .position = 997, .capacity = 101, .window = 90},
        {.name = "Q kept", .position = 20, .q_at_position = true},
    };
}

}  // namespace

TEST_CASE("attention_decode, positions, windows and rings, one split and several") {
    for (const Case& c : place_cases()) {
        run_form({}, c);
        run_form({.lanes = 2, .group = 2}, c);
        run_form({.splits = 2, .subgroups = 2, .one_subgroup = 0}, c);
        run_form({.splits = 5}, c);
        run_form({.lanes = 2, .splits = 8, .subgroups = 4, .one_subgroup = 0}, c);
    }
}

TEST_CASE("attention_decode, every number of lanes, heads and subgroups") {
    const uint32_t subgroup = op_test::rig().device.info().subgroup_size;
    uint32_t n = 0;
    for (uint32_t lanes = 1; lanes <= subgroup; lanes *= 2, n++) {
        // The op gives a head as many lanes as divide its units of eight: an odd number is left.
        const Case c{.name = "lanes",
                     .position = 77,
                     .n_heads = 8,
                     .n_kv_heads = 2,
                     .head_dim = 8 * (n == 1 ? 3 : 1) * lanes,
                     .capacity = 80};
        run_form({.lanes = lanes, .group = 1 + n % 2}, c);
        run_form({.lanes = lanes,
                  .group = 2 - n % 2,
                  .splits = 1 + n % 2 * 2,
                  .subgroups = 3,
                  .one_subgroup = 0},
                 c);
    }
    run_form({.lanes = subgroup, .splits = 3, .subgroups = 4, .one_subgroup = 0},
             {.name = "as on a GPU",
              .position = 77,
              .n_heads = 8,
              .n_kv_heads = 4,
              .head_dim = 256,
              .capacity = 80,
              .cap = 50});
    // More teams than there are elements in a head.
    run_form({.lanes = 1, .subgroups = 128 / subgroup, .one_subgroup = 0}, {.name = "many teams",
                                                                            .position = 300,
                                                                            .n_heads = 3,
                                                                            .n_kv_heads = 3,
                                                                            .head_dim = 8,
                                                                            .capacity = 301});
}

TEST_CASE("attention_decode, types, caps, norms and live rows") {
    for (const DType type_k : {DType::f16, DType::f32}) {
        for (const DType type_v : {DType::f16, DType::f32}) {
            run_form({.group = 2},
                     {.name = "types", .n_kv_heads = 2, .type_k = type_k, .type_v = type_v});
            if (type_k == type_v) {
                continue;
            }
            run_form({.splits = 2}, {.name = "types",
                                     .cap = 50,
                                     .qk_norm = false,
                                     .live = true,
                                     .q_at_position = true,
                                     .type_k = type_k,
                                     .type_v = type_v,
                                     .deviation = 2});
        }
    }
    run_form({}, {.name = "scores beyond the cap", .cap = 5, .qk_norm = false, .deviation = 6});
    run_form({}, {.name = "live and a window", .position = 60, .window = 20, .live = true});
    run_form({.group = 4, .splits = 3}, {.name = "live, split", .position = 61, .live = true});
}

TEST_CASE("attention_decode, the head layouts of the specification") {
    run_op({.name = "Gemma 3 270M, 1B", .position = 70, .head_dim = 256, .capacity = 80});
    run_op({.name = "Gemma 1 7B",
            .position = 33,
            .n_heads = 16,
            .n_kv_heads = 16,
            .head_dim = 256,
            .qk_norm = false});
    run_op({.name = "Gemma 2 2B",
            .position = 70,
            .n_heads = 8,
            .n_kv_heads = 4,
            .head_dim = 256,
            .capacity = 80,
            .cap = 50,
            .qk_norm = false,
            .live = true});
    run_op({.name = "Gemma 3 12B",
            .position = 33,
            .n_heads = 16,
            .n_kv_heads = 8,
            .head_dim = 256,
            .window = 20});
    run_op({.name = "the 27Bs", .position = 33, .n_heads = 32, .n_kv_heads = 16, .head_dim = 128});
    run_op({.name = "the largest context", .position = 8191, .n_heads = 2, .capacity = 8192});
}

namespace {
const op_test::RegisterBench kBench("attention_decode", [](const op_test::BenchRun& run) {
    for (const uint32_t keys : {128u, 2048u}) {
        const Data d({.position = keys - 1,
                      .n_heads = 8,
                      .n_kv_heads = 4,
                      .head_dim = 256,
                      .capacity = keys});
        const op_test::Array parts = op_test::Array::output(size_t{32} * d.q_width());
        const op_test::Array part_stats = op_test::Array::output(size_t{2} * 32 * 8);
        const op_test::Array unused = op_test::Array::output(1);
        run(fmt::format("attention_decode 8 heads of 256, {} keys", keys),
            [&](gpu::CommandBuffer& cmd) { record_op(cmd, d, parts, part_stats, unused); });
    }
});
}  // namespace
