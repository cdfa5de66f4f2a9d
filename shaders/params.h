// params.h    push-constant structs, one per kernel, shared by GLSL and C++: 4-byte scalars only,
// at most 128 bytes; and StepState, which lies in a buffer. Constants of the exact path that both sides must agree on stand here too.
#ifndef LAPIDARY_PARAMS_H
#define LAPIDARY_PARAMS_H

#ifdef __cplusplus
#include <cstdint>
namespace params {
using uint = uint32_t;
#define PARAMS_CONST inline constexpr uint
#else
#define PARAMS_CONST const uint
#endif

// Orders of summation (exact.md rule 4). Changing one changes every logit's last bits.
PARAMS_CONST kMatmulLanes = 8u;     // block b of a row belongs to lane b % 8; lanes added in order
PARAMS_CONST kBlock = 32u;          // elements of one block of a dot product
PARAMS_CONST kNormLanes = 64u;      // element i of a norm's row belongs to lane i % 64; then a tree
PARAMS_CONST kKeyTile = 64u;        // softmax tiles: keys [64 n, 64 n + 64), absolute positions

// The decode step's RoPE table: positions 0 .. kRopeLow - 1, then every kRopeLow-th (model/rope.h).
PARAMS_CONST kRopeLow = 64u;

PARAMS_CONST kRowGroup = 4u;        // rows interleaved in the repacked weights (model/repack.h)

// Values of the TYPE constant of the products and of embed; same numbers as model::DType, which
// model/dtype.cpp checks.
PARAMS_CONST kF32 = 0u;
PARAMS_CONST kF16 = 1u;
PARAMS_CONST kBF16 = 2u;
PARAMS_CONST kQ8_0 = 3u;
PARAMS_CONST kQ4_0 = 4u;
PARAMS_CONST kQ4_1 = 5u;
PARAMS_CONST kQ5_0 = 6u;
PARAMS_CONST kQ5_1 = 7u;
PARAMS_CONST kIQ4_NL = 8u;
PARAMS_CONST kQ2_K = 9u;
PARAMS_CONST kQ3_K = 10u;
PARAMS_CONST kQ4_K = 11u;
PARAMS_CONST kQ5_K = 12u;
PARAMS_CONST kQ6_K = 13u;
PARAMS_CONST kIQ4_XS = 14u;

struct Embed {
    uint dim;        // columns of the table
    uint row_begin;  // of this slab
    uint n_rows;     // of this slab
    float scale;     // sqrt(d), maybe rounded to bf16
};

struct RmsNorm {
    uint dim;
    uint n_rows;
    float inv_dim;
    float eps;
};

struct Matmul {
    uint row_first;    // first row of the slab that this dispatch computes
    uint row_end;      // one past the last
    uint y_row_begin;  // row of the whole matrix that the slab's row 0 is
    uint y_stride;     // rows of the whole matrix: elements between two tokens of y
    uint cols;         // columns of the whole matrix (sets the layout of the planes)
    uint col_begin;    // columns [col_begin, col_begin + n_cols) take part; multiple of 32
    uint n_cols;
    uint x_stride;     // elements between two tokens of x
    uint x_begin;      // element of x's row that meets column col_begin
    uint n_tokens;
};

struct Rope {
    uint n_heads;
    uint head_dim;
};

struct KvWrite {
    uint width;     // elements of one position
    uint position;  // of the first token
    uint capacity;  // slots; position p goes to slot p % capacity
};

// One sub-batch of queries of one layer. Scratch rows are (t, h); columns are keys key_begin + c.
struct Attention {
    uint n_tokens;     // queries
    uint position;     // of the first query
    uint n_heads;
    uint n_kv_heads;
    uint head_dim;
    uint capacity;     // slots of K and V
    uint window;       // 0: global
    uint key_begin;    // multiple of kKeyTile
    uint n_keys;       // columns of the scratch; multiple of kKeyTile
    uint q_row;        // row of Q that belongs to the first query
    uint lse_stride;   // elements between two heads of the LSE buffer
    float scale;
    float cap;         // 0: none
};

struct AttentionTile {
    uint query_begin;
    uint key_begin;
    uint n_keys;
    uint head;
    uint kv_head;
    uint q_row;        // row of Q that belongs to position 0
    uint n_heads;
    uint n_kv_heads;
    uint head_dim;
    uint capacity;
    uint window;
    uint lse_stride;
    float scale;
    float cap;
};

// As AttentionTile, over bins of keys.
struct AttentionPool {
    uint query_begin;
    uint n_queries;
    uint key_begin;
    uint bin;     // keys of a bin
    uint n_bins;
    uint flags;   // 1: key factors, 2: row factors, 4: bins by distance
    uint head;
    uint kv_head;
    uint q_row;   // row of Q that belongs to position 0
    uint n_heads;
    uint n_kv_heads;
    uint head_dim;
    uint capacity;
    uint window;
    uint lse_stride;
    float scale;
    float cap;
};

// The fast path's attention of one token.
struct AttentionDecode {
    uint n_heads;
    uint n_kv_heads;
    uint capacity;       // slots of K and V
    uint n_ctx;          // columns of lse and live
    uint window;         // 0: global
    uint q_at_position;  // 1: stored_q is row `position` of its range, else row 0
    float scale;
    float cap;           // 0: none
    float eps;           // of QK-norm
};

// The fast path's attention of a chunk of a prompt.
struct AttentionPrefill {
    uint position;    // of the first query
    uint q_row;       // its row of q
    uint n_heads;
    uint n_kv_heads;
    uint capacity;    // slots of K and V
    uint n_ctx;       // columns of lse
    uint window;      // 0: global
    float scale;
    float cap;        // 0: none
};

PARAMS_CONST kMostSplits = 32u;  // of attention_decode's keys; a multiple of 8
struct AttentionCombine {
    uint n_heads;
    uint head_dim;
    uint n_splits;
    uint n_ctx;
};

// The fast path's products of one token.
struct Matvec {
    uint n_rows;           // rows of this slab
    uint y_begin;          // element of y that the slab's row 0 is
    uint n_tiles;          // tiles of ROWS rows
    uint tiles_per_group;
    uint store;            // 1: write the residual sum
    uint x_at_position;    // 1: x is row `position` of its range, else row 0
    uint sum_at_position;  // the same for the residual sum
    float eps;
    float cap;             // soft-cap of the product; 0: none
};

// The fast path's products of many tokens.
struct MatmulTile {
    uint n_rows;           // rows of this slab
    uint y_begin;          // element of a row of y that the slab's row 0 is
    uint y_stride;         // rows of the whole matrix
    uint token_begin;      // first token of this dispatch
    uint token_end;        // one past the last
    uint n_tiles;          // tiles of ROWS rows
    uint tiles_per_group;
};

// The same with cooperative matrices.
struct MatmulCoopmat {
    uint n_rows;       // rows of this slab
    uint y_begin;      // element of a row of y that the slab's row 0 is
    uint y_stride;     // rows of the whole matrix
    uint token_begin;  // first token of this dispatch
    uint token_end;    // one past the last
};

struct HalfRows {
    uint dim;  // multiple of 8
};

struct Elementwise {
    uint n;        // elements
    float value;   // softcap: the cap
};

// Where the recorded decode step stands: a small buffer that its kernels read and the last sampler
// kernel moves on, so that the same commands can be submitted again.
struct StepState {
    uint token;     // that this step computes; first, so that it can be bound alone
    uint position;  // of it
    uint step;      // counts the draws; result in slot step % kSampleSlots
    uint n_ctx;     // positions are below it
};

#ifdef __cplusplus
}  // namespace params
#endif
#undef PARAMS_CONST
#endif
