// Tiny random models, written as GGUF or as a Hugging Face folder with the same numbers in both.
//
//   support::TinyOptions options;                       // gemma3, d 64, 7 layers, F32
//   options.config = support::tiny_config(model::Architecture::gemma3, {.hidden_size = 256,
//                                                                       .intermediate_size = 512});
//   options.matrices = model::DType::q4_k;              // row lengths must be whole blocks
//   const support::TinyModel tiny = support::make_tiny(options);
//   support::write_hf_folder(tiny, folder, {});         // hf_writer.h; dequantized where needed
//   support::write_gguf(tiny, path);                    // or to_gguf(tiny): fields to break
//
// The same options give the same bytes on every machine.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "model/config.h"
#include "model/source.h"
#include "tests/support/gguf_writer.h"

namespace support {

struct TinySizes {
    uint32_t hidden_size = 64;
    uint32_t intermediate_size = 160;
    uint32_t num_hidden_layers = 0;  // 0: 2 for gemma, 4 for gemma2, 7 for gemma3
    uint32_t num_attention_heads = 4;
    uint32_t num_key_value_heads = 0;  // 0: 1, for gemma2 2
    uint32_t head_dim = 32;
    uint32_t vocab_size = 512;  // at least 384
    uint32_t sliding_window = 8;
    uint32_t max_position_embeddings = 1024;
};

/// A valid configuration: caps, windows, RoPE bases and norms as the generation has them.
model::Config tiny_config(model::Architecture architecture, TinySizes sizes = {});

/// A plausible Gemma vocabulary: <pad> <eos> <bos> <unk> at 0..3, <start_of_turn> and <end_of_turn>
/// (control) at 4 and 5, newline and space runs (user-defined), 256 byte pieces, learned pieces
/// that really merge, unused ones up to n. Space runs are spelled with U+2581.
model::TokenizerData tiny_tokenizer(uint32_t n_pieces);

struct TinyOptions {
    model::Config config = tiny_config(model::Architecture::gemma3);
    /// Of all matrices, then of single tensors by GGUF name; norm gains are always F32.
    model::DType matrices = model::DType::f32;
    std::map<std::string, model::DType> types;
    uint64_t seed = 1;
    bool chat_template = true;
    /// Rows of the embedding that have no token, behind the others.
    uint32_t extra_rows = 0;
};

struct TinyTensor {
    std::string name;  // GGUF name
    model::DType dtype = model::DType::f32;
    uint32_t rows = 0;
    uint32_t cols = 0;
    Bytes data;               // as in the file; of a norm: the gain 1 + w
    std::vector<float> norm;  // of a norm: w
};

struct TinyModel {
    model::Config config;
    model::TokenizerData tokenizer;
    std::vector<TinyTensor> tensors;

    const TinyTensor& tensor(const std::string& name) const;
    /// Values as f32, rows x cols; the gain for norms.
    std::vector<float> values(const std::string& name) const;
};

TinyModel make_tiny(const TinyOptions& options);

/// n random valid blocks whose values have about this root mean square.
Bytes random_blocks(model::DType dtype, uint64_t n_elements, float rms, uint64_t seed);

GgufFile to_gguf(const TinyModel& tiny);
void write_gguf(const TinyModel& tiny, const std::string& path);
/// n parts as llama.cpp splits them: folder/name-00001-of-0000n.gguf and so on. Returns the first.
std::string write_split_gguf(const TinyModel& tiny, const std::string& folder,
                             const std::string& name, uint32_t n_parts);

}  // namespace support
