// weights.glsl    bindings 0, 1 and 2: the three planes of one weight matrix, read by dequant.glsl
QUADS(0, Quants, quants);
layout(binding = 1) readonly buffer Highs { uint highs[]; };
layout(binding = 2) readonly buffer Scales { uint scales[]; };

uvec4 unit_at(uint matrix, uint i) { return QUAD_AT(quants, i); }
uint high_at(uint matrix, uint i) { return highs[i]; }
uint scale_at(uint matrix, uint i) { return scales[i]; }

#include "dequant.glsl"
