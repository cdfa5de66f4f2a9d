#include "model/gguf.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <set>

#include "model/byte_reader.h"
#include "model/checked.h"

namespace model {

namespace {

struct ValueTypeRow {
    std::string_view name;
    uint32_t bytes;  // of a scalar; 0: string or array
};

// In the order of GgufType, which is the order of the ids in the file.
constexpr std::array<ValueTypeRow, 13> kValueTypes{{
    {"u8", 1},
    {"i8", 1},
    {"u16", 2},
    {"i16", 2},
    {"u32", 4},
    {"i32", 4},
    {"f32", 4},
    {"bool", 1},
    {"string", 0},
    {"array", 0},
    {"u64", 8},
    {"i64", 8},
    {"f64", 8},
}};

/// Every tensor type of the format (spec 4.4). Those without a size are ours, and model/dtype.cpp
/// knows it; the sizes of the others let files carry them in tensors that we do not need.
struct TensorTypeRow {
    uint32_t id;
    std::string_view name;
    uint32_t elements = 0, bytes = 0;
};

constexpr std::array<TensorTypeRow, 32> kTensorTypes{{
    {0, "F32"},
    {1, "F16"},
    {2, "Q4_0"},
    {3, "Q4_1"},
    {6, "Q5_0"},
    {7, "Q5_1"},
    {8, "Q8_0"},
    {9, "Q8_1", 32, 36},
    {10, "Q2_K"},
    {11, "Q3_K"},
    {12, "Q4_K"},
    {13, "Q5_K"},
    {14, "Q6_K"},
    {15, "Q8_K", 256, 292},
    {16, "IQ2_XXS", 256, 66},
    {17, "IQ2_XS", 256, 74},
    {18, "IQ3_XXS", 256, 98},
    {19, "IQ1_S", 256, 50},
    {20, "IQ4_NL"},
    {21, "IQ3_S", 256, 110},
    {22, "IQ2_S", 256, 82},
    {23, "IQ4_XS"},
    {24, "I8", 1, 1},
    {25, "I16", 1, 2},
    {26, "I32"},
    {27, "I64", 1, 8},
    {28, "F64", 1, 8},
    {29, "IQ1_M", 256, 56},
    {30, "BF16"},
    {34, "TQ1_0", 256, 54},
    {35, "TQ2_0", 256, 66},
    {39, "MXFP4", 32, 17},
}};

struct TensorType {
    std::string_view name;
    std::optional<DType> dtype;  // nullopt: one that we cannot read
    uint32_t elements = 0, bytes = 0;
};

std::optional<TensorType> tensor_type(uint32_t id) {
    const auto row = std::find_if(kTensorTypes.begin(), kTensorTypes.end(),
                                  [id](const TensorTypeRow& r) { return r.id == id; });
    if (row == kTensorTypes.end()) {
        return std::nullopt;
    }
    if (row->bytes != 0) {
        return TensorType{row->name, std::nullopt, row->elements, row->bytes};
    }
    const std::optional<DType> dtype = dtype_from_name(row->name);
    CHECK(dtype, "{}", row->name);
    return TensorType{row->name, dtype, block_elements(*dtype), block_bytes(*dtype)};
}

bool is_removed_type(uint32_t id) {
    return id == 4 || id == 5 || (id >= 31 && id <= 33) || (id >= 36 && id <= 38);
}

bool is_printable(std::string_view text) {
    return std::all_of(text.begin(), text.end(), [](char c) { return c > 0x20 && c < 0x7f; });
}

/// What a file is that is no GGUF, by its first bytes.
std::string describe_magic(uint32_t magic) {
    switch (magic) {
        case 0x67676d6c:
            return "the obsolete GGML format";
        case 0x67676d66:
            return "the obsolete GGMF format";
        case 0x67676a74:
            return "the obsolete GGJT format";
        case 0x67676c61:
            return "a GGLA adapter";
        case 0x46554747:
            return "GGUF";
        case 0x47475546:
            return "GGUF in big-endian order";
        case 0x04034b50:
            return "a zip archive (a PyTorch checkpoint or a packed folder)";
        default:
            break;
    }
    if ((magic & 0xffff) == 0x8b1f) {
        return "gzip data";
    }
    if ((magic & 0xff) == 0x80) {
        return "a Python pickle";
    }
    return fmt::format("magic {:#010x}", magic);
}

/// Reads one header; its members are the state of that one pass.
class Parser {
public:
    Parser(const ByteSource& source, const Limits& limits) : in_(source), limits_(limits) {
        out_.file = source.name();
        out_.file_bytes = source.size();
    }

