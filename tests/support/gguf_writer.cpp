#include "tests/support/gguf_writer.h"

#include <filesystem>
#include <fstream>

namespace support {

using model::DType;
using model::GgufType;

void put_bytes(Bytes& bytes, std::string_view text) {
    const auto* begin = reinterpret_cast<const std::byte*>(text.data());
    bytes.insert(bytes.end(), begin, begin + text.size());
}

void put_string(Bytes& bytes, std::string_view text) {
    put<uint64_t>(bytes, text.size());
    put_bytes(bytes, text);
}

void write_file(const std::string& path, std::string_view text) {
    std::ofstream file(path, std::ios::binary | std::ios::trunc);
    file.write(text.data(), static_cast<std::streamsize>(text.size()));
    CHECK(file.good(), "cannot write {}", path);
}

void write_file(const std::string& path, const Bytes& bytes) {
    write_file(path, std::string_view(reinterpret_cast<const char*>(bytes.data()), bytes.size()));
}

uint32_t gguf_type_id(DType dtype) {
    switch (dtype) {
        case DType::f32:
            return 0;
        case DType::f16:
            return 1;
        case DType::q4_0:
            return 2;
        case DType::q4_1:
            return 3;
        case DType::q5_0:
            return 6;
        case DType::q5_1:
            return 7;
        case DType::q8_0:
            return 8;
        case DType::q2_k:
            return 10;
        case DType::q3_k:
            return 11;
        case DType::q4_k:
            return 12;
        case DType::q5_k:
            return 13;
        case DType::q6_k:
            return 14;
        case DType::iq4_nl:
            return 20;
        case DType::iq4_xs:
            return 23;
        case DType::i32:
            return 26;
        case DType::bf16:
            return 30;
    }
    CHECK(false, "dtype {}", static_cast<int>(dtype));
    return 0;
}

size_t GgufBytes::offset_of(const std::string& field) const {
    CHECK(at.contains(field), "no field {}", field);
    return at.at(field);
}

void GgufFile::set_raw(const std::string& key, GgufType type, Bytes value) {
    const auto it =
        std::find_if(kvs.begin(), kvs.end(), [&](const GgufKv& kv) { return kv.key == key; });
    if (it != kvs.end()) {
        it->type = type;
        it->value = std::move(value);
    } else {
        kvs.push_back({key, type, std::move(value)});
    }
}

namespace {

template <class T>
Bytes scalar(T value) {
    Bytes bytes;
    put(bytes, value);
    return bytes;
}

template <class T>
Bytes array(GgufType element, const std::vector<T>& values) {
    Bytes bytes;
    put(bytes, static_cast<uint32_t>(element));
    put<uint64_t>(bytes, values.size());
    for (const auto& value : values) {
        if constexpr (std::is_same_v<T, std::string>) {
            put_string(bytes, value);
        } else if constexpr (std::is_same_v<T, bool>) {
            put<uint8_t>(bytes, value ? 1 : 0);
        } else {
            put(bytes, value);
        }
    }
    return bytes;
}

}  // namespace

void GgufFile::set(const std::string& key, uint32_t value) {
    set_raw(key, GgufType::u32, scalar(value));
}
void GgufFile::set(const std::string& key, float value) {
    set_raw(key, GgufType::f32, scalar(value));
}
void GgufFile::set(const std::string& key, bool value) {
    set_raw(key, GgufType::boolean, scalar<uint8_t>(value ? 1 : 0));
}
void GgufFile::set(const std::string& key, const std::string& value) {
    Bytes bytes;
    put_string(bytes, value);
    set_raw(key, GgufType::string, std::move(bytes));
}
void GgufFile::set(const std::string& key, const std::vector<std::string>& values) {
    set_raw(key, GgufType::array, array(GgufType::string, values));
}
void GgufFile::set(const std::string& key, const std::vector<float>& values) {
    set_raw(key, GgufType::array, array(GgufType::f32, values));
}
void GgufFile::set(const std::string& key, const std::vector<int32_t>& values) {
    set_raw(key, GgufType::array, array(GgufType::i32, values));
}
void GgufFile::set(const std::string& key, const std::vector<bool>& values) {
    set_raw(key, GgufType::array, array(GgufType::boolean, values));
}

void GgufFile::remove(const std::string& key) {
    std::erase_if(kvs, [&](const GgufKv& kv) { return kv.key == key; });
}

GgufTensorEntry& GgufFile::tensor(const std::string& name) {
    const auto it = std::find_if(tensors.begin(), tensors.end(),
                                 [&](const GgufTensorEntry& entry) { return entry.name == name; });
    CHECK(it != tensors.end(), "no tensor {}", name);
    return *it;
}

void GgufFile::remove_tensor(const std::string& name) {
    std::erase_if(tensors, [&](const GgufTensorEntry& entry) { return entry.name == name; });
}

namespace {

void pad(Bytes& bytes, uint64_t alignment) {
    while (bytes.size() % alignment != 0) {
        bytes.push_back(std::byte{0});
    }
}

void put_kv(GgufBytes& out, const GgufKv& kv) {
    const std::string prefix = "kv:" + kv.key + ":";
    out.at[prefix + "key"] = out.bytes.size();
    put_string(out.bytes, kv.key);
    out.at[prefix + "type"] = out.bytes.size();
    put(out.bytes, static_cast<uint32_t>(kv.type));
    out.at[prefix + "value"] = out.bytes.size();
    if (kv.type == GgufType::array) {
        out.at[prefix + "count"] = out.bytes.size() + 4;
        out.at[prefix + "items"] = out.bytes.size() + 12;
    }
    out.bytes.insert(out.bytes.end(), kv.value.begin(), kv.value.end());
}

void put_tensor_info(GgufBytes& out, const GgufTensorEntry& tensor, uint64_t offset) {
    const std::string prefix = "tensor:" + tensor.name + ":";
    out.at[prefix + "name"] = out.bytes.size();
    put_string(out.bytes, tensor.name);
    out.at[prefix + "n_dims"] = out.bytes.size();
    put(out.bytes, static_cast<uint32_t>(tensor.ne.size()));
    for (size_t i = 0; i < tensor.ne.size(); ++i) {
        out.at[prefix + "ne" + std::to_string(i)] = out.bytes.size();
        put(out.bytes, tensor.ne[i]);
    }
    out.at[prefix + "type"] = out.bytes.size();
    put(out.bytes, tensor.type_id);
    out.at[prefix + "offset"] = out.bytes.size();
    put(out.bytes, offset);
}

}  // namespace

GgufBytes GgufFile::build() const {
    GgufBytes out;
    out.at["magic"] = 0;
    put_bytes(out.bytes, "GGUF");
    out.at["version"] = out.bytes.size();
    put(out.bytes, version);
    out.at["tensor_count"] = out.bytes.size();
    put<uint64_t>(out.bytes, tensors.size());
    out.at["kv_count"] = out.bytes.size();
    put<uint64_t>(out.bytes, kvs.size());
    for (const GgufKv& kv : kvs) {
        put_kv(out, kv);
    }
    uint64_t offset = 0;
    for (const GgufTensorEntry& tensor : tensors) {
        put_tensor_info(out, tensor, offset);
        const uint64_t n_bytes = std::max<uint64_t>(tensor.data.size(), tensor.n_hole_bytes);
        offset += (n_bytes + alignment - 1) / alignment * alignment;
    }
    pad(out.bytes, alignment);
    out.at["data"] = out.bytes.size();
    for (const GgufTensorEntry& tensor : tensors) {
        out.at["tensor:" + tensor.name + ":data"] = out.bytes.size();
        out.bytes.insert(out.bytes.end(), tensor.data.begin(), tensor.data.end());
        pad(out.bytes, alignment);
    }
    return out;
}

void write_sparse(const GgufFile& file, const std::string& path) {
    const GgufBytes built = file.build();
    write_file(path, built.bytes);
    uint64_t size = built.bytes.size();
    for (const GgufTensorEntry& tensor : file.tensors) {
        size += (tensor.n_hole_bytes + file.alignment - 1) / file.alignment * file.alignment;
    }
    std::filesystem::resize_file(path, size);
}

}  // namespace support
