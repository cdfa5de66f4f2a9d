// tokenizer.model: a sentencepiece ModelProto, read by our own bounded reader (spec 6.4). The
// library behind Tokenizer only ever sees a proto that we wrote ourselves.
#include <bit>

#include "model/file_error.h"
#include "model/tokenizer_files.h"

namespace model {

namespace {

/// One field of a protobuf message.
struct Field {
    uint64_t number = 0;
    uint32_t wire = 0;                 // 0 varint, 1 fixed64, 2 bytes, 5 fixed32
    uint64_t value = 0;                // of a number
    std::span<const std::byte> bytes;  // of a string or message
    uint64_t offset = 0;               // of the field in the file
};

/// Reads fields of one message; submessages get a reader of their own.
class Proto {
public:
    Proto(std::span<const std::byte> bytes, uint64_t base, const std::string& name)
        : bytes_(bytes), base_(base), name_(name) {}

    /// False at the end of the message.
    bool next(Field& field) {
        if (at_ == bytes_.size()) {
            return false;
        }
        field = {};
        field.offset = base_ + at_;
        const uint64_t tag = varint();
        field.number = tag >> 3;
        field.wire = static_cast<uint32_t>(tag & 7);
        if (field.number == 0 || field.number > (1u << 29) - 1) {
            fail(field.offset, fmt::format("field number {}", field.number), "1 to 536870911");
        }
        switch (field.wire) {
            case 0:
                field.value = varint();
                break;
            case 1:
                field.value = fixed(8);
                break;
            case 2:
                field.bytes = slice();
                break;
            case 5:
                field.value = fixed(4);
                break;
            default:
                fail(field.offset, fmt::format("wire type {}", field.wire), "0, 1, 2 or 5");
        }
        return true;
    }

    Proto message(const Field& field) const { return Proto(field.bytes, field.offset, name_); }

    [[noreturn]] void fail(uint64_t offset, std::string_view found,
                           std::string_view expected) const {
        refuse(name_, "protobuf", offset, found, expected);
    }

    void expect(const Field& field, uint32_t wire, std::string_view what) const {
        if (field.wire != wire) {
            fail(field.offset, fmt::format("wire type {} for {}", field.wire, what),
                 fmt::format("{}", wire));
        }
    }

private:
    uint64_t varint() {
        uint64_t value = 0;
        for (uint32_t i = 0; i < 10; ++i) {
            if (at_ == bytes_.size()) {
                fail(base_ + at_, "the end of the data", "the rest of a varint");
            }
            const uint64_t byte = std::to_integer<uint64_t>(bytes_[at_++]);
            if (i == 9 && byte > 1) {
                break;
            }
            value |= (byte & 127) << (7 * i);
            if (byte < 128) {
                return value;
            }
        }
        fail(base_ + at_, "a varint of more than 64 bits", "at most 64 bits");
    }

    uint64_t fixed(uint32_t n) {
        if (bytes_.size() - at_ < n) {
            fail(base_ + at_, fmt::format("{} bytes left", bytes_.size() - at_),
                 fmt::format("{} bytes", n));
        }
        uint64_t value = 0;
        for (uint32_t i = 0; i < n; ++i) {
            value |= std::to_integer<uint64_t>(bytes_[at_++]) << (8 * i);
        }
        return value;
    }

    std::span<const std::byte> slice() {
        const uint64_t length = varint();
        if (length > bytes_.size() - at_) {
            fail(base_ + at_, fmt::format("a length of {}", length),
                 fmt::format("at most {}, the bytes left", bytes_.size() - at_));
        }
        const std::span<const std::byte> bytes = bytes_.subspan(at_, length);
        at_ += length;
        return bytes;
    }