    Gguf parse() {
        read_preamble();
        for (uint64_t i = 0; i < n_kvs_; ++i) {
            read_key_value();
        }
        out_.build_index();
        read_alignment();
        std::set<std::string> names;
        for (uint64_t i = 0; i < n_tensors_; ++i) {
            read_tensor();
            if (!names.insert(out_.tensors.back().name).second) {
                in_.fail_at(out_.tensors.back().info_offset, "tensor name",
                            fmt::format("'{}' twice", out_.tensors.back().name), "unique names");
            }
        }
        place_tensors();
        return std::move(out_);
    }

private:
    void read_preamble() {
        const uint32_t magic = in_.number<uint32_t>("magic");
        if (magic != 0x46554747) {
            in_.fail_at(0, "magic", describe_magic(magic), "GGUF");
        }
        out_.version = in_.number<uint32_t>("version");
        if (out_.version != 2 && out_.version != 3) {
            const bool swapped = (out_.version & 0xffff) == 0 && out_.version != 0;
            in_.fail_at(4, "version",
                        swapped ? fmt::format("{:#x}, a big-endian file", out_.version)
                                : fmt::format("{}", out_.version),
                        "2 or 3, little-endian");
        }
        n_tensors_ = in_.number<uint64_t>("tensor count");
        n_kvs_ = in_.number<uint64_t>("key count");
        // Smallest tensor entry: name length 8, one byte of name, n_dims 4, one dimension 8, type
        // 4, offset 8. Smallest key: length 8, one byte, type 4, one byte of value.
        check_count(8, "tensor count", n_tensors_, limits_.n_tensors, 33);
        check_count(16, "key count", n_kvs_, limits_.n_kvs, 14);
    }

    void check_count(uint64_t at, std::string_view field, uint64_t count, uint64_t limit,
                     uint64_t smallest) const {
        if (count > limit) {
            in_.fail_at(at, field, fmt::format("{}", count), fmt::format("at most {}", limit));
        }
        if (count > in_.left() / smallest) {
            in_.fail_at(at, field, fmt::format("{}", count),
                        fmt::format("at most {}, what {} bytes can hold", in_.left() / smallest,
                                    in_.left()),
                        ByteReader::kCut);
        }
    }

    /// Counts what the parse keeps on the heap.
    void charge(uint64_t bytes, std::string_view field) {
        heap_ += bytes;
        if (heap_ > limits_.heap_bytes) {
            in_.fail(field, fmt::format("a header that needs more than {} bytes", heap_),
                     fmt::format("at most {} bytes of memory", limits_.heap_bytes));
        }
    }

    std::string read_string(std::string_view field, uint64_t limit) {
        const uint64_t at = in_.offset();
        const uint64_t length = in_.number<uint64_t>(field);
        if (length > limit) {
            in_.fail_at(at, field, fmt::format("{} bytes", length),
                        fmt::format("at most {} bytes", limit));
        }
        if (length > in_.left()) {
            in_.fail_at(at, field, fmt::format("{} bytes", length),
                        fmt::format("at most {}, the bytes left in the file", in_.left()),
                        ByteReader::kCut);
        }
        charge(length, field);
        return in_.text(length, field);
    }

    void read_key_value() {
        const uint64_t at = in_.offset();
        std::string key = read_string("key", limits_.key_bytes);
        if (key.empty() || !is_printable(key)) {
            in_.fail_at(at, "key", fmt::format("'{}'", base::escaped(key, 40)),
                        "1 or more printable ASCII characters");
        }
        charge(sizeof(out_.values[0]) + 64, key);
        const GgufType type = read_type(key);
        GgufValue value;
        value.type = type;
        value.offset = in_.offset();
        if (type == GgufType::array) {
            value.data = read_array(key);
        } else if (type == GgufType::string) {
            value.data = read_string(key, limits_.string_bytes);
        } else {
            read_scalar(value, key);
        }
        out_.values.emplace_back(std::move(key), std::move(value));
    }

