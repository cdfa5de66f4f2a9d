#include "tests/support/model_writer.h"

#include <algorithm>
#include <cmath>
#include <set>

#include "model/config_builders.h"
#include "model/quant.h"
#include "model/tensor_names.h"
#include "tests/support/random.h"

namespace support {

using model::Architecture;
using model::Config;
using model::DType;
using model::TokenizerData;

Config tiny_config(Architecture architecture, TinySizes sizes) {
    const bool gemma2 = architecture == Architecture::gemma2;
    const bool gemma3 = architecture == Architecture::gemma3;
    Config config;
    config.architecture = architecture;
    config.hidden_size = sizes.hidden_size;
    config.intermediate_size = sizes.intermediate_size;
    config.num_hidden_layers = sizes.num_hidden_layers != 0 ? sizes.num_hidden_layers
                               : gemma3                     ? 7
                               : gemma2                     ? 4
                                                            : 2;
    config.num_attention_heads = sizes.num_attention_heads;
    config.num_key_value_heads =
        sizes.num_key_value_heads != 0 ? sizes.num_key_value_heads : (gemma2 ? 2 : 1);
    config.head_dim = sizes.head_dim;
    config.vocab_size = sizes.vocab_size;
    config.embedding_rows = sizes.vocab_size;
    config.max_position_embeddings = sizes.max_position_embeddings;
    config.query_pre_attn_scalar = sizes.head_dim;
    config.attn_logit_softcapping = gemma2 ? 50.f : 0.f;
    config.final_logit_softcapping = gemma2 ? 30.f : 0.f;
    model::apply_generation(config);
    const uint32_t window = architecture == Architecture::gemma ? 0 : sizes.sliding_window;
    model::fill_layers(config, model::pattern_layers(config.num_hidden_layers, gemma2 ? 2 : 6),
                       window, {.theta_global = gemma3 ? 1e6 : 1e4});
    return config;
}

namespace {

constexpr const char* kSpace = "\xe2\x96\x81";

void add_piece(TokenizerData& data, std::set<std::string>& known, const std::string& piece,
               int32_t type, float score) {
    if (known.insert(piece).second) {
        data.pieces.push_back(piece);
        data.types.push_back(type);
        data.scores.push_back(score);
    }
}

std::string repeated(const std::string& unit, int n) {
    std::string text;
    for (int i = 0; i < n; ++i) {
        text += unit;
    }
    return text;
}

/// Multi-character pieces, every prefix of a word before the word, so that merges reach it.
std::vector<std::string> learned_words() {
    std::vector<std::string> pieces;
    for (const char* word : {"the", "and", "hello", "world", "you", "is", "of", "in", "user",
                             "model", "cat", "sun", "yes", "no", "what", "that", "one", "two"}) {
        for (const std::string& start : {std::string(kSpace), std::string()}) {
            for (size_t n = 1; n <= std::string_view(word).size(); ++n) {
                const std::string piece = start + std::string(word, n);
                if (piece.size() > 1) {
                    pieces.push_back(piece);
                }
            }
        }
    }
    std::stable_sort(pieces.begin(), pieces.end(),
                     [](const auto& a, const auto& b) { return a.size() < b.size(); });
    return pieces;
}

}  // namespace

TokenizerData tiny_tokenizer(uint32_t n_pieces) {
    CHECK(n_pieces >= 384, "{} pieces are too few", n_pieces);
    TokenizerData data;
    std::set<std::string> known;
    for (const char* piece : {"<pad>", "<eos>", "<bos>"}) {
        add_piece(data, known, piece, 3, 0);
    }
    add_piece(data, known, "<unk>", 2, 0);
    add_piece(data, known, "<start_of_turn>", 3, 0);
    add_piece(data, known, "<end_of_turn>", 3, 0);
    for (int n = 1; n <= 4; ++n) {
        add_piece(data, known, repeated("\n", n), 4, 0);
    }
    for (int n = 2; n <= 5; ++n) {
        add_piece(data, known, repeated(kSpace, n), 4, 0);
    }
    for (uint32_t byte = 0; byte < 256; ++byte) {
        add_piece(data, known, fmt::format("<0x{:02X}>", byte), 6, 0);
    }
    const size_t first_learned = data.pieces.size();
    std::vector<std::string> learned = {kSpace};
    for (char c = 33; c < 127; ++c) {
        learned.emplace_back(1, c);
    }
    for (const std::string& word : learned_words()) {
        learned.push_back(word);
    }
    for (const std::string& piece : learned) {
        if (data.pieces.size() < n_pieces) {
            const float rank = static_cast<float>(data.pieces.size() - first_learned);
            add_piece(data, known, piece, 1, -rank);
        }
    }
    for (uint32_t i = 0; data.pieces.size() < n_pieces; ++i) {
        add_piece(data, known, fmt::format("<unused{}>", i), 4, 0);
    }
    return data;
}

namespace {

struct ScaleFields {
    uint32_t d;
    int32_t other = -1;   // minimum of Q4_1 and Q5_1 (added), dmin of Q2_K, Q4_K, Q5_K
    float per_scale = 0;  // what to set it to: a multiple of d that centres the values
};

ScaleFields scale_fields(DType dtype) {
    switch (dtype) {
        case DType::q4_1:
            return {0, 2, -7.5f};
        case DType::q5_1:
            return {0, 2, -15.5f};
        case DType::q2_k:
            return {80, 82, 1.5f};
        case DType::q3_k:
            return {108};
        case DType::q4_k:
            return {0, 2, 7.5f};
        case DType::q5_k:
            return {0, 2, 15.5f};
        case DType::q6_k:
            return {208};
        default:
            return {0};
    }
}

void set_half(std::byte* at, float value) {
    const uint16_t half = model::float_to_half(value);
    std::memcpy(at, &half, 2);
}

/// Fills one block: random quants, then the scale that gives the wanted size.
void random_block(std::byte* block, DType dtype, float rms, Random& random) {
    const uint32_t n_bytes = model::block_bytes(dtype);
    for (uint32_t i = 0; i < n_bytes; ++i) {
        block[i] = static_cast<std::byte>(random.next() >> 56);
    }
    const ScaleFields fields = scale_fields(dtype);
    const auto set_scales = [&](float d) {
        set_half(block + fields.d, d);
        if (fields.other >= 0) {
            set_half(block + fields.other, d * fields.per_scale);
        }
    };
    set_scales(1);
    std::vector<float> values(model::block_elements(dtype));
    model::dequantize(values, dtype, {block, n_bytes});
    double sum = 1e-9;
    for (const float value : values) {
        sum += static_cast<double>(value) * value;
    }
    const double unit = std::sqrt(sum / static_cast<double>(values.size()));
    const float sign = random.below(2) == 0 ? 1.f : -1.f;
    set_scales(sign * static_cast<float>(rms / unit) * (0.75f + 0.5f * random.uniform()));
}

void put_element(Bytes& bytes, DType dtype, float value) {
    switch (dtype) {
        case DType::f32:
            put(bytes, value);
            return;
        case DType::f16:
            put(bytes, model::float_to_half(value));
            return;
        case DType::bf16:
            put(bytes, model::float_to_bf16(value));
            return;
        default:
            CHECK(false, "{} has blocks", model::dtype_name(dtype));
    }
}

uint64_t seed_of(const std::string& name, uint64_t seed) {
    uint64_t hash = 0xcbf29ce484222325ull ^ seed;
    for (const char c : name) {
        hash = (hash ^ static_cast<uint8_t>(c)) * 0x100000001b3ull;
    }
    return hash;
}

bool is_norm(const std::string& name) {
    return name.ends_with("norm.weight");
}

/// Sizes that keep activations near 1, and scores large enough to look at few keys.
float rms_of(const std::string& name, uint32_t cols) {
    const float unit = 1 / std::sqrt(static_cast<float>(cols));
    if (name == "token_embd.weight" || name.find("attn_q.") != std::string::npos ||
        name.find("attn_k.") != std::string::npos) {
        return 2 * unit;
    }
    return unit;
}

TinyTensor make_tensor(const model::ExpectedTensor& expected, const TinyOptions& options) {
    TinyTensor tensor{.name = expected.name, .rows = expected.rows, .cols = expected.cols};
    const uint64_t seed = seed_of(expected.name, options.seed);
    if (is_norm(expected.name)) {
        Random random(seed);
        for (uint32_t i = 0; i < expected.cols; ++i) {
            // A bf16 number, so that every format holds it.
            const float w = model::bf16_to_float(model::float_to_bf16(0.1f * random.normal()));
            tensor.norm.push_back(w);
            put(tensor.data, 1.0f + w);
        }
        return tensor;
    }
    const auto it = options.types.find(expected.name);
    tensor.dtype = it != options.types.end() ? it->second : options.matrices;
    tensor.data = random_blocks(tensor.dtype, static_cast<uint64_t>(expected.rows) * expected.cols,
                                rms_of(expected.name, expected.cols), seed);
    return tensor;
}

}  // namespace

Bytes random_blocks(DType dtype, uint64_t n_elements, float rms, uint64_t seed) {
    Random random(seed);
    Bytes bytes;
    if (model::block_elements(dtype) == 1) {
        for (uint64_t i = 0; i < n_elements; ++i) {
            put_element(bytes, dtype, rms * random.normal());
        }
        return bytes;
    }
    bytes.resize(model::row_bytes(dtype, n_elements));
    for (uint64_t at = 0; at < bytes.size(); at += model::block_bytes(dtype)) {
        random_block(bytes.data() + at, dtype, rms, random);
    }
    return bytes;
}

TinyModel make_tiny(const TinyOptions& options) {
    TinyModel tiny;
    tiny.config = options.config;
    tiny.config.embedding_rows = options.config.vocab_size + options.extra_rows;
    tiny.tokenizer = tiny_tokenizer(options.config.vocab_size);
    if (options.chat_template) {
        tiny.tokenizer.chat_template = "{{ bos_token }}<start_of_turn>user\n…<end_of_turn>\n";
    }
    for (const model::ExpectedTensor& expected : model::expected_tensors(tiny.config)) {
        tiny.tensors.push_back(make_tensor(expected, options));
    }
    return tiny;
}

const TinyTensor& TinyModel::tensor(const std::string& name) const {
    const auto it = std::find_if(tensors.begin(), tensors.end(),
                                 [&](const TinyTensor& t) { return t.name == name; });
    CHECK(it != tensors.end(), "no tensor {}", name);
    return *it;
}

std::vector<float> TinyModel::values(const std::string& name) const {
    const TinyTensor& t = tensor(name);
    std::vector<float> result(static_cast<size_t>(t.rows) * t.cols);
    model::dequantize(result, t.dtype, t.data);
    return result;
}

namespace {

void put_config(GgufFile& file, const Config& c) {
    const std::string arch(model::architecture_name(c.architecture));
    file.set("general.architecture", arch);
    file.set("general.name", "Tiny " + arch);
    file.set(arch + ".context_length", c.max_position_embeddings);
    file.set(arch + ".embedding_length", c.hidden_size);
    file.set(arch + ".block_count", c.num_hidden_layers);
    file.set(arch + ".feed_forward_length", c.intermediate_size);
    file.set(arch + ".attention.head_count", c.num_attention_heads);
    file.set(arch + ".attention.head_count_kv", c.num_key_value_heads);
    file.set(arch + ".attention.key_length", c.head_dim);
    file.set(arch + ".attention.value_length", c.head_dim);
    file.set(arch + ".attention.layer_norm_rms_epsilon", c.rms_norm_eps);
    if (c.attn_logit_softcapping != 0) {
        file.set(arch + ".attn_logit_softcapping", c.attn_logit_softcapping);
    }
    if (c.final_logit_softcapping != 0) {
        file.set(arch + ".final_logit_softcapping", c.final_logit_softcapping);
    }
    std::vector<bool> local;
    uint32_t window = 0;
    double theta = 0;
    double factor = 1;
    for (const model::LayerConfig& layer : c.layers) {
        local.push_back(layer.is_local());
        window = std::max(window, layer.sliding_window);
        if (!layer.is_local()) {
            theta = layer.rope_theta;
            factor = layer.rope_factor;
        }
    }
    if (window > 0) {
        file.set(arch + ".attention.sliding_window", window);
        file.set(arch + ".attention.sliding_window_pattern", local);
    }
    if (theta != 0) {
        file.set(arch + ".rope.freq_base", static_cast<float>(theta));
    }
    if (factor != 1) {
        file.set(arch + ".rope.scaling.type", "linear");
        file.set(arch + ".rope.scaling.factor", static_cast<float>(factor));
    }
}

void put_tokenizer(GgufFile& file, const TokenizerData& data) {
    // The converter writes real spaces into user-defined pieces (spec 6.4).
    std::vector<std::string> pieces = data.pieces;
    for (size_t i = 0; i < pieces.size(); ++i) {
        for (size_t at = 0; data.types[i] == 4 && at != std::string::npos;) {
            at = pieces[i].find(kSpace);
            if (at != std::string::npos) {
                pieces[i].replace(at, 3, " ");
            }
        }
    }
    file.set("tokenizer.ggml.model", "llama");
    file.set("tokenizer.ggml.pre", "default");
    file.set("tokenizer.ggml.tokens", pieces);
    file.set("tokenizer.ggml.scores", data.scores);
    file.set("tokenizer.ggml.token_type", data.types);
    file.set("tokenizer.ggml.bos_token_id", static_cast<uint32_t>(data.bos_id));
    file.set("tokenizer.ggml.eos_token_id", static_cast<uint32_t>(data.eos_id));
    file.set("tokenizer.ggml.unknown_token_id", static_cast<uint32_t>(data.unk_id));
    file.set("tokenizer.ggml.padding_token_id", static_cast<uint32_t>(data.pad_id));
    file.set("tokenizer.ggml.add_bos_token", true);
    file.set("tokenizer.ggml.add_eos_token", false);
    file.set("tokenizer.ggml.add_space_prefix", false);
    if (!data.chat_template.empty()) {
        file.set("tokenizer.chat_template", data.chat_template);
    }
}

GgufTensorEntry gguf_entry(const TinyTensor& tensor) {
    GgufTensorEntry entry{.name = tensor.name,
                          .ne = {tensor.cols},
                          .type_id = gguf_type_id(tensor.dtype),
                          .data = tensor.data};
    if (!is_norm(tensor.name)) {
        entry.ne.push_back(tensor.rows);
    }
    return entry;
}

}  // namespace

GgufFile to_gguf(const TinyModel& tiny) {
    GgufFile file;
    put_config(file, tiny.config);
    put_tokenizer(file, tiny.tokenizer);
    for (const TinyTensor& tensor : tiny.tensors) {
        file.tensors.push_back(gguf_entry(tensor));
    }
    return file;
}

void write_gguf(const TinyModel& tiny, const std::string& path) {
    write_file(path, to_gguf(tiny).build().bytes);
}

std::string write_split_gguf(const TinyModel& tiny, const std::string& folder,
                             const std::string& name, uint32_t n_parts) {
    const GgufFile whole = to_gguf(tiny);
    std::string first;
    for (uint32_t part = 0; part < n_parts; ++part) {
        GgufFile file;
        if (part == 0) {
            file.kvs = whole.kvs;
        }
        file.set_raw("split.no", model::GgufType::u16, {std::byte(part), std::byte{0}});
        file.set_raw("split.count", model::GgufType::u16, {std::byte(n_parts), std::byte{0}});
        Bytes total;
        put(total, static_cast<int32_t>(whole.tensors.size()));
        file.set_raw("split.tensors.count", model::GgufType::i32, total);
        const size_t begin = whole.tensors.size() * part / n_parts;
        const size_t end = whole.tensors.size() * (part + 1) / n_parts;
        for (size_t i = begin; i < end; ++i) {
            file.tensors.push_back(whole.tensors[i]);
        }
        const std::string path =
            fmt::format("{}/{}-{:05}-of-{:05}.gguf", folder, name, part + 1, n_parts);
        write_file(path, file.build().bytes);
        first = part == 0 ? path : first;
    }
    return first;
}

}  // namespace support
