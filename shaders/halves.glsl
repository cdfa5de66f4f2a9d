// halves.glsl    eight numbers as f16, two a word
//
// By conversions: drivers round those to nearest, but cut what packHalf2x16 packs (lavapipe, AMD), and
// an error that always has the number's own sign adds up in sums.
// Needs GL_EXT_shader_explicit_arithmetic_types_float16.
uvec4 halves8(vec4 a, vec4 b) {
    return uvec4(packFloat2x16(f16vec2(a.xy)), packFloat2x16(f16vec2(a.zw)),
                 packFloat2x16(f16vec2(b.xy)), packFloat2x16(f16vec2(b.zw)));
}