    GgufType read_type(std::string_view key) {
        const uint64_t at = in_.offset();
        const uint32_t id = in_.number<uint32_t>(key);
        if (id >= kValueTypes.size()) {
            in_.fail_at(at, key, fmt::format("value type {}", id), "a value type of 0 to 12");
        }
        return static_cast<GgufType>(id);
    }

    void read_scalar(GgufValue& value, std::string_view key) {
        switch (value.type) {
            case GgufType::u8:
                value.data = uint64_t{in_.number<uint8_t>(key)};
                return;
            case GgufType::i8:
                value.data = int64_t{in_.number<int8_t>(key)};
                return;
            case GgufType::u16:
                value.data = uint64_t{in_.number<uint16_t>(key)};
                return;
            case GgufType::i16:
                value.data = int64_t{in_.number<int16_t>(key)};
                return;
            case GgufType::u32:
                value.data = uint64_t{in_.number<uint32_t>(key)};
                return;
            case GgufType::i32:
                value.data = int64_t{in_.number<int32_t>(key)};
                return;
            case GgufType::f32:
                value.data = double{in_.number<float>(key)};
                return;
            case GgufType::boolean:
                value.data = uint64_t{in_.number<uint8_t>(key) != 0 ? 1u : 0u};
                return;
            case GgufType::u64:
                value.data = in_.number<uint64_t>(key);
                return;
            case GgufType::i64:
                value.data = in_.number<int64_t>(key);
                return;
            case GgufType::f64:
                value.data = in_.number<double>(key);
                return;
            case GgufType::string:
            case GgufType::array:
                break;
        }
        CHECK(false, "no scalar: {}", static_cast<int>(value.type));
    }

    GgufArray read_array(std::string_view key) {
        GgufArray array;
        const uint64_t type_at = in_.offset();
        array.element = read_type(key);
        if (array.element == GgufType::array) {
            in_.fail_at(type_at, key, "an array of arrays", "an array of scalars or strings");
        }
        const uint64_t at = in_.offset();
        array.count = in_.number<uint64_t>(key);
        const uint32_t bytes = kValueTypes[static_cast<size_t>(array.element)].bytes;
        check_count(at, key, array.count, limits_.array_elements, bytes == 0 ? 8 : bytes);
        if (array.element == GgufType::string) {
            for (uint64_t i = 0; i < array.count; ++i) {
                charge(2 * sizeof(std::string), key);
                array.strings.push_back(read_string(key, limits_.string_bytes));
            }
        } else {
            charge(array.count * bytes, key);
            array.numbers.resize(array.count * bytes);
            in_.read(array.numbers, key);
        }
        return array;
    }

    void read_alignment() {
        const std::optional<uint32_t> alignment = out_.count("general.alignment");
        if (!alignment) {
            return;
        }
        const uint32_t a = *alignment;
        if (a < limits_.min_alignment || a > limits_.max_alignment || (a & (a - 1)) != 0) {
            out_.fail("general.alignment", fmt::format("{}", a),
                      fmt::format("a power of two from {} to {}", limits_.min_alignment,
                                  limits_.max_alignment));
        }
        out_.alignment = a;
    }

    void read_tensor() {
        GgufTensor tensor;
        tensor.info_offset = in_.offset();
        tensor.name = read_string("tensor name", limits_.tensor_name_bytes);
        if (tensor.name.empty() || !is_printable(tensor.name)) {
            in_.fail_at(tensor.info_offset, "tensor name", fmt::format("'{}'", tensor.name),
                        "1 to 64 printable ASCII characters");
        }
        charge(sizeof(GgufTensor) + 128, tensor.name);
        const uint64_t dims_at = in_.offset();
        tensor.n_dims = in_.number<uint32_t>(tensor.name);
        if (tensor.n_dims < 1 || tensor.n_dims > 4) {
            in_.fail_at(dims_at, tensor.name, fmt::format("{} dimensions", tensor.n_dims),
                        "1 to 4 dimensions");
        }
        for (uint32_t i = 0; i < tensor.n_dims; ++i) {
            const uint64_t at = in_.offset();
            tensor.ne[i] = in_.number<uint64_t>(tensor.name);
            if (tensor.ne[i] == 0 || tensor.ne[i] > INT64_MAX) {
                in_.fail_at(at, tensor.name, fmt::format("dimension {} of {}", i, tensor.ne[i]),
                            "a positive dimension below 2^63");
            }
        }
        read_tensor_type(tensor);
        tensor.offset = in_.number<uint64_t>(tensor.name);
        out_.tensors.push_back(std::move(tensor));
    }

