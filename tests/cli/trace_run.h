// Runs trace and reads what it wrote. Included by tests/cli/trace*.cpp only.
#pragma once

#include "tests/support/catch.h"
#include "tests/support/npz.h"
#include "tests/support/program.h"
#include "tests/support/temp_dir.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>
#include <vector>

namespace cli {

inline std::string ids_of(const support::NpyArray& tokens) {
    std::string list;
    for (const double id : tokens.values) {
        list += (list.empty() ? "" : ",") + std::to_string(int(id));
    }
    return list;
}

inline support::Npz trace(const std::string& model, const std::string& ids,
                          std::vector<std::string> more) {
    const support::TempDir folder;
    const std::string file = (folder.path() / "t.npz").string();
    std::vector<std::string> arguments = {"trace", "-m", model, "--tokens", ids, "-o", file};
    arguments.insert(arguments.end(), more.begin(), more.end());
    const auto result = support::run_program(LAPIDARY_PROGRAM, {.arguments = std::move(arguments),
                                                                .standard_input = "",
                                                                .environment = {},
                                                                .interrupt = {}});
    INFO(result.err);
    REQUIRE(result.exit_code == 0);
    CHECK(result.out == file + "\n");
    return support::read_npz(file);
}

/// max|a - b| <= limit * max|b| over the finite values of b.
inline void check_close(const support::NpyArray& a, const std::vector<double>& b, double limit) {
    REQUIRE(a.values.size() == b.size());
    double largest = 0;
    double difference = 0;
    for (size_t i = 0; i < b.size(); ++i) {
        if (std::isfinite(b[i]) && std::isfinite(a.values[i])) {
            largest = std::max(largest, std::abs(b[i]));
            difference = std::max(difference, std::abs(a.values[i] - b[i]));
        } else {
            REQUIRE(std::isfinite(b[i]) == std::isfinite(a.values[i]));
        }
    }
    CHECK(difference <= limit * largest);
}

}  // namespace cli
