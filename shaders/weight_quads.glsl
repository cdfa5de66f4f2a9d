// weight_quads.glsl    bindings 0, 1 and 2: the planes of one weight matrix for kernels that work on whole
// row groups: one read of highs or scales gives the word of all four rows
QUADS(0, Quants, quants);
QUADS(1, Highs, highs);
QUADS(2, Scales, scales);

uvec4 unit_at(uint matrix, uint i) { return QUAD_AT(quants, i); }
uvec4 high_quad_at(uint matrix, uint i) { return QUAD_AT(highs, i); }
uvec4 scale_quad_at(uint matrix, uint i) { return QUAD_AT(scales, i); }
