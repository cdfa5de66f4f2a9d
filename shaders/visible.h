// visible.h    which keys a query sees (spec 2.7), one source for GLSL and C++
//
// The query at `position` sees keys [first_visible(position, window), position]: a local layer's
// window W holds W keys including the query's own; window 0 is a global layer.
#ifndef LAPIDARY_VISIBLE_H
#define LAPIDARY_VISIBLE_H

#ifdef __cplusplus
#include <cstdint>
namespace model {
inline uint32_t first_visible(uint32_t position, uint32_t window) {
#else
uint first_visible(uint position, uint window) {
#endif
    return window == 0u || position + 1u <= window ? 0u : position + 1u - window;
}

#ifdef __cplusplus
}  // namespace model
#endif
#endif
