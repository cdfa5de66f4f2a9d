#include "model/source.h"

#include <algorithm>

#include "gpu/base.h"
#include "model/quant.h"

namespace model {

const SourceTensor* ModelSource::find(std::string_view tensor_name) const {
    const auto it = std::find_if(tensors.begin(), tensors.end(), [&](const SourceTensor& tensor) {
        return tensor.name == tensor_name;
    });
    return it == tensors.end() ? nullptr : &*it;
}

std::vector<float> ModelSource::read_f32(const SourceTensor& tensor) const {
    constexpr uint64_t kChunkBytes = 1u << 20;
    const uint64_t elements = static_cast<uint64_t>(tensor.rows) * tensor.cols;
    const uint64_t blocks_per_chunk = kChunkBytes / block_bytes(tensor.dtype);
    std::vector<float> values(elements);
    std::vector<std::byte> bytes;
    uint64_t n_done = 0;  // elements
    uint64_t offset = 0;
    while (n_done < elements) {
        const uint64_t n =
            std::min(elements - n_done, blocks_per_chunk * block_elements(tensor.dtype));
        bytes.resize(row_bytes(tensor.dtype, n));
        read(tensor, offset, bytes);
        dequantize(std::span(values).subspan(n_done, n), tensor.dtype, bytes);
        offset += bytes.size();
        n_done += n;
    }
    if (tensor.add_one) {
        for (float& value : values) {
            value = 1.0f + value;
        }
    }
    return values;
}

}  // namespace model
