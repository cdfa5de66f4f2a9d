// The one table of sampling parameters: names, flags, ranges, descriptions, and where each lives.
#include "model/sampler.h"

#include "gpu/base.h"

#include <cmath>
#include <limits>
#include <variant>

namespace model {

namespace {

constexpr double kMaxInt = std::numeric_limits<int32_t>::max();

using Member = std::variant<float SamplingParams::*, int32_t SamplingParams::*>;

struct Row {
    SamplingField field;
    Member member;
};

const std::array<Row, 8>& rows() {
    static const std::array<Row, 8> table = {{
        {{"temperature", "--temp", "0..100, 0 = always the most likely",
          "Divides the logits: below 1 sharper, above 1 flatter", 0, 100, 1, false},
         &SamplingParams::temperature},
        {{"top_k", "--top-k", "0..2147483647, 0 = off", "Keep the k most likely tokens", 0, kMaxInt,
          0, true},
         &SamplingParams::top_k},
        {{"top_p", "--top-p", "0..1, 1 = off",
          "Keep the most likely tokens up to the one that brings their sum to p", 0, 1, 1, false},
         &SamplingParams::top_p},
        {{"min_p", "--min-p", "0..1, 0 = off",
          "Keep tokens at least this likely, relative to the most likely", 0, 1, 0, false},
         &SamplingParams::min_p},
        {{"repeat_penalty", "--repeat-penalty", "0.01..100, 1 = off",
          "Divides positive logits of recent tokens, multiplies negative ones", 0.01, 100, 1,
          false},
         &SamplingParams::repeat_penalty},
        {{"repeat_last_n", "--repeat-last-n", "-1..2147483647, -1 = all, 0 = off",
          "How many recent tokens the three penalties look at", -1, kMaxInt, 0, true},
         &SamplingParams::repeat_last_n},
        {{"presence_penalty", "--presence-penalty", "-100..100, 0 = off",
          "Subtracted once from the logit of every recent token", -100, 100, 0, false},
         &SamplingParams::presence_penalty},
        {{"frequency_penalty", "--frequency-penalty", "-100..100, 0 = off",
          "Subtracted from the logit of a recent token for each time it occurs", -100, 100, 0,
          false},
         &SamplingParams::frequency_penalty},
    }};
    return table;
}

const Row& row_of(std::string_view name) {
    for (const Row& row : rows()) {
        if (row.field.name == name) {
            return row;
        }
    }
    CHECK(false, "no sampling field '{}'", name);
}

void check_value(const SamplingField& field, double value) {
    const bool whole = !field.integer || value == std::floor(value);
    if (!(value >= field.min && value <= field.max) || !whole) {  // NaN fails both
        throw base::Error(
            base::ErrorKind::usage,
            fmt::format("{} is {}, expected {} ({})", field.name, value,
                        field.integer ? "a whole number" : "a number", field.unit_range),
            fmt::format("Give {} a value in that range.", field.flag));
    }
}

}  // namespace

const SamplingField& sampling_field(std::string_view name) {
    return row_of(name).field;
}

std::span<const SamplingField> sampling_fields() {
    static const std::vector<SamplingField> fields = [] {
        std::vector<SamplingField> list;
        for (const Row& row : rows()) {
            list.push_back(row.field);
        }
        return list;
    }();
    return fields;
}

double field_value(const SamplingParams& params, const SamplingField& field) {
    return std::visit([&](auto member) { return double(params.*member); },
                      row_of(field.name).member);
}

void set_field(SamplingParams& params, const SamplingField& field, double value) {
    const Row& row = row_of(field.name);
    check_value(row.field, value);
    std::visit(
        [&](auto member) {
            using Value = std::remove_reference_t<decltype(params.*member)>;
            params.*member = Value(value);
        },
        row.member);
}

void validate(const SamplingParams& params) {
    for (const Row& row : rows()) {
        // 0.01f is a little less than 0.01: what set_field took must pass.
        const double value = field_value(params, row.field);
        const double as_given = value == double(float(row.field.min)) ? row.field.min : value;
        check_value(row.field, as_given);
    }
}

}  // namespace model
