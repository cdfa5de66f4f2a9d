#include "tests/support/npz.h"

#include "model/quant.h"

#include <bit>
#include <cstring>
#include <fstream>
#include <iterator>
#include <stdexcept>

namespace support {
namespace {

static_assert(std::endian::native == std::endian::little);

struct Reader {
    std::string path;
    std::string bytes;

    [[noreturn]] void refuse(const std::string& what) const {
        throw std::runtime_error(path + ": " + what);
    }
    template <class T>
    T number(size_t at) const {
        T value{};
        if (at + sizeof value > bytes.size()) {
            refuse("ends early");
        }
        std::memcpy(&value, bytes.data() + at, sizeof value);
        return value;
    }
    std::string text(size_t at, size_t n) const {
        if (at + n > bytes.size()) {
            refuse("ends early");
        }
        return bytes.substr(at, n);
    }
};

/// Text between `open` and `close` after `key` in a .npy header.
std::string field(const Reader& file, const std::string& header, const std::string& key, char open,
                  char close) {
    const size_t at = header.find("'" + key + "'");
    const size_t begin = header.find(open, header.find(':', at));
    const size_t end = header.find(close, begin + 1);
    if (at == std::string::npos || begin == std::string::npos || end == std::string::npos) {
        file.refuse("no '" + key + "' in an array's header");
    }
    return header.substr(begin + 1, end - begin - 1);
}

template <class T>
void append(std::vector<double>& values, const Reader& file, size_t at, size_t n) {
    for (size_t i = 0; i < n; ++i) {
        values.push_back(static_cast<double>(file.number<T>(at + i * sizeof(T))));
    }
}

NpyArray read_npy(const Reader& file, size_t at) {
    if (file.text(at, 6) != "\x93NUMPY" || file.number<uint8_t>(at + 6) != 1) {
        file.refuse("an entry is no .npy of version 1");
    }
    const size_t header_bytes = file.number<uint16_t>(at + 8);
    const std::string header = file.text(at + 10, header_bytes);
    const size_t data = at + 10 + header_bytes;

    NpyArray array;
    size_t n = 1;
    const std::string shape = field(file, header, "shape", '(', ')');
    for (size_t i = 0; i < shape.size();) {
        if (shape[i] < '0' || shape[i] > '9') {
            ++i;
            continue;
        }
        size_t used = 0;
        array.shape.push_back(std::stoul(shape.substr(i), &used));
        n *= array.shape.back();
        i += used;
    }
    array.values.reserve(n);
    const std::string type = field(file, header, "descr", '\'', '\'');
    if (type == "<f4") {
        append<float>(array.values, file, data, n);
    } else if (type == "<f8") {
        append<double>(array.values, file, data, n);
    } else if (type == "<i4") {
        append<int32_t>(array.values, file, data, n);
    } else if (type == "<i8") {
        append<int64_t>(array.values, file, data, n);
    } else if (type == "|u1") {
        append<uint8_t>(array.values, file, data, n);
    } else if (type == "<f2") {
        for (size_t i = 0; i < n; ++i) {
            array.values.push_back(model::half_to_float(file.number<uint16_t>(data + 2 * i)));
        }
    } else {
        file.refuse("array of type " + type);
    }
    return array;
}

}  // namespace

std::vector<double> NpyArray::at(size_t i) const {
    const auto begin = values.begin() + static_cast<std::ptrdiff_t>(i * stride());
    return {begin, begin + static_cast<std::ptrdiff_t>(stride())};
}

Npz read_npz(const std::string& path) {
    std::ifstream in(path, std::ios::binary);
    if (!in) {
        throw std::runtime_error(path + ": cannot be opened");
    }
    const Reader file{path, {std::istreambuf_iterator<char>(in), {}}};
    constexpr uint32_t kLocalHeader = 0x04034b50;
    Npz arrays;
    for (size_t at = 0; file.number<uint32_t>(at) == kLocalHeader;) {
        if (file.number<uint16_t>(at + 8) != 0) {
            file.refuse("is compressed; see tests/golden/store_npz.py");
        }
        size_t n_bytes = file.number<uint32_t>(at + 18);
        const size_t name_bytes = file.number<uint16_t>(at + 26);
        const size_t extra_bytes = file.number<uint16_t>(at + 28);
        std::string name = file.text(at + 30, name_bytes);
        if (name.ends_with(".npy")) {
            name.resize(name.size() - 4);
        }
        if (n_bytes == 0xFFFFFFFF) {  // ZIP64: behind the tag, its length and the plain size
            n_bytes = file.number<uint64_t>(at + 30 + name_bytes + 12);
        }
        const size_t data = at + 30 + name_bytes + extra_bytes;
        arrays.emplace(name, read_npy(file, data));
        at = data + n_bytes;
    }
    return arrays;
}

}  // namespace support
