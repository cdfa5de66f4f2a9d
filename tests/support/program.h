// Runs the built program as a person does: arguments, standard input, environment; what it wrote
// and how it ended.
#pragma once

#include <functional>
#include <string>
#include <utility>
#include <vector>

namespace support {

struct ProgramResult {
    int exit_code = -1;  // 128 + signal when a signal ended it
    std::string out, err;
};

struct ProgramInput {
    std::vector<std::string> arguments;
    std::string standard_input;
    std::vector<std::pair<std::string, std::string>> environment;  // an empty value unsets
    /// Called with what has come on stdout so far; true: send `signal`, once per true.
    std::function<bool(const std::string&)> interrupt;
    int signal = 2;           // SIGINT
    bool close_input = true;  // false: keep stdin open until the program ends
};

/// Ends the program after five minutes.
ProgramResult run_program(const std::string& program, const ProgramInput& input);

std::vector<std::string> lines_of(const std::string& text);

}  // namespace support
