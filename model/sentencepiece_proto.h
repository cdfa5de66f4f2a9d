// The ModelProto that the sentencepiece library loads (spec 6.4). The library never sees bytes of a
// file, only what make_vocabulary has checked and this writes.
#pragma once

#include <string>

#include "model/vocabulary.h"

namespace model {

/// sentencepiece.ModelProto: BPE with byte fallback and no normalization but " " -> "▁".
std::string write_model_proto(const Vocabulary& vocabulary);

}  // namespace model
