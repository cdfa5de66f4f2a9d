// What the op tests of the fast path's products share: which forms of a kernel there are, inputs
// that are hard on fixed point, tolerances.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "shaders/params.h"
#include "tests/op_test.h"
#include "tests/support/twins.h"

namespace op_test {

/// One form of a product's kernel: what model/ops chooses for some device.
struct ProductForm {
    uint32_t lanes = 1, rows = 2;
    uint32_t fixed = 0;
    uint32_t subgroups = 1;        // of a workgroup
    uint32_t one_subgroup = 1;     // 1: the kernel counts on a single subgroup
    uint32_t tiles_per_group = 3;  // more than teams, or fewer

    uint32_t workgroup() const;
    uint32_t whole() const;
    std::string text() const;
};

/// Forms of this device's subgroups: every number of lanes, rows 1, 2, 4, one subgroup that counts
/// on being alone, one that does not, and four.
std::vector<ProductForm> product_forms();

/// The same form, and a type that has no codes multiplies floats.
ProductForm for_type(ProductForm form, model::DType type);

/// `wanted` columns, or the next number above that is whole blocks of the type and of 32.
uint32_t whole_columns(model::DType type, uint32_t wanted);

/// n values in sub-blocks of very different size: of deviation 1 and 1/16, all zero, one large
/// element among small ones, and too small for a normal number.
std::vector<float> uneven_floats(size_t n, uint64_t seed);

/// Squared error that rounding explains in products of rows of `cols` numbers, relative to the sum
/// of the squares of what is added up. Derived in op_test_fast.cpp.
double product_limit(const ProductForm& form, uint32_t cols);

/// y = W x, or cap(W x), by definition, for each token; checks the device's against it.
void check_product(std::span<const float> y_device, const WeightMatrix& w,
                   std::span<const double> x, const ProductForm& form, float cap = 0);

/// A Matvec push of one slab.
params::Matvec matvec_push(const ProductForm& form, const model::MatrixSlab& slab);
inline uint32_t matvec_groups(const params::Matvec& push) {
    return (push.n_tiles + push.tiles_per_group - 1) / push.tiles_per_group;
}

/// What norm_matvec and norm_geglu multiply: three forms of residual, rows at a position or not.
struct NormCase {
    uint32_t residual = 0;  // RESIDUAL of norm_x.glsl
    bool x_at_position = false;
    bool sum_at_position = false;
    bool store = true;
    uint32_t position = 0;
};

/// Its inputs on the device, and by definition r and h of them.
struct NormData {
    NormData(const NormCase& c, uint32_t cols, uint64_t seed);

    void set(params::Matvec& push) const;
    /// sum as the device left it: r in its row, the other rows untouched.
    void check_sum() const;

    NormCase shape;
    uint32_t cols;
    Array x, added, added_norm, norm, sum, state;
    std::vector<double> r, h;

private:
    uint32_t n_rows() const { return shape.position + 2; }
};

inline constexpr float kNormEps = 1e-6f;

}  // namespace op_test
