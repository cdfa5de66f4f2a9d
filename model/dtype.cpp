// Names and sizes of the element and block types.
#include "model/dtype.h"

#include <array>

#include "gpu/base.h"
#include "shaders/params.h"

namespace model {

namespace {

struct DTypeRow {
    std::string_view name;
    uint32_t elements;
    uint32_t bytes;
};

// Kernels are told a type by its number here, and know it by the number there.
constexpr bool is(DType dtype, uint32_t in_kernels) {
    return uint32_t(dtype) == in_kernels;
}
static_assert(is(DType::f32, params::kF32) && is(DType::f16, params::kF16) &&
              is(DType::bf16, params::kBF16) && is(DType::q8_0, params::kQ8_0) &&
              is(DType::q4_0, params::kQ4_0) && is(DType::q4_1, params::kQ4_1) &&
              is(DType::q5_0, params::kQ5_0) && is(DType::q5_1, params::kQ5_1) &&
              is(DType::iq4_nl, params::kIQ4_NL) && is(DType::q2_k, params::kQ2_K) &&
              is(DType::q3_k, params::kQ3_K) && is(DType::q4_k, params::kQ4_K) &&
              is(DType::q5_k, params::kQ5_K) && is(DType::q6_k, params::kQ6_K) &&
              is(DType::iq4_xs, params::kIQ4_XS));

// In the order of DType.
constexpr std::array<DTypeRow, 16> kRows{{
    {"F32", 1, 4},
    {"F16", 1, 2},
    {"BF16", 1, 2},
    {"Q8_0", 32, 34},
    {"Q4_0", 32, 18},
    {"Q4_1", 32, 20},
    {"Q5_0", 32, 22},
    {"Q5_1", 32, 24},
    {"IQ4_NL", 32, 18},
    {"Q2_K", 256, 84},
    {"Q3_K", 256, 110},
    {"Q4_K", 256, 144},
    {"Q5_K", 256, 176},
    {"Q6_K", 256, 210},
    {"IQ4_XS", 256, 136},
    {"I32", 1, 4},
}};

const DTypeRow& row(DType dtype) {
    const size_t index = static_cast<size_t>(dtype);
    CHECK(index < kRows.size(), "dtype {}", index);
    return kRows[index];
}

}  // namespace

std::string_view dtype_name(DType dtype) {
    return row(dtype).name;
}

std::optional<DType> dtype_from_name(std::string_view name) {
    for (size_t i = 0; i < kRows.size(); ++i) {
        if (kRows[i].name == name) {
            return static_cast<DType>(i);
        }
    }
    return std::nullopt;
}

uint32_t block_elements(DType dtype) {
    return row(dtype).elements;
}

uint32_t block_bytes(DType dtype) {
    return row(dtype).bytes;
}

uint64_t row_bytes(DType dtype, uint64_t dim) {
    const DTypeRow& r = row(dtype);
    CHECK(dim % r.elements == 0, "{} needs rows of whole blocks of {}, got {}", r.name, r.elements,
          dim);
    return dim / r.elements * r.bytes;
}

std::optional<DType> parse_cache_type(std::string_view name) {
    if (name == "f16") {
        return DType::f16;
    }
    if (name == "f32") {
        return DType::f32;
    }
    return std::nullopt;
}

}  // namespace model
