// HeadRanks: which heads bring most to a row, or to the rows in view, from tokens other than the
// first and the row's own: by weight x norm of what the head adds. Pure data, no drawing.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "app/engine/messages.h"

namespace app::ui {

class HeadRanks {
public:
    struct Rows {
        uint32_t begin = 0, n = 0;
        bool operator==(const Rows&) const = default;
    };

    void forget() { *this = HeadRanks{.in_view = in_view, .view = view}; }
    /// Best first; equal ones in the order of layers and heads.
    void take(const InspectReady& answer);
    /// What should be asked for with this row selected and so many computed.
    Rows wanted(uint32_t query, uint32_t n_rows) const;
    /// `step` places down the list from this head; from a head that is not in it, the first (or the
    /// last). The list has ends. Null where nothing is known.
    const HeadShare* next(uint32_t layer, uint32_t head, int step) const;
    /// Place in the list, from 0.
    std::optional<size_t> place(uint32_t layer, uint32_t head) const;

    bool in_view = false;  // of the rows in view, not of the selected one
    Rows view;             // set by who draws
    Rows rows;             // whose list it is; n = 0: none
    std::vector<HeadShare> list = {};
    std::string not_captured = {};
};

}  // namespace app::ui
