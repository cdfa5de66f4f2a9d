// Command and Event: the whole contract between the window's thread and the engine's thread.
// Plain data; payloads are immutable once sent. Includes no GPU and no UI header.
// long file: the whole contract, to be read in one place.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "app/engine/attention_tiles.h"
#include "app/engine/no_room.h"
#include "model/capture.h"
#include "model/chat.h"
#include "model/sampler.h"

namespace app {

using model::TokenId;
using RequestId = uint64_t;

struct FoundModel;  // app/library/discovery.h
struct Recording;   // app/recordings/recording.h

// ---- commands: UI -> engine ----

struct LoadModel {
    RequestId id = 0;
    std::string path;    // empty: the shipped model
    std::string device;  // selector; empty: best
    uint32_t n_ctx = 0;  // 0: default
    std::string type_k = "f16", type_v = "f16";
    bool device_optional = false;  // where `device` is not there, the best one will do
    bool anyway = false;           // also where the device's memory will not do
    /// For the alternatives where it will not; may be null.
    std::shared_ptr<const std::vector<FoundModel>> known_models;
};
struct CancelLoad {
    RequestId id = 0;
};
struct UnloadModel {};

struct TopToken {
    TokenId id = 0;
    std::string text;  // display form
    float logprob = 0;
};

/// One position of the sequence. logprob, rank, entropy, top: of the distribution this token was
/// drawn from (that is, after the row position - 1); NaN / -1 / empty where there is none (position
/// 0) or it was not computed.
struct TokenInfo {
    uint32_t position = 0;
    TokenId id = 0;
    std::string text;   // display form: "·hello", "↵×2", "<0xE2>", "<end_of_turn>"
    std::string bytes;  // exact bytes; empty for control tokens
    bool control = false;
    float logprob = 0;
    int32_t rank = -1;
    float entropy = 0;
    std::vector<TopToken> top;
};

/// Answer a conversation (turns), or continue exact ids (tokens not empty: branches, completion).
/// Branch: tokens = ids before n + the chosen id. The prefix shared with the cache is reused.
/// A text that is only read (text not empty): BOS and its tokens without any frame, as `score`
/// does.
struct Generate {
    RequestId id = 0;
    std::vector<model::Turn> turns;
    std::vector<TokenId> tokens;
    std::string text;
    std::vector<TokenId> answer;  // with turns: the answer begins with these,
    std::string answer_text;      // or with this text
    /// With turns that do not fit: leave out the oldest ones, never the system prompt nor the last.
    bool drop_oldest = false;
    model::SamplingParams sampling;
    int32_t max_tokens = -1;   // -1: until a stop or the context is full
    bool score_prompt = true;  // also surprise, rank and entropy of every prompt token
    /// What the asker has been told of these tokens; taken as far as the ids are the prompt's. So a
    /// sequence that is computed again without scores leaves none out for the one that shares it.
    std::vector<TokenInfo> known;
};
struct Stop {
    RequestId id = 0;
};
struct SetCapture {
    model::CaptureSpec spec;
};

/// Questions about the sequence in the cache. The newest request of a kind wins; older ones that
/// have not run are dropped without an answer.
///   thumbnails    all heads of a layer, pooled
///   tile, row     cells; of a row n_queries = 0 is one query, n_keys = 0 all keys up to it
///   distribution, lens   of the row `position`
///   pyramid       `tiles` in this order, one answer each (n_left of the last: 0)
///   sink          the weights on key 0 of queries [0, n_queries): a tile of one column
///   values        of a head, for every key: norm of what it adds (Session::value_norms)
///   heads         share of every head in rows [query_begin, query_begin + n_queries)
enum class InspectKind : uint8_t {
    thumbnails,
    tile,
    row,
    distribution,
    lens,
    pyramid,
    sink,
    values,
    heads,
};
constexpr size_t kInspectKinds = 9;
struct Inspect {
    RequestId id = 0;
    InspectKind kind = InspectKind::tile;
    uint32_t layer = 0, head = 0;
    uint32_t query_begin = 0, n_queries = 0, key_begin = 0, n_keys = 0;  // tile, row (query_begin)
    uint32_t position = 0;       // distribution, lens: of the row (predicts position + 1)
    std::vector<TokenId> ids;    // lens: ids to report beside the top ones
    bool mid = false;            // lens: of resid_mid, between attention and MLP, not resid_post
    std::vector<TileKey> tiles;  // pyramid
};
/// The older one need not be answered any more: of thumbnails the newest of a layer, else the
/// newest of a kind wins.
inline bool replaces(const Inspect& newer, const Inspect& older) {
    return newer.kind == older.kind &&
           (newer.kind != InspectKind::thumbnails || newer.layer == older.layer);
}
/// Write the sequence in the cache as a recording: the draft says whose it is (text, turns, tokens,
/// settings), the engine adds the rows of every layer and head, the distributions, the lens and the
/// model's hash. Worked on while nothing else is asked; Stop{id} ends it.
struct Record {
    RequestId id = 0;
    std::string path;  // nothing may lie there yet
    std::shared_ptr<Recording> draft;
};
struct Shutdown {};

using Command = std::variant<LoadModel, CancelLoad, UnloadModel, Generate, Stop, SetCapture,
                             Inspect, Record, Shutdown>;

// ---- events: engine -> UI ----

struct LayerInfo {
    uint32_t window = 0;  // 0: global
    double rope_theta = 0, rope_factor = 1;
    uint32_t kv_capacity = 0;  // positions that its part of the cache holds; 0: not known
    uint64_t kv_bytes = 0;     // of its keys and values
};

struct ModelInfo {
    std::string path, name, format, quant;  // quant: "Q4_K_M", "F16", or "mixed"
    std::string architecture;
    uint64_t n_params = 0, file_bytes = 0, weight_bytes = 0, kv_bytes = 0;
    uint32_t n_layers = 0, n_heads = 0, n_kv_heads = 0, head_dim = 0, hidden_size = 0;
    uint32_t vocab_size = 0, n_ctx = 0, n_ctx_train = 0;
    float attn_softcap = 0, final_softcap = 0;
    std::vector<LayerInfo> layers;
    bool base_model = false;  // asked in a Question / Answer frame; the window says so
    bool shipped = false;
    bool replayed = false;                // out of a recording: nothing can be computed
    std::string model_hash, recorded_by;  // of a recording
    model::SamplingParams sampling;       // this model's defaults
    std::string device_name, device_uuid, device_driver, device_why;
    std::string device_warning;     // why this is not the device one would expect; empty: it is
    bool device_stands_in = false;  // for one that was chosen and is not there
    bool device_is_cpu = false;
    std::vector<std::string> notices;
    /// Display text of every token id, for search and lists, and its exact bytes, for exports;
    /// nothing in those that a recording does not know.
    std::shared_ptr<const std::vector<std::string>> token_texts;
    std::shared_ptr<const std::vector<std::optional<std::string>>> token_bytes;
    std::optional<std::string> bytes_of(TokenId id) const {
        return token_bytes && id >= 0 && size_t(id) < token_bytes->size()
                   ? (*token_bytes)[size_t(id)]
                   : std::nullopt;
    }
};

/// `total` 0: not known beforehand. In the last two stages `done` counts the kernels made so far;
/// the first start on a device compiles them and takes seconds, later ones read them.
struct LoadProgressed {
    RequestId id = 0;
    std::string stage;
    uint64_t done = 0, total = 0;
};
inline constexpr char kSelfTestStage[] = "self-test of the device", kKernelStage[] = "kernels";
struct ModelReady {
    RequestId id = 0;
    std::shared_ptr<const ModelInfo> info;
};
struct ModelUnloaded {};

/// The prompt as ids (sent before prefill starts; without scores), and again, complete with
/// logprob, rank, entropy and top, when it has been computed (scored = true).
struct PromptReady {
    RequestId id = 0;
    std::vector<TokenInfo> tokens;
    uint32_t n_reused = 0;
    bool scored = false;
    uint32_t answer_begin = 0;     // with turns: where the answer begins; else 0
    uint32_t n_dropped_turns = 0;  // oldest turns that were left out
};
struct PrefillProgressed {
    RequestId id = 0;
    uint32_t done = 0, total = 0;
};
struct TokenReady {
    RequestId id = 0;
    TokenInfo token;
    std::string text;   // text that became complete with this token (whole UTF-8), may be empty
    bool stop = false;  // a stop token: in the strip, not in the answer
};
struct CaptureReady {
    RequestId id = 0;
    std::shared_ptr<const model::Capture> capture;
};

struct LensAnswer {
    uint32_t layer = 0;
    std::vector<TopToken> top;
    std::vector<float> asked;
};
/// What a recording keeps of the distribution of one row: its likeliest tokens, best first, and
/// what all others weigh together.
struct KeptDistribution {
    std::vector<TokenId> ids;
    std::vector<float> logprobs;             // over the whole vocabulary
    double rest = 0;                         // probability of all others
    std::vector<model::StageResult> stages;  // with the recorded settings; may be empty
};
/// How much of what a layer's heads add (weight x norm of the value output, summed) one of them
/// brings from keys other than key 0 and the query itself; mean over the rows asked for.
struct HeadShare {
    uint32_t layer = 0, head = 0;
    float share = 0;  // 0..1; of all heads of a layer together at most 1
};
struct InspectReady {
    RequestId id = 0;
    InspectKind kind = InspectKind::tile;
    uint32_t n_positions = 0;  // of the sequence it was computed from
    std::string not_captured;  // non-empty: the reason why there is no data
    std::shared_ptr<const std::vector<Thumbnail>>
        thumbnails;                                       // one layer (request.layer), all heads
    std::shared_ptr<const model::AttentionTile> tile;     // tile, row, sink
    std::shared_ptr<const AttentionPyramidTile> pyramid;  // one of request.tiles
    uint32_t n_left = 0;                                  // answers to this request to come
    std::shared_ptr<const std::vector<float>> logits;     // distribution: [vocab]
    /// distribution, out of a recording: then logits are log-probabilities, -inf where not kept.
    std::shared_ptr<const KeptDistribution> kept;
    std::vector<LensAnswer> lens;
    std::shared_ptr<const std::vector<float>> values;  // [n_positions]
    std::vector<HeadShare> heads;                      // of all layers
    Inspect request;
};

struct Stats {
    double load_ms = 0, prompt_ms = 0, predicted_ms = 0, first_token_ms = 0;
    uint64_t prompt_n = 0, predicted_n = 0;
    double gb_per_s = 0;  // weight and KV bytes read, per second of predicted_ms
    uint64_t device_bytes = 0;
    uint64_t dropped = 0;  // captures and stats dropped because the queue was full
};
struct StatsReady {
    RequestId id = 0;
    Stats stats;
};

enum class FinishReason : uint8_t { stop, length, context_full, stopped };  // stopped: by the user
struct Finished {
    RequestId id = 0;
    FinishReason reason = FinishReason::stop;
    Stats stats;
};
/// context_full: the turns do not fit; without the oldest ones they may.
struct Failed {
    RequestId id = 0;
    std::string message, hint;
    bool device_lost = false, context_full = false;
    std::shared_ptr<const NoRoom> no_room = nullptr;  // the load was refused for its size
};
struct RecordProgressed {
    RequestId id = 0;
    uint64_t done = 0, total = 0;
};
struct Recorded {
    RequestId id = 0;
    std::string path;
    uint64_t bytes = 0;
};
struct Logged {
    std::string line;
};

using Event = std::variant<LoadProgressed, ModelReady, ModelUnloaded, PromptReady,
                           PrefillProgressed, TokenReady, CaptureReady, InspectReady, StatsReady,
                           Finished, Failed, RecordProgressed, Recorded, Logged>;

}  // namespace app
