// Any vocabulary: refused with an error, or it tokenizes as the plain twin does.
// Input: a small valid vocabulary is changed and lengthened by records of four bytes and a text
// (what to do, which token, type, length).
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>

#include "gpu/base.h"
#include "model/sentencepiece_proto.h"
#include "model/tokenizer.h"
#include "tests/support/plain_bpe.h"
#include "tests/support/vocabularies.h"

namespace {

using namespace model;

TokenizerData small_vocabulary() {
    TokenizerData data;
    const auto add = [&](std::string piece, int32_t type) {
        data.pieces.push_back(std::move(piece));
        data.types.push_back(type);
        data.scores.push_back(0);
    };
    for (const char* piece : {"<pad>", "<eos>", "<bos>"}) {
        add(piece, support::kControlType);
    }
    add("<unk>", support::kUnknownType);
    add("▁", support::kNormalType);
    for (uint32_t byte = 0; byte < 256; ++byte) {
        add(fmt::format("<0x{:02X}>", byte), support::kByteType);
    }
    return data;
}

struct Record {
    uint8_t action, index, type;
    std::string text;
};

void apply(TokenizerData& data, const Record& record) {
    const size_t at = record.index % data.pieces.size();
    switch (record.action % 8) {
        case 0:
            data.pieces[at] = record.text;
            break;
        case 1:
            if (!data.types.empty()) {
                data.types[at % data.types.size()] = static_cast<int8_t>(record.type);
            }
            break;
        case 2:
            if (!data.scores.empty() && record.text.size() >= 4) {
                std::memcpy(&data.scores[at % data.scores.size()], record.text.data(), 4);
            }
            break;
        case 3:
            data.bos_id = record.index - 1;
            data.eos_id = record.type - 1;
            break;
        default:
            data.pieces.push_back(record.text);
            if (!data.types.empty()) {
                data.types.push_back(record.type % 6 + 1);
            }
            if (!data.scores.empty()) {
                data.scores.push_back(-static_cast<float>(record.index));
            }
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
    TokenizerData data = small_vocabulary();
    std::string text = "user\n<bos> ab";
    while (size >= 4) {
        const size_t length = std::min<size_t>(bytes[3], size - 4);
        Record record{bytes[0], bytes[1], bytes[2],
                      std::string(reinterpret_cast<const char*>(bytes) + 4, length)};
        bytes += 4 + length;
        size -= 4 + length;
        text += record.text;
        apply(data, record);
    }
    const Config config = support::config_for(data);
    try {
        const Tokenizer tokenizer(data, config);
        const std::vector<TokenId> ids = tokenizer.encode(text);
        for (const TokenId id : ids) {
            CHECK(tokenizer.kind(id) != TokenKind::control);
            CHECK(tokenizer.kind(id) != TokenKind::unknown);
        }
        const Vocabulary vocabulary = make_vocabulary(data, config);
        if (std::find(vocabulary.kinds.begin(), vocabulary.kinds.end(), TokenKind::unused) ==
            vocabulary.kinds.end()) {
            CHECK(tokenizer.decode(ids) == support::with_spaces(text));
            CHECK(ids == support::PlainBpe(vocabulary).encode(text));
        }
    } catch (const base::Error&) {  // refused, which is what most of these deserve
    }
    return 0;
}
