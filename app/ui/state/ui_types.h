// The small parts of UiState: the selection, what is being loaded, what went wrong, what the engine
// answered about one row.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "app/engine/messages.h"
#include "app/starters.h"
#include "app/ui/state/conversation.h"

namespace app::ui {

/// One selection for every view. Positions, layers and heads count from 0; the token at position n
/// was drawn from row n - 1, so position n goes with query n - 1.
struct Selection {
    NodeId branch = kNoNode;  // the answer whose sequence is looked at
    uint32_t position = 0;
    uint32_t layer = 0, head = 0;
    uint32_t query = 0;
    std::optional<uint32_t> key;
    bool locked = false;  // false: follows the last token
    /// Of a text that was read: the row of its last token, `position`, which nothing was drawn
    /// from.
    bool after_last = false;
    /// For steps: the row after the last token comes after it.
    int64_t step() const { return int64_t(position) + (after_last ? 1 : 0); }
};

struct LoadStatus {
    RequestId id = 0;
    std::string path, stage;
    uint64_t done = 0, total = 0;
    bool cancelled = false;
};

/// An error as the window shows it: cause, what to do, copy button.
struct Trouble {
    std::string message, hint;
    bool device_lost = false;
    std::vector<Alternative> offers = {};  // what to open instead
};

/// How a model is opened, beside where it lies.
struct OpenOptions {
    bool anyway = false;           // also where it does not fit
    bool device_optional = false;  // where the device is gone, another will do
};

/// The generation goes on with an answer that was begun.
struct Resuming {
    bool on = false;
    Stats begun;  // figures of the part that was there
};

/// After a loss of the device the newest model is opened anew, so many times until an answer comes
/// to its end.
struct Reopening {
    static constexpr int kMost = 3;
    std::string path;
    int n_losses = 0;
};

/// An answer of a chat that has outgrown the model's context: what is to happen is asked once.
struct ContextQuestion {
    size_t chat = 0;
    NodeId answer = kNoNode;
    bool begun = false;  // it stopped in the middle
};
enum class ContextChoice : uint8_t { drop_oldest, stop, new_chat };

/// valued: without the sink too, each weight times the norm of what the head adds for its key.
enum class SinkMode : uint8_t { raw, gutter, renormalized, valued };
constexpr int kSinkModes = 4;

/// Answers of the engine about one row: which one, and why not.
struct RowAnswer {
    std::optional<uint32_t> row;
    std::string not_captured;
};
struct Distribution : RowAnswer {
    std::shared_ptr<const std::vector<float>> logits;
    std::shared_ptr<const KeptDistribution> kept;  // out of a recording: all that there is of it
    uint64_t version = 0;
};
/// A starter whose answer is being written, and whether a head had been chosen before it.
struct StarterShown {
    NodeId answer = kNoNode;
    Starter starter;
    bool head_chosen = false;
};

struct Lens : RowAnswer {
    std::vector<TokenId> ids;
    std::vector<LensAnswer> layers;
    bool mid = false;  // of resid_mid, between attention and MLP
};

}  // namespace app::ui
