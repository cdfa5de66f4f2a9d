#include "model/sentencepiece_proto.h"

#include <bit>
#include <string_view>

#include "gpu/base.h"

namespace model {
namespace {

// Protocol buffers: each field is a key (number << 3 | wire type) and a payload.
class ProtoWriter {
public:
    void varint_field(uint32_t number, uint64_t value) {
        varint(number << 3 | 0);
        varint(value);
    }

    void bytes_field(uint32_t number, std::string_view value) {
        varint(number << 3 | 2);
        varint(value.size());
        out_ += value;
    }

    void float_field(uint32_t number, float value) {
        varint(number << 3 | 5);
        const auto bits = std::bit_cast<uint32_t>(value);
        for (int shift = 0; shift < 32; shift += 8) {
            out_ += static_cast<char>(bits >> shift & 0xFF);
        }
    }

    /// int32 fields hold negative numbers sign-extended to 64 bits.
    void int_field(uint32_t number, int32_t value) {
        varint_field(number, static_cast<uint64_t>(static_cast<int64_t>(value)));
    }

    void reserve(size_t n_bytes) { out_.reserve(n_bytes); }
    void clear() { out_.clear(); }
    const std::string& bytes() const { return out_; }
    std::string take() { return std::move(out_); }

private:
    void varint(uint64_t value) {
        for (; value >= 0x80; value >>= 7) {
            out_ += static_cast<char>((value & 0x7F) | 0x80);
        }
        out_ += static_cast<char>(value);
    }

    std::string out_;
};

// Field numbers of sentencepiece_model.proto.
void write_trainer_spec(ProtoWriter& proto, const Vocabulary& vocabulary) {
    constexpr uint64_t kBpe = 2;
    const auto text = [&](TokenId id) -> std::string_view { return vocabulary.pieces[id]; };
    ProtoWriter spec;
    spec.varint_field(3, kBpe);
    spec.varint_field(4, vocabulary.pieces.size());
    spec.varint_field(35, 1);  // byte_fallback
    spec.int_field(40, vocabulary.unk);
    spec.int_field(41, vocabulary.bos);
    spec.int_field(42, vocabulary.eos);
    spec.int_field(43, vocabulary.pad);
    // Without these the library takes "<s>" and "</s>", which are HTML tags in Gemma's vocabulary.
    spec.bytes_field(45, text(vocabulary.unk));
    spec.bytes_field(46, text(vocabulary.bos));
    spec.bytes_field(47, text(vocabulary.eos));
    if (vocabulary.pad >= 0) {
        spec.bytes_field(48, text(vocabulary.pad));
    }
    proto.bytes_field(2, spec.bytes());
}

void write_normalizer_spec(ProtoWriter& proto) {
    ProtoWriter spec;
    spec.bytes_field(1, "identity");
    spec.varint_field(3, 0);  // add_dummy_prefix
    spec.varint_field(4, 0);  // remove_extra_whitespaces
    spec.varint_field(5, 1);  // escape_whitespaces
    proto.bytes_field(3, spec.bytes());
}

}  // namespace

std::string write_model_proto(const Vocabulary& vocabulary) {
    size_t n_bytes = 256;
    for (const std::string& piece : vocabulary.pieces) {
        n_bytes += piece.size() + 16;
    }
    ProtoWriter proto;
    proto.reserve(n_bytes);
    ProtoWriter message;
    for (size_t id = 0; id < vocabulary.pieces.size(); ++id) {
        message.clear();
        message.bytes_field(1, vocabulary.pieces[id]);
        message.float_field(2, vocabulary.scores[id]);
        // The library numbers the types as GGUF does, from 1.
        message.varint_field(3, static_cast<uint64_t>(vocabulary.kinds[id]) + 1);
        proto.bytes_field(1, message.bytes());
    }
    write_trainer_spec(proto, vocabulary);
    write_normalizer_spec(proto);
    return proto.take();
}

}  // namespace model