    void read_tensor_type(GgufTensor& tensor) {
        const uint64_t at = in_.offset();
        tensor.type_id = in_.number<uint32_t>(tensor.name);
        const std::optional<TensorType> type = tensor_type(tensor.type_id);
        if (!type) {
            in_.fail_at(at, tensor.name,
                        fmt::format("{} tensor type {}",
                                    is_removed_type(tensor.type_id) ? "the removed" : "the unknown",
                                    tensor.type_id),
                        "a tensor type of the table");
        }
        tensor.type_name = type->name;
        tensor.dtype = type->dtype;
        if (tensor.ne[0] % type->elements != 0) {
            in_.fail_at(at, tensor.name,
                        fmt::format("rows of {} elements in {}", tensor.ne[0], type->name),
                        fmt::format("whole blocks of {}", type->elements));
        }
        const Checked bytes = Checked(tensor.ne[0] / type->elements) * type->bytes * tensor.ne[1] *
                              tensor.ne[2] * tensor.ne[3];
        if (!bytes.fits(INT64_MAX)) {
            in_.fail_at(at, tensor.name,
                        fmt::format("shape [{}, {}, {}, {}]", tensor.ne[0], tensor.ne[1],
                                    tensor.ne[2], tensor.ne[3]),
                        "a size below 2^63 bytes");
        }
        tensor.n_bytes = *bytes.value();
    }

    /// Offsets must be the running padded sum: no hole, no overlap, nothing outside the file.
    void place_tensors() {
        const Checked begin = Checked(in_.offset()).rounded_up(out_.alignment);
        Checked end = begin;
        Checked sum = 0;
        for (GgufTensor& tensor : out_.tensors) {
            const std::optional<uint64_t> expected = sum.value();
            if (!expected || tensor.offset != *expected) {
                in_.fail_at(tensor.info_offset, tensor.name,
                            fmt::format("data offset {}", tensor.offset),
                            expected ? fmt::format("{}, where the tensor before it ends", *expected)
                                     : std::string("a sum of sizes below 2^64"));
            }
            end = begin + sum + tensor.n_bytes;
            if (!end.value()) {
                in_.fail_at(
                    tensor.info_offset, tensor.name,
                    fmt::format("data offset {} and {} bytes", tensor.offset, tensor.n_bytes),
                    "an end below 2^64");
            }
            tensor.offset = *(begin + sum).value();
            sum = (sum + tensor.n_bytes).rounded_up(out_.alignment);
        }
        out_.data_begin = *begin.value();
        if (!out_.tensors.empty() && !end.fits(out_.file_bytes)) {
            report_short_file(*end.value());
        }
    }

    [[noreturn]] void report_short_file(uint64_t needed) const {
        const auto first = std::find_if(out_.tensors.begin(), out_.tensors.end(),
                                        [this](const GgufTensor& tensor) {
                                            return tensor.offset + tensor.n_bytes > out_.file_bytes;
                                        });
        throw base::Error(
            base::ErrorKind::model,
            fmt::format("{}: the file is incomplete: {} of {} bytes; tensor {} at byte {} and what "
                        "follows is missing",
                        base::escaped(out_.file), out_.file_bytes, needed, first->name,
                        first->offset),
            "Download the file again; half a download looks like this.");
    }

    ByteReader in_;
    const Limits& limits_;
    Gguf out_;
    uint64_t n_tensors_ = 0;
    uint64_t n_kvs_ = 0;
    uint64_t heap_ = 0;
};

}  // namespace

Gguf parse_gguf(const ByteSource& source, const Limits& limits) {
    return Parser(source, limits).parse();
}

std::string_view gguf_type_name(GgufType type) {
    return kValueTypes[static_cast<size_t>(type)].name;
}

}  // namespace model
