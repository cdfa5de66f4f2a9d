// quads.glsl    read-only buffers of units of 16 bytes: storage buffers, or texel buffers
//
// A kernel that includes this file is compiled twice, as NAME and, with TEXELS defined, as NAME_texels.
// llvmpipe reads a storage buffer word by word, each with its own look at the buffer's end, a branch for
// every lane; a texel it reads as one vector after one look at all lanes. Which form a device gets:
// DeviceInfo::texel_reads. Indices and values are the same, so are the results' bits.
#ifdef TEXELS
#extension GL_EXT_samplerless_texture_functions : require
#define QUADS(number, block, name) layout(binding = number) uniform utextureBuffer name
#define QUAD_AT(name, i) texelFetch(name, int(i))
#else
#define QUADS(number, block, name) layout(binding = number) readonly buffer block { uvec4 name[]; }
#define QUAD_AT(name, i) name[i]
#endif
#define FLOATS_AT(name, i) uintBitsToFloat(QUAD_AT(name, i))
