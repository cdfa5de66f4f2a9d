// Writes Hugging Face folders with the numbers of a TinyModel, whole or with one thing broken.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "tests/support/model_writer.h"

namespace support {

struct HfTensor {
    std::string name;
    std::string dtype;  // "BF16"
    std::vector<uint64_t> shape;
    Bytes data;
};

/// Header (as JSON, padded with spaces) and data of a safetensors file.
Bytes safetensors_bytes(const std::vector<HfTensor>& tensors);
/// The same with a header of your own.
Bytes safetensors_bytes(const std::string& header, const Bytes& data);

/// Tensors under their Hugging Face names. Matrices keep F32, F16 and BF16; blocks become F32 with
/// the same values. Norms hold w (the GGUF file holds 1 + w).
std::vector<HfTensor> hf_tensors(const TinyModel& tiny, const std::string& prefix = "model.");

/// config.json as text; flat, or with the text part under text_config.
std::string config_json(const TinyModel& tiny, bool multimodal = false);
/// A sentencepiece ModelProto.
Bytes tokenizer_model(const model::TokenizerData& data);
/// A tokenizer.json with a BPE model.
std::string tokenizer_json(const model::TokenizerData& data);

struct HfOptions {
    uint32_t n_shards = 1;        // above 1: an index too
    bool json_tokenizer = false;  // else tokenizer.model
    bool multimodal = false;      // text_config, language_model. names, one vision tensor
};

/// Writes into an existing folder.
void write_hf_folder(const TinyModel& tiny, const std::string& folder,
                     const HfOptions& options = {});

}  // namespace support
