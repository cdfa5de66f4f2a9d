// Host sides of matvec, norm_matvec and norm_geglu.
#include <algorithm>
#include <bit>
#include <thread>

#include "gpu/base.h"
#include "model/fast_ops.h"
#include "model/ops/dispatch.h"
#include "model/ops/teams.h"
#include "shaders/params.h"

namespace model::ops {
namespace {

/// How a device works on a matrix of one type; no two choices round alike.
struct Teams {
    uint32_t workgroup;  // invocations, whole subgroups
    uint32_t lanes;      // invocations that share a tile of rows
    uint32_t rows;       // of a tile
    uint32_t fixed;      // 1: 16-bit fixed-point x
    uint32_t whole;      // 1: a team is a subgroup
    uint32_t one_subgroup;
    uint32_t groups;  // workgroups wanted at most
};

/// A matrix that streams from memory once is read quickest by whole subgroups, one run of bytes at
/// a time, even where a few lanes are idle in a row's last round.
uint32_t streaming_lanes(uint32_t subgroup, uint32_t subs) {
    const uint32_t places = divide_up(subs, subgroup) * subgroup;
    return 4 * (places - subs) <= places ? subgroup : best_lanes(subgroup, subs);
}

/// Shared memory of matvec.comp with fixed-point x.
uint64_t packed_bytes(uint32_t cols) {
    return 2 * uint64_t{cols} + cols / params::kBlock * 4;
}

/// Workgroups for a matrix of so many weights on a CPU: enough that a busy core holds nobody up
/// long, and each with so much to do that preparing x costs little beside it; whole rounds of the
/// cores.
uint32_t cpu_groups(uint64_t weights) {
    constexpr uint64_t kWorth = 1 << 18;
    const uint64_t threads = std::max(1u, std::thread::hardware_concurrency());
    return uint32_t(std::clamp<uint64_t>(weights / kWorth / threads, 1, 8) * threads);
}

Teams teams(const gpu::DeviceInfo& device, DType dtype, uint64_t weights, uint32_t cols,
            bool normed) {
    const uint32_t subs = cols / params::kBlock;
    const uint32_t subgroup = device.subgroup_size;
    if (device.type == gpu::DeviceType::cpu) {
        // One subgroup a workgroup: a barrier costs a CPU more than the sum it waits for. Integer
        // products take fewer instructions than conversions to float.
        const uint32_t lanes = streaming_lanes(subgroup, subs);
        const bool fits = normed || packed_bytes(cols) <= device.max_shared_bytes;
        return {.workgroup = subgroup,
                .lanes = lanes,
                .rows = params::kRowGroup,
                .fixed = uint32_t(!is_plain(dtype) && fits),
                .whole = uint32_t(lanes == subgroup),
                .one_subgroup = 1,
                .groups = cpu_groups(weights)};
    }
    const uint64_t n_rows = weights / cols;
    const uint32_t rows = n_rows * subgroup < 2 * kBusyInvocations ? 1 : 2;
    const uint32_t lanes = gpu_lanes(subgroup, subs, n_rows / rows);
    return {.workgroup = std::max(128u, subgroup),
            .lanes = lanes,
            .rows = rows,
            .fixed = 0,
            .whole = uint32_t(lanes == subgroup),
            .one_subgroup = 0,
            .groups = 2048};
}

struct Grid {
    params::Matvec push;
    gpu::GroupCount groups;
    gpu::Work work;
};

Grid grid_of(const Teams& t, const MatrixSlab& slab, uint32_t cols, uint32_t n_matrices) {
    const uint32_t n_tiles = divide_up(slab.n_rows, t.rows);
    const uint32_t n_teams = t.workgroup / t.lanes;
    // Whole rounds of all teams, few enough workgroups that preparing x costs little.
    const uint32_t rounds = divide_up(divide_up(n_tiles, t.groups), n_teams);
    const uint32_t tiles = std::min(rounds, std::max(1u, 512u / n_teams)) * n_teams;
    Grid grid;
    grid.push = {.n_rows = slab.n_rows,
                 .y_begin = slab.row_begin,
                 .n_tiles = n_tiles,
                 .tiles_per_group = tiles};
    grid.groups = {.x = divide_up(n_tiles, tiles)};
    grid.work = {
        .flops = 2.0 * n_matrices * slab.n_rows * cols,
        .bytes = double(n_matrices) * double(slab.bytes()) + 4.0 * slab.n_rows + 4.0 * cols};
    return grid;
}

void set_norm(params::Matvec& push, const NormInput& in, const ResidualOut& out, bool store) {
    push.store = uint32_t(store && !out.row.tensor.range.empty());
    push.x_at_position = uint32_t(in.x.at_position);
    push.sum_at_position = uint32_t(out.row.at_position);
    push.eps = in.eps;
}

uint32_t residual_form(const NormInput& in) {
    return in.added.range.empty() ? 0 : in.added_norm.range.empty() ? 1 : 2;
}

struct NormRanges {
    gpu::Range x, added, added_norm, norm, sum;
};

NormRanges norm_ranges(const NormInput& in, const ResidualOut& out, bool store) {
    const gpu::Range& norm = in.norm.range;
    return {in.x.tensor.range, in.added.range.empty() ? norm : in.added.range,
            in.added_norm.range.empty() ? norm : in.added_norm.range, norm,
            store && !out.row.tensor.range.empty() ? out.row.tensor.range : out.unused};
}

void check_matrix(const Tensor& y, const Matrix& w) {
    check(y, DType::f32, {1, w.rows});
    CHECK(w.cols % params::kBlock == 0, "{}: {} columns", w.name, w.cols);
}

}  // namespace

void matvec(gpu::CommandBuffer& cmd, const Tensor& y, const Matrix& w, const Tensor& x) {
    check_matrix(y, w);
    check(x, DType::f32, {1, w.cols});
    const Teams t = teams(cmd.device().info(), w.dtype, uint64_t{w.rows} * w.cols, w.cols, false);
    const gpu::Kernel& kernel =
        cmd.kernel("matvec", {t.workgroup, uint32_t(w.dtype), w.cols, t.lanes, t.rows, t.fixed,
                              t.whole, t.one_subgroup});
    for (const MatrixSlab& slab : w.slabs) {
        const Grid grid = grid_of(t, slab, w.cols, 1);
        cmd.dispatch(kernel, grid.groups, grid.push,
                     {slab.quants, slab.highs, slab.scales, x.range, y.range}, grid.work);
    }
}

void norm_matvec(gpu::CommandBuffer& cmd, const Tensor& y, const Matrix& w, const NormInput& in,
                 const ResidualOut& out, float cap) {
    check_matrix(y, w);
    const Teams t = teams(cmd.device().info(), w.dtype, uint64_t{w.rows} * w.cols, w.cols, true);
    const gpu::Kernel& kernel =
        cmd.kernel("norm_matvec", {t.workgroup, uint32_t(w.dtype), w.cols, t.lanes, t.rows, t.fixed,
                                   t.whole, t.one_subgroup, residual_form(in)});
    bool first = true;
    for (const MatrixSlab& slab : w.slabs) {
        Grid grid = grid_of(t, slab, w.cols, 1);
        set_norm(grid.push, in, out, first);
        grid.push.cap = cap;
        const NormRanges r = norm_ranges(in, out, first);
        cmd.dispatch(kernel, grid.groups, grid.push,
                     {slab.quants, slab.highs, slab.scales, r.x, y.range, r.added, r.added_norm,
                      r.norm, r.sum, in.state},
                     grid.work);
        first = false;
    }
}

bool can_norm_geglu(const Matrix& gate, const Matrix& up) {
    return gate.dtype == up.dtype && gate.rows == up.rows && gate.cols == up.cols;
}

void norm_geglu(gpu::CommandBuffer& cmd, const Tensor& y, const Matrix& gate, const Matrix& up,
                const NormInput& in, const ResidualOut& out) {
    check_matrix(y, gate);
    CHECK(can_norm_geglu(gate, up), "{} and {}", gate.name, up.name);
    const Teams t = teams(cmd.device().info(), gate.dtype, 2 * uint64_t{gate.rows} * gate.cols,
                          gate.cols, true);
    const gpu::Kernel& kernel =
        cmd.kernel("norm_geglu", {t.workgroup, uint32_t(gate.dtype), gate.cols, t.lanes, t.rows,
                                  t.fixed, t.whole, t.one_subgroup, residual_form(in)});
    bool first = true;
    for (size_t i = 0; i < gate.slabs.size(); i++) {
        const MatrixSlab& a = gate.slabs[i];
        const MatrixSlab& b = up.slabs[i];
        Grid grid = grid_of(t, a, gate.cols, 2);
        set_norm(grid.push, in, out, first);
        const NormRanges r = norm_ranges(in, out, first);
        cmd.dispatch(kernel, grid.groups, grid.push,
                     {a.quants, a.highs, a.scales, r.x, y.range, r.added, r.added_norm, r.norm,
                      r.sum, in.state, b.quants, b.highs, b.scales},
                     grid.work);
        first = false;
    }
}

}  // namespace model::ops
