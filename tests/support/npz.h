// npz: reads NumPy archives whose entries are stored, not deflated (tests/golden/store_npz.py).
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace support {

/// One array, C order. f2, f4, f8, u1, i4 and i8 are read, as doubles.
struct NpyArray {
    std::vector<size_t> shape;
    std::vector<double> values;

    size_t dim(size_t axis) const { return shape.at(axis); }
    /// Elements of one step of the first axis.
    size_t stride() const { return shape.empty() || shape[0] == 0 ? 0 : values.size() / shape[0]; }
    /// The i-th step of the first axis.
    std::vector<double> at(size_t i) const;
};

using Npz = std::map<std::string, NpyArray>;  // by name, without ".npy"

/// Throws std::runtime_error naming the file and what is wrong with it.
Npz read_npz(const std::string& path);

}  // namespace support
