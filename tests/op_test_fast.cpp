#include "tests/op_test_fast.h"

#include <algorithm>
#include <bit>

#include <fmt/format.h>

#include "model/ops/teams.h"

namespace op_test {

using model::DType;

uint32_t ProductForm::workgroup() const {
    return subgroups * rig().device.info().subgroup_size;
}

uint32_t ProductForm::whole() const {
    return lanes == rig().device.info().subgroup_size ? 1 : 0;
}

std::string ProductForm::text() const {
    return fmt::format("LANES {}, ROWS {}, FIXED {}, {} subgroups{}, {} tiles a group", lanes, rows,
                       fixed, subgroups, one_subgroup != 0 ? " (ONE_SUBGROUP)" : "",
                       tiles_per_group);
}

std::vector<ProductForm> product_forms() {
    const uint32_t subgroup = rig().device.info().subgroup_size;
    std::vector<ProductForm> forms;
    uint32_t n = 0;
    for (uint32_t lanes = 1; lanes <= subgroup; lanes *= 2, n++) {
        forms.push_back({.lanes = lanes, .rows = 1u << (n % 3), .fixed = n % 2});
        forms.push_back({.lanes = lanes,
                         .rows = 1u << ((n + 1) % 3),
                         .fixed = n % 2,
                         .subgroups = 4,
                         .one_subgroup = 0,
                         .tiles_per_group = 7});
        forms.push_back({.lanes = lanes,
                         .rows = 1u << ((n + 2) % 3),
                         .fixed = (n + 1) % 2,
                         .subgroups = n % 2 == 0 ? 1u : 4u,
                         .one_subgroup = 0,
                         .tiles_per_group = 64});
    }
    return forms;
}

ProductForm for_type(ProductForm form, DType type) {
    if (model::ops::is_plain(type)) {
        form.fixed = 0;
    }
    return form;
}

uint32_t whole_columns(DType type, uint32_t wanted) {
    const uint32_t block = std::max(model::block_elements(type), params::kBlock);
    return (wanted + block - 1) / block * block;
}

std::vector<float> uneven_floats(size_t n, uint64_t seed) {
    std::vector<float> values = random_floats(n, seed);
    for (size_t i = 0; i < n; ++i) {
        switch (i / params::kBlock % 7) {
            case 1:
                values[i] *= 1.0f / 16;
                break;
            case 3:
                values[i] = 0;
                break;
            case 4:
                values[i] *= i % params::kBlock == 5 ? 2.0f : 1e-3f;
                break;
            case 5:
                values[i] *= 1e-37f;
                break;
            default:
                break;
        }
    }
    return values;
}

/// Of the products, f32: a lane adds n = cols / (16 LANES) halves of sub-blocks, each a chain of 16
/// fused products. As in tests/ops/matmul.cpp a chain of n random terms has an error of n e^2 / 24
/// of its power, e = 2^-23; here (n + 16) e^2 / 24, and a few more roundings of scales, offsets and
/// the norm before. Codes are multiplied before their zero point or offset is taken off, and these
/// sums are up to 4 times as large as what remains: 16 in power.
/// Of fixed point: an element's error is uniform within a step of largest / 32767, so its variance
/// is largest^2 / 32767^2 / 12; of 32 normal numbers largest^2 is about 5 times the mean square, of
/// products of two 11 times. Rows whose weights are of one sign share one draw of these errors:
/// three deviations are allowed, 9 in power.
double product_limit(const ProductForm& form, uint32_t cols) {
    const double n = static_cast<double>(cols) / 16 / form.lanes;
    const double rounding = 0x1p-46 * 16 * ((n + 16) / 24 + 4);
    return rounding + (form.fixed != 0 ? 9 * 11.0 / 12 / (32767.0 * 32767.0) : 0);
}

/// The error is held against the terms' own power: a sum of few rows may be small by chance. A
/// soft-cap's slope is at most 1, so it adds but its own rounding.
void check_product(std::span<const float> y_device, const WeightMatrix& w,
                   std::span<const double> x, const ProductForm& form, float cap) {
    const uint32_t rows = w.matrix.rows, cols = w.matrix.cols;
    const size_t n_tokens = x.size() / cols;
    std::vector<double> y(n_tokens * rows);
    ref::matmul(std::span<double>(y), w.values, rows, cols, x, n_tokens);
    std::vector<float> w_squares = w.values;
    std::vector<double> x_squares(x.begin(), x.end()), powers(y.size());
    std::ranges::for_each(w_squares, [](float& v) { v *= v; });
    std::ranges::for_each(x_squares, [](double& v) { v *= v; });
    ref::matmul(std::span<double>(powers), w_squares, rows, cols,
                std::span<const double>(x_squares), n_tokens);
    if (cap > 0) {
        ref::softcap<double>(y, cap);
    }
    REQUIRE(y_device.size() == y.size());
    double error = 0, power = 0;
    for (size_t i = 0; i < y.size(); ++i) {
        const double difference = static_cast<double>(y_device[i]) - y[i];
        error += difference * difference;
        power += powers[i];
    }
    CHECK(error <= product_limit(form, cols) * power);  // NaN is not
}

params::Matvec matvec_push(const ProductForm& form, const model::MatrixSlab& slab) {
    return {.n_rows = slab.n_rows,
            .y_begin = slab.row_begin,
            .n_tiles = (slab.n_rows + form.rows - 1) / form.rows,
            .tiles_per_group = form.tiles_per_group,
            .store = 0,
            .x_at_position = 0,
            .sum_at_position = 0,
            .eps = 0,
            .cap = 0};
}

namespace {

std::vector<double> normed(std::span<const double> x, std::span<const float> w) {
    std::vector<double> y(x.size()), scale(1);
    ref::rms_norm<double>(y, scale, x, w, kNormEps);
    return y;
}

params::StepState state_at(uint32_t position) {
    return {.token = 0, .position = position, .step = 0, .n_ctx = position + 2};
}

}  // namespace

NormData::NormData(const NormCase& c, uint32_t n_cols, uint64_t seed)
    : shape(c),
      cols(n_cols),
      x(random_floats(size_t{n_rows()} * cols, seed, 3)),
      added(random_floats(cols, seed + 1, 0.5f)),
      added_norm(random_floats(cols, seed + 2)),
      norm(random_floats(cols, seed + 3)),
      sum(Array::output(size_t{n_rows()} * cols)),
      state(std::vector<params::StepState>{state_at(c.position)}) {
    // Made again rather than read back: benchmarks have no test case that a guard's check could go
    // to.
    const std::vector<float> all = random_floats(size_t{n_rows()} * cols, seed, 3);
    const auto row = all.begin() + (c.x_at_position ? ptrdiff_t{c.position} * cols : 0);
    r.assign(row, row + cols);
    std::vector<double> more = as_doubles(random_floats(cols, seed + 1, 0.5f));
    if (c.residual == 2) {
        more = normed(more, random_floats(cols, seed + 2));
    }
    for (size_t i = 0; c.residual != 0 && i < cols; ++i) {
        r[i] += more[i];
    }
    h = normed(r, random_floats(cols, seed + 3));
}

void NormData::set(params::Matvec& push) const {
    push.store = shape.store ? 1 : 0;
    push.x_at_position = shape.x_at_position ? 1 : 0;
    push.sum_at_position = shape.sum_at_position ? 1 : 0;
    push.eps = kNormEps;
}

void NormData::check_sum() const {
    const std::vector<float> got = sum.floats();
    const uint32_t row = shape.sum_at_position ? shape.position : 0;
    size_t n_written = 0;
    for (const float value : got) {
        n_written += std::bit_cast<uint32_t>(value) != kPoison ? 1 : 0;
    }
    CHECK(n_written == (shape.store ? cols : 0));
    if (shape.store) {
        // A sum of two, one of them the product of three factors: a few roundings of 2^-24 each.
        check_close(std::span(got).subspan(size_t{row} * cols, cols), r, 0x1p-46 * 4);
    }
}

}  // namespace op_test
