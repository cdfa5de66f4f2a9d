// ModelSource: an opened model on disk, whatever its format: configuration, tokenizer data and a
// list of tensors whose bytes can be read. Opening checks everything that can be checked without
// reading the weights; nothing is copied to the GPU here.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "model/config.h"
#include "model/dtype.h"

namespace model {

/// What a file says of its tokenizer (spec 4.5, 6). Types as in GGUF: 1 normal, 2 unknown,
/// 3 control, 4 user-defined, 5 unused, 6 byte.
struct TokenizerData {
    std::vector<std::string> pieces;
    std::vector<float> scores;   // empty, or one per piece
    std::vector<int32_t> types;  // empty, or one per piece
    int32_t bos_id = 2, eos_id = 1, unk_id = 3, pad_id = 0;
    std::vector<int32_t> stop_ids;  // eot_token_id, generation_config's eos list; may be empty
    std::string chat_template;      // searched for its marker, never executed; may be empty
};

/// One weight tensor under its GGUF name (spec 4.6), whatever the source's own name was.
struct SourceTensor {
    std::string name;  // "blk.3.attn_q.weight"
    DType dtype = DType::f32;
    uint32_t rows = 0;  // [rows, cols]; a vector has rows == 1
    uint32_t cols = 0;
    uint32_t file = 0;    // index into the source's files
    uint64_t offset = 0;  // from the start of that file
    uint64_t n_bytes = 0;
    bool add_one = false;  // norm gain stored as w; the effective gain is 1 + w (safetensors)
};

/// Sampling values a file asks for (general.sampling.* or generation_config.json); NaN / -1: none.
struct SamplingHints {
    float temperature = -1, top_p = -1;
    int32_t top_k = -1;
};

class ModelSource {
public:
    virtual ~ModelSource() = default;

    Config config;
    TokenizerData tokenizer;
    SamplingHints sampling;
    std::vector<SourceTensor> tensors;
    /// Key and printable value of the file's metadata, in file order, for `info`.
    std::vector<std::pair<std::string, std::string>> metadata;
    std::vector<std::string> notices;   // corrections, missing keys, extra rows
    std::string path;                   // what was opened
    std::vector<std::string> parts;     // the files that hold the weights, in their order
    std::string format;                 // "GGUF v3", "safetensors"
    std::string name;                   // display name
    uint64_t file_bytes = 0;            // all files together
    bool bf16_embedding_scale = false;  // default of --emb-scale (spec 2.2): true for safetensors

    const SourceTensor* find(std::string_view tensor_name) const;

    /// Copy bytes [offset, offset + dst.size()) of a tensor into dst. A file that was cut or
    /// replaced meanwhile throws base::Error(model). Safe to call from several threads.
    virtual void read(const SourceTensor& tensor, uint64_t offset,
                      std::span<std::byte> dst) const = 0;

    /// All elements as f32 (dequantized by quant.h, 1 added where add_one).
    std::vector<float> read_f32(const SourceTensor& tensor) const;
};

/// Open a GGUF file (also the first part of a split one) or a Hugging Face folder (or a file in
/// it). Throws base::Error(model) naming file, field, offset, value and broken limit.
std::unique_ptr<ModelSource> open_model(const std::string& path);

}  // namespace model
