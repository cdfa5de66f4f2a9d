// A recording: one sequence of tokens with the attention of every layer and head, in one SQLite
// file that is looked at without model and without device. Schema number in user_version.
//
//   meta(key, value)   "info": the model, JSON; "text": what was read; "program"
//   tokens(position, id, text, bytes, control, facts)   facts: logprob, rank, entropy, top; JSON
//   texts(id, text)    display text of every id that occurs
//   rows(layer, position, first_key, n_keys, data)      log16 as in model::LiveRows: f32 max and
//                                                       lse [n_heads], u16 [n_heads, n_keys]
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "app/messages.h"
#include "model/capture.h"

namespace app {

inline constexpr const char* kRecordingEnding = ".lapidary";

struct Recording {
    ModelInfo info;       // token_texts: of the ids that occur; others are empty
    std::string text;     // what the tokens were read from
    std::string program;  // that wrote it: "Lapidary 0.1.0"
    std::vector<TokenInfo> tokens;
    /// Rows of all layers of each position, in order: [tokens].
    std::vector<std::shared_ptr<const model::Capture>> captures;
};

/// By its first bytes; false for everything that cannot be read.
bool is_recording(const std::string& path);

/// Written beside `path`, then renamed. Throws base::Error(runtime).
void write_recording(const Recording& recording, const std::string& path);
/// Throws base::Error(model) for a file that is none, is cut or spoilt, or comes from a newer
/// program. The file is never written to.
Recording read_recording(const std::string& path);

}  // namespace app
