// weight_quads.glsl    bindings 0, 1 and 2: the planes of one weight matrix for kernels that work on whole
// row groups: one read of highs or scales gives the word of all four rows
layout(binding = 0) readonly buffer Quants { uvec4 quants[]; };
layout(binding = 1) readonly buffer Highs { uvec4 highs[]; };
layout(binding = 2) readonly buffer Scales { uvec4 scales[]; };

uvec4 unit_at(uint matrix, uint i) { return quants[i]; }
uvec4 high_quad_at(uint matrix, uint i) { return highs[i]; }
uvec4 scale_quad_at(uint matrix, uint i) { return scales[i]; }
