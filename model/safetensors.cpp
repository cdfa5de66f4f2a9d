#include "model/safetensors.h"

#include <algorithm>
#include <array>

#include "model/byte_reader.h"
#include "model/checked.h"
#include "model/json_reader.h"

namespace model {

namespace {

struct TypeRow {
    std::string_view name;
    uint32_t bits;
};

constexpr std::array<TypeRow, 20> kTypes{{
    {"BF16", 16},   {"F16", 16}, {"F32", 32}, {"F64", 64},    {"BOOL", 8},
    {"U8", 8},      {"I8", 8},   {"U16", 16}, {"I16", 16},    {"U32", 32},
    {"I32", 32},    {"U64", 64}, {"I64", 64}, {"F8_E4M3", 8}, {"F8_E5M2", 8},
    {"F8_E8M0", 8}, {"C64", 64}, {"F4", 4},   {"F6_E2M3", 6}, {"F6_E3M2", 6},
}};

/// Reads one header.
class Parser {
public:
    Parser(const ByteSource& source, const Limits& limits)
        : source_(source), in_(source), limits_(limits) {}

    Safetensors parse() {
        const std::string header = read_header();
        parse_json_members(header, source_.name(), limits_,
                           [this](std::string&& name, Json&& value) { add(name, value); });
        check_coverage();
        return std::move(out_);
    }

private:
    std::string read_header() {
        const uint64_t length = in_.number<uint64_t>("header length");
        if (length > limits_.safetensors_header_bytes) {
            in_.fail_at(0, "header length", fmt::format("{}", length),
                        fmt::format("at most {}", limits_.safetensors_header_bytes));
        }
        if (length > in_.left()) {
            in_.fail_at(0, "header length", fmt::format("{}", length),
                        fmt::format("at most {}, the bytes left in the file", in_.left()));
        }
        if (length < 2) {
            in_.fail_at(0, "header length", fmt::format("{}", length), "at least 2");
        }
        std::string header = in_.text(length, "header");
        data_begin_ = in_.offset();
        if (header[0] != '{') {
            in_.fail_at(8, "header", fmt::format("'{}'", header.substr(0, 3)), "'{'");
        }
        const size_t last = header.find_last_not_of(' ');
        if (header[last] != '}') {
            in_.fail_at(8 + last, "header", fmt::format("'{}'", header.substr(last, 1)),
                        "'}' and then nothing but spaces");
        }
        return header;
    }

    [[noreturn]] void fail(const std::string& name, std::string_view found,
                           std::string_view expected) const {
        refuse(source_.name(), name, found, expected);
    }

    void add(const std::string& name, const Json& value) {
        if (name == "__metadata__") {
            add_metadata(value);
            return;
        }
        if (name.empty() || name.size() > limits_.key_bytes) {
            fail("tensor name", fmt::format("{} bytes", name.size()),
                 fmt::format("1 to {}", limits_.key_bytes));
        }
        if (value.object() == nullptr || value.object()->size() != 3) {
            fail(name, value.described(), "an object of dtype, shape and data_offsets");
        }
        SafetensorsTensor tensor;
        tensor.name = name;
        const Json* type = value.find("dtype");
        if (type == nullptr || type->text() == nullptr) {
            fail(name, type == nullptr ? "no dtype" : type->described(), "a dtype");
        }
        tensor.type_name = *type->text();
        const auto row = std::find_if(kTypes.begin(), kTypes.end(),
                                      [&](const TypeRow& r) { return r.name == tensor.type_name; });
        if (row == kTypes.end()) {
            fail(name, fmt::format("dtype '{}'", tensor.type_name), "a dtype of the format");
        }
        if (tensor.type_name == "BF16" || tensor.type_name == "F16" || tensor.type_name == "F32") {
            tensor.dtype = dtype_from_name(tensor.type_name);
        }
        tensor.shape = integers(name, "shape", value.find("shape"), 8);
        const std::vector<uint64_t> offsets =
            integers(name, "data_offsets", value.find("data_offsets"), 2);
        place(tensor, offsets, row->bits);
        out_.tensors.push_back(std::move(tensor));
    }

    void add_metadata(const Json& value) {
        if (value.object() == nullptr) {
            fail("__metadata__", value.described(), "an object of strings");
        }
        for (const auto& [key, text] : *value.object()) {
            if (text.text() == nullptr) {
                fail("__metadata__." + key, text.described(), "a string");
            }
            out_.metadata.emplace_back(key, *text.text());
        }
    }

    std::vector<uint64_t> integers(const std::string& name, std::string_view field,
                                   const Json* list, size_t max_items) const {
        if (list == nullptr || list->array() == nullptr || list->array()->size() > max_items) {
            fail(name, list == nullptr ? fmt::format("no {}", field) : list->described(),
                 fmt::format("{}: a list of at most {} integers", field, max_items));
        }
        std::vector<uint64_t> values;
        for (const Json& item : *list->array()) {
            if (item.integer() == nullptr) {
                fail(name, item.described(), fmt::format("{}: integers of 0 or more", field));
            }
            values.push_back(*item.integer());
        }
        return values;
    }

    void place(SafetensorsTensor& tensor, const std::vector<uint64_t>& offsets, uint32_t bits) {
        if (offsets.size() != 2 || offsets[0] > offsets[1]) {
            fail(tensor.name,
                 offsets.size() == 2 ? fmt::format("data_offsets [{}, {}]", offsets[0], offsets[1])
                                     : fmt::format("{} data_offsets", offsets.size()),
                 "data_offsets [begin, end], begin <= end");
        }
        if (offsets[1] > in_.left()) {
            fail(tensor.name, fmt::format("data_offsets end {}", offsets[1]),
                 fmt::format("at most {}, the size of the data", in_.left()));
        }
        Checked n_bits = bits;
        for (const uint64_t dim : tensor.shape) {
            n_bits = n_bits * dim;
        }
        const std::optional<uint64_t> total = n_bits.value();
        tensor.offset = data_begin_ + offsets[0];
        tensor.n_bytes = offsets[1] - offsets[0];
        if (!total || *total % 8 != 0 || *total / 8 != tensor.n_bytes) {
            fail(tensor.name, fmt::format("{} bytes of data", tensor.n_bytes),
                 total ? fmt::format("{} bits, what its {} shape needs", *total, tensor.type_name)
                       : std::string("a shape whose size fits 64 bits"));
        }
    }

    /// Data without holes, overlap or a tail: anything else could hide or multiply bytes.
    void check_coverage() {
        std::sort(out_.tensors.begin(), out_.tensors.end(), [](const auto& a, const auto& b) {
            return std::tie(a.offset, a.n_bytes, a.name) < std::tie(b.offset, b.n_bytes, b.name);
        });
        uint64_t end = data_begin_;
        for (const SafetensorsTensor& tensor : out_.tensors) {
            if (tensor.offset != end) {
                fail(tensor.name, fmt::format("data at byte {}", tensor.offset - data_begin_),
                     fmt::format("{}, where the tensor before it ends", end - data_begin_));
            }
            end += tensor.n_bytes;
        }
        if (end != source_.size()) {
            fail("data", fmt::format("{} bytes behind the last tensor", source_.size() - end),
                 "none");
        }
    }

    const ByteSource& source_;
    ByteReader in_;
    const Limits& limits_;
    Safetensors out_;
    uint64_t data_begin_ = 0;
};

}  // namespace

Safetensors parse_safetensors(const ByteSource& source, const Limits& limits) {
    return Parser(source, limits).parse();
}

}  // namespace model
