// A recording: one sequence of tokens with the attention of every layer and head, what was expected
// after each of them, and the read-out after each layer, in one SQLite file that is looked at
// without model and without device. Schema number in user_version; 1 had no steps, 2 no lens_mid,
// 3 no bytes of texts.
//
//   meta(key, value)   "info": the model, JSON; "text": what was read; "program"; since 2
//                      "sequence": whose it is, JSON; "turns": the conversation, JSON
//   tokens(position, id, text, bytes, control, facts)   facts: logprob, rank, entropy, top; JSON
//   texts(id, text, bytes)   of every id that occurs: display text, exact bytes where known
//   rows(layer, position, first_key, n_keys, data)      log16 as in model::LiveRows: f32 max and
//                                                       lse [n_heads], u16 [n_heads, n_keys]
//   steps(position, next, stages, lens_ids)             next: f64 rest, then i32 id, f32 logprob
//                                                       each; stages: u32 stage, n_left, n, f64
//                                                       other, then i32 id, f32 logit, f32 p each;
//                                                       lens_ids: i32
//   lens(position, layer, top, asked)                   top: as next; asked: f32 per lens id
//   lens_mid                                            the same, of resid_mid; may be empty
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "app/engine/messages.h"
#include "app/output_file.h"
#include "model/capture.h"
#include "model/chat.h"

namespace app {

inline constexpr const char* kRecordingEnding = ".lapidary";

/// Of the row of one position: what was expected to follow it, in the end and after each layer.
struct RecordedStep {
    KeptDistribution next;
    std::vector<TokenId> lens_ids;  // that the lens tells of beside its likeliest
    std::vector<LensAnswer> lens;   // one per layer, of resid_post
    /// The same of resid_mid. None: schema 2 or less, or it could not be computed.
    std::vector<LensAnswer> lens_mid;
};

struct Recording {
    ModelInfo info;          // token_texts: of the ids that occur; others are empty
    std::string model_hash;  // "xxh64:0123456789abcdef" of its files; empty: not known
    std::string text;        // what the tokens were read from, or the last question
    std::string program;     // that wrote it: "Lapidary 0.1.0"
    /// The conversation before `text`: system prompt, questions and answers.
    std::vector<model::Turn> before;
    /// Tokens from here on are the model's answer, drawn with `sampling`; as many as there are
    /// tokens: nothing was drawn.
    uint32_t answer_begin = 0;
    model::SamplingParams sampling;  // with the seed
    FinishReason finish = FinishReason::length;
    Stats stats;
    std::vector<TokenInfo> tokens;
    /// Rows of all layers of each position, in order: [tokens]. The last token of an answer has
    /// been drawn but not been through the model: it has no rows.
    std::vector<std::shared_ptr<const model::Capture>> captures;
    std::vector<RecordedStep> steps;  // one per position with rows; none: schema 1

    bool drawn() const { return answer_begin < tokens.size(); }
    /// Positions with rows.
    uint32_t n_rows() const;
};

/// By its first bytes; false for everything that cannot be read.
bool is_recording(const std::string& path);

/// Written beside `path`, which it takes as a whole. Throws base::Error(runtime), also where a file
/// that is to be kept has this name.
void write_recording(const Recording& recording, const std::string& path,
                     Existing existing = Existing::replaced);
/// Throws base::Error(model) for a file that is none, is cut or spoilt, or comes from a newer
/// program. The file is never written to.
Recording read_recording(const std::string& path);

}  // namespace app
