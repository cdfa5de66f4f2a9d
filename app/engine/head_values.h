// HeadValues: norms of what each head adds for each key, computed once and kept while the sequence
// goes on; and how much of a layer's output each head brings from elsewhere.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "app/engine/messages.h"
#include "model/session.h"

namespace app {

/// Of one head, by query: 1 / (1 - weight on key 0).
struct SinkFactors {
    uint32_t layer = 0, head = 0;
    std::vector<float> factors;
};

class HeadValues {
public:
    /// Positions from n_kept on are about to become others.
    void truncate(uint32_t n_kept);
    /// Computes at most `most` positions more of a layer; true when [0, n) are there.
    bool advance(model::Session& session, uint32_t layer, uint32_t n, uint32_t most);
    std::span<const float> of(uint32_t layer, uint32_t head) const { return norms_[layer][head]; }

private:
    std::vector<std::vector<std::vector<float>>> norms_;  // [layer][head][position]
};

/// Of one layer's heads, in rows [begin, begin + n) of the session. The layer's norms must be
/// there.
std::vector<HeadShare> head_shares(model::Session& session, const HeadValues& values,
                                   uint32_t layer, uint32_t begin, uint32_t n);

}  // namespace app