    std::span<const std::byte> bytes_;
    uint64_t base_;
    const std::string& name_;
    size_t at_ = 0;
};

std::string text_of(const Field& field) {
    return std::string(reinterpret_cast<const char*>(field.bytes.data()), field.bytes.size());
}

struct TrainerSpec {
    uint64_t model_type = 1;  // sentencepiece's own defaults
    bool byte_fallback = false;
    int32_t unk_id = 0, bos_id = 1, eos_id = 2, pad_id = -1;
};

int32_t id_of(const Proto& proto, const Field& field) {
    proto.expect(field, 0, "a token id");
    // Negative ids are varints of 64 bits.
    const int64_t id = std::bit_cast<int64_t>(field.value);
    if (id < -1 || id > INT32_MAX) {
        proto.fail(field.offset, fmt::format("token id {}", id), "-1 to 2147483647");
    }
    return static_cast<int32_t>(id);
}

TrainerSpec read_trainer(Proto proto) {
    TrainerSpec spec;
    for (Field field; proto.next(field);) {
        switch (field.number) {
            case 3:
                proto.expect(field, 0, "model_type");
                spec.model_type = field.value;
                break;
            case 35:
                proto.expect(field, 0, "byte_fallback");
                spec.byte_fallback = field.value != 0;
                break;
            case 40:
                spec.unk_id = id_of(proto, field);
                break;
            case 41:
                spec.bos_id = id_of(proto, field);
                break;
            case 42:
                spec.eos_id = id_of(proto, field);
                break;
            case 43:
                spec.pad_id = id_of(proto, field);
                break;
            default:
                break;
        }
    }
    return spec;
}

/// Gemma's text goes to the pieces as it is; whatever would change it is refused.
void check_normalizer(Proto proto, const std::string& name) {
    bool dummy_prefix = true;
    bool remove_whitespace = true;
    bool escape = true;
    for (Field field; proto.next(field);) {
        if (field.number == 2) {
            proto.expect(field, 2, "precompiled_charsmap");
            if (!field.bytes.empty()) {
                refuse(name, "precompiled_charsmap", field.offset,
                       fmt::format("{} bytes", field.bytes.size()),
                       "none: Gemma does not normalize text");
            }
        } else if (field.number >= 3 && field.number <= 5) {
            proto.expect(field, 0, "a switch of the normalizer");
            (field.number == 3   ? dummy_prefix
             : field.number == 4 ? remove_whitespace
                                 : escape) = field.value != 0;
        }
    }
    if (dummy_prefix || remove_whitespace || !escape) {
        refuse(name, "normalizer_spec",
               fmt::format("add_dummy_prefix {}, remove_extra_whitespaces {}, escape_whitespaces "
                           "{}",
                           dummy_prefix, remove_whitespace, escape),
               "false, false, true as in every Gemma");
    }
}

void read_piece(Proto proto, TokenizerData& data) {
    std::string piece;
    float score = 0;
    uint64_t type = 1;
    for (Field field; proto.next(field);) {
        if (field.number == 1) {
            proto.expect(field, 2, "a piece");
            piece = text_of(field);
        } else if (field.number == 2) {
            proto.expect(field, 5, "a score");
            score = std::bit_cast<float>(static_cast<uint32_t>(field.value));
        } else if (field.number == 3) {
            proto.expect(field, 0, "a piece type");
            type = field.value;
            if (type < 1 || type > 6) {
                proto.fail(field.offset, fmt::format("piece type {}", type), "1 to 6");
            }
        }
    }
    data.pieces.push_back(std::move(piece));
    data.scores.push_back(score);
    data.types.push_back(static_cast<int32_t>(type));
}

}  // namespace

TokenizerData parse_tokenizer_model(std::span<const std::byte> bytes, const std::string& name,
                                    const Limits& limits) {
    if (bytes.size() > limits.tokenizer_model_bytes) {
        refuse(name, "file size", fmt::format("{} bytes", bytes.size()),
               fmt::format("at most {}", limits.tokenizer_model_bytes));
    }
    TokenizerData data;
    TrainerSpec trainer;
    bool has_normalizer = false;
    Proto proto(bytes, 0, name);
    for (Field field; proto.next(field);) {
        if (field.number == 1) {
            proto.expect(field, 2, "a piece");
            if (data.pieces.size() >= limits.n_pieces) {
                proto.fail(field.offset, fmt::format("more than {} pieces", limits.n_pieces),
                           fmt::format("at most {}", limits.n_pieces));
            }
            read_piece(proto.message(field), data);
        } else if (field.number == 2) {
            proto.expect(field, 2, "trainer_spec");
            trainer = read_trainer(proto.message(field));
        } else if (field.number == 3) {
            proto.expect(field, 2, "normalizer_spec");
            check_normalizer(proto.message(field), name);
            has_normalizer = true;
        }
    }
    if (data.pieces.empty()) {
        refuse(name, "pieces", "none", "a sentencepiece model");
    }
    if (trainer.model_type != 2 || !trainer.byte_fallback || !has_normalizer) {
        refuse(
            name, "trainer_spec",
            fmt::format("model_type {}, byte_fallback {}, normalizer_spec {}", trainer.model_type,
                        trainer.byte_fallback, has_normalizer ? "there" : "missing"),
            "BPE (2) with byte_fallback and a normalizer_spec");
    }
    data.unk_id = trainer.unk_id;
    data.bos_id = trainer.bos_id;
    data.eos_id = trainer.eos_id;
    data.pad_id = trainer.pad_id;
    check_tokenizer(data, name, limits);
    return data;
}

}  // namespace model
