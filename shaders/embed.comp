#version 460
// embed    y[t, i] = scale * E[token[t], i]     for tokens in [row_begin, row_begin + n_rows)
//
//   binding  name    type     shape               access
//   0,1,2    planes  packed   rows of one slab    read
//   3        tokens  u32      [n_tokens]          read
//   4        y       f32      [n_tokens, dim]     write   rows of other slabs are left alone
//
// dispatch   x: groups of invocations over dim / 4, y: tokens
// spec 0     workgroup size
// spec 1     TYPE of the table
// cost       one row read and written per token; bandwidth bound
// reference  ref::embed in tests/support/twins.h

#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : require
#include "params.h"
#include "quads.glsl"

layout(local_size_x_id = 0) in;
layout(constant_id = 1) const uint TYPE = 0;

layout(binding = 3) readonly buffer Tokens { uint tokens[]; };
layout(binding = 4) writeonly buffer Y { vec4 y[]; };
layout(push_constant) uniform Push { Embed p; };

#include "weights.glsl"

void main() {
    const uint i = gl_GlobalInvocationID.x;  // four elements each
    const uint t = gl_WorkGroupID.y;
    if (i >= p.dim / 4u) {
        return;
    }
    const uint token = tokens[t];
    if (token < p.row_begin || token >= p.row_begin + p.n_rows) {
        return;
    }
    const RowCursor cursor = row_cursor(0u, token - p.row_begin, p.dim);
    const uint b = i / 8u;
    const uint h = i / 4u % 2u;
    const uvec4 codes = is_plain() ? uvec4(0u) : code_unit(cursor, b, h);
    precise vec4 value = p.scale * weight4(cursor, sub_scale(cursor, b), codes,
                                           high_words(cursor, b), b, h, i % 4u);
    y[t * (p.dim / 4u) + i] = value;
}
