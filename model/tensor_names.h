// The tensors of each Gemma generation: GGUF names, shapes, and the names Hugging Face uses (spec
// 4.3, 4.6).
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "model/config.h"
#include "model/source.h"

namespace model {

struct ExpectedTensor {
    std::string name;
    uint32_t rows = 0;  // 1 for a norm gain
    uint32_t cols = 0;
};

/// Every tensor that a model of this configuration needs, in GGUF names and file order.
std::vector<ExpectedTensor> expected_tensors(const Config& config);

/// What to do with a tensor of a Hugging Face file.
struct HfName {
    enum class Kind : uint8_t { weight, vision, unknown } kind = Kind::unknown;
    std::string gguf_name;
    bool is_norm = false;  // stored as w, the gain is 1 + w
};
HfName map_hf_name(std::string_view name, Architecture architecture);

/// Name for messages: as the file's writer would know it.
std::string hf_name_of(std::string_view gguf_name, Architecture architecture);

/// Keeps exactly the expected tensors, in expected order. One error names all that are missing;
/// every shape is compared with the configuration. Tensors that are not needed are dropped; those
/// that are no known companions (vision, lm_head) are counted in a notice.
void select_tensors(ModelSource& source, uint64_t n_companions);

}  // namespace model
