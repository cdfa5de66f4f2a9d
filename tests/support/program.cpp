#include "tests/support/program.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <stdexcept>

namespace support {

namespace {

struct Pipe {
    std::array<int, 2> fd{-1, -1};
    Pipe() {
        if (::pipe2(fd.data(), O_CLOEXEC) != 0) {
            throw std::runtime_error("no pipe");
        }
    }
    ~Pipe() {
        close_end(0);
        close_end(1);
    }
    Pipe(const Pipe&) = delete;
    Pipe& operator=(const Pipe&) = delete;
    void close_end(size_t i) {
        if (fd[i] >= 0) {
            ::close(fd[i]);
            fd[i] = -1;
        }
    }
};

[[noreturn]] void become(const std::string& program, const ProgramInput& input, Pipe& in, Pipe& out,
                         Pipe& err) {
    ::dup2(in.fd[0], 0);
    ::dup2(out.fd[1], 1);
    ::dup2(err.fd[1], 2);
    for (const auto& [name, value] : input.environment) {
        if (value.empty()) {
            ::unsetenv(name.c_str());
        } else {
            ::setenv(name.c_str(), value.c_str(), 1);
        }
    }
    std::vector<std::string> words = {program};
    words.insert(words.end(), input.arguments.begin(), input.arguments.end());
    std::vector<char*> argv;
    argv.reserve(words.size() + 1);
    for (std::string& word : words) {
        argv.push_back(word.data());
    }
    argv.push_back(nullptr);
    ::execv(program.c_str(), argv.data());
    ::_exit(127);
}

/// Appends what has come; closes the end when the program has closed its own.
void take(Pipe& pipe, std::string& text) {
    std::array<char, 65536> buffer{};
    const ssize_t n = ::read(pipe.fd[0], buffer.data(), buffer.size());
    if (n > 0) {
        text.append(buffer.data(), size_t(n));
    } else {
        pipe.close_end(0);
    }
}

void feed(Pipe& pipe, std::string& text, bool close_input) {
    const ssize_t n = text.empty() ? 0 : ::write(pipe.fd[1], text.data(), text.size());
    text.erase(0, size_t(n < 0 ? 0 : n));
    if (n < 0 || (text.empty() && close_input)) {
        pipe.close_end(1);
    }
}

}  // namespace

ProgramResult run_program(const std::string& program, const ProgramInput& input) {
    Pipe in;
    Pipe out;
    Pipe err;
    const pid_t child = ::fork();
    if (child < 0) {
        throw std::runtime_error("cannot fork");
    }
    if (child == 0) {
        become(program, input, in, out, err);
    }
    std::signal(SIGPIPE, SIG_IGN);
    in.close_end(0);
    out.close_end(1);
    err.close_end(1);
    ProgramResult result;
    std::string to_write = input.standard_input;
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::minutes(5);
    while (out.fd[0] >= 0 || err.fd[0] >= 0) {
        if (in.fd[1] >= 0 && (!to_write.empty() || input.close_input)) {
            feed(in, to_write, input.close_input);
        }
        std::array<pollfd, 2> fds = {{{out.fd[0], POLLIN, 0}, {err.fd[0], POLLIN, 0}}};
        ::poll(fds.data(), fds.size(), 50);
        if (fds[0].revents != 0) {
            take(out, result.out);
        }
        if (fds[1].revents != 0) {
            take(err, result.err);
        }
        if (input.interrupt && input.interrupt(result.out)) {
            ::kill(child, input.signal);
        }
        if (std::chrono::steady_clock::now() > deadline) {
            ::kill(child, SIGKILL);
        }
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    result.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    return result;
}

std::vector<std::string> lines_of(const std::string& text) {
    std::vector<std::string> lines;
    size_t begin = 0;
    while (begin < text.size()) {
        const size_t end = std::min(text.find('\n', begin), text.size());
        lines.push_back(text.substr(begin, end - begin));
        begin = end + 1;
    }
    return lines;
}

}  // namespace support
