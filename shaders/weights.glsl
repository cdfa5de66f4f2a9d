// weights.glsl    bindings 0, 1 and 2: the three planes of one weight matrix, read by dequant.glsl
layout(binding = 0) readonly buffer Quants { uvec4 quants[]; };
layout(binding = 1) readonly buffer Highs { uint highs[]; };
layout(binding = 2) readonly buffer Scales { uint scales[]; };

uvec4 unit_at(uint matrix, uint i) { return quants[i]; }
uint high_at(uint matrix, uint i) { return highs[i]; }
uint scale_at(uint matrix, uint i) { return scales[i]; }

#include "dequant.glsl"
