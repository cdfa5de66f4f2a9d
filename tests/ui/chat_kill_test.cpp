// kill -9 while an answer streams, again and again, into the same file: every message that was
// shown as sent is there, the answer is at most a second old, and the file is sound.
#include "tests/support/catch.h"
#include "tests/support/chat_data.h"
#include "tests/support/chat_window.h"
#include "tests/support/engine_driver.h"
#include "tests/support/random.h"
#include "tests/support/temp_dir.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <sstream>

using namespace app;

namespace {

int64_t now_ms() {
    return std::chrono::duration_cast<std::chrono::milliseconds>(
               std::chrono::steady_clock::now().time_since_epoch())
        .count();
}

void tell(int fd, const std::string& line) {
    const std::string whole = line + "\n";
    if (::write(fd, whole.data(), whole.size()) < 0) {
        ::_exit(3);
    }
}

/// The window of one session: messages are sent, answers stream at some 200 tokens a second, and
/// what is on the screen is told. Never returns.
[[noreturn]] void chat_for_ever(const std::string& path, int fd, int run) {
    test::FakeOptions options;
    options.n_layers = options.n_heads = 1;
    options.n_ctx = 100000;
    options.answer.assign(400, " n");
    test::ChatWindow w(path, options);
    tell(fd, "ready");
    for (int i = 0;; ++i) {
        const std::string text = "question " + std::to_string(run) + " " + std::to_string(i);
        w.state.send(text);
        bool sent = false;
        while (w.state.busy()) {
            w.frame();
            if (!sent && !w.state.file.held) {
                sent = true;  // the engine hears of it: it counts as sent
                tell(fd, "sent " + text);
            }
            const ui::Message& m = w.answer();
            tell(fd, "shown " + std::to_string(now_ms()) + " " + std::to_string(m.stored) + " " +
                         std::to_string(m.text.size()));
            std::this_thread::sleep_for(std::chrono::milliseconds(3));
        }
        if (w.state.file.problem) {
            tell(fd, "problem " + w.state.file.problem->message);
        }
    }
}

struct Told {
    std::vector<std::string> sent;
    std::vector<std::string> problems;
    struct Shown {
        int64_t at = 0;  // milliseconds
        MessageId answer = 0;
        size_t bytes = 0;
    };
    std::vector<Shown> shown;
};

Told listen(int fd, const std::string& first) {
    std::string all = first;
    char buffer[65536];
    for (ssize_t n = 0; (n = ::read(fd, buffer, sizeof buffer)) > 0;) {
        all.append(buffer, size_t(n));
    }
    Told told;
    std::istringstream in(all);
    for (std::string line; std::getline(in, line);) {
        if (in.eof()) {
            break;  // cut off in the middle
        }
        if (line.starts_with("sent ")) {
            told.sent.push_back(line.substr(5));
        } else if (line.starts_with("problem ")) {
            told.problems.push_back(line);
        } else if (line.starts_with("shown ")) {
            long long at = 0, id = 0, size = 0;
            std::sscanf(line.c_str(), "shown %lld %lld %lld", &at, &id, &size);
            told.shown.push_back({at, id, size_t(size)});
        }
    }
    return told;
}

}  // namespace

TEST_CASE("killed while streaming, nothing that was sent is lost and the file is sound") {
    const char* full = std::getenv("LAPIDARY_FULL");
    const int n_runs = full != nullptr && *full == '1' ? 100 : 20;
    support::TempDir folder;
    const std::string path = (folder.path() / "chats.sqlite").string();
    support::Random random{uint64_t(now_ms())};
    std::vector<std::string> all_sent;
    // A second, on a machine that does nothing else.
    const auto allowed_ms = int64_t(1000 * support::load_factor());
    int64_t most_behind_ms = 0;
    size_t n_shown = 0;
    for (int run = 0; run < n_runs; ++run) {
        INFO("run " << run);
        int pipes[2] = {-1, -1};
        REQUIRE(::pipe(pipes) == 0);
        const pid_t child = ::fork();
        REQUIRE(child >= 0);
        if (child == 0) {
            ::close(pipes[0]);
            chat_for_ever(path, pipes[1], run);
        }
        ::close(pipes[1]);
        char ready = 0;
        std::string begun;
        while (begun.find('\n') == std::string::npos && ::read(pipes[0], &ready, 1) == 1) {
            begun += ready;
        }
        // Read on while it runs: a full pipe would hold it up.
        const int64_t kill_at = now_ms() + int64_t(100 + random.below(1400));
        std::string told_so_far = begun;
        while (now_ms() < kill_at) {
            char buffer[4096];
            const ssize_t n = ::read(pipes[0], buffer, sizeof buffer);
            if (n <= 0) {
                break;
            }
            told_so_far.append(buffer, size_t(n));
        }
        const int64_t killed_at = now_ms();
        REQUIRE(::kill(child, SIGKILL) == 0);
        REQUIRE(::waitpid(child, nullptr, 0) == child);
        const Told told = listen(pipes[0], told_so_far);
        ::close(pipes[0]);
        CHECK(told.problems.empty());
        all_sent.insert(all_sent.end(), told.sent.begin(), told.sent.end());
        REQUIRE(support::is_sound(path));
        HistoryProblem problem;
        const auto store = HistoryStore::open(path, problem);
        INFO(problem.message);
        REQUIRE(store != nullptr);
        std::map<std::string, int> found;
        std::map<MessageId, size_t> sizes;
        for (const StoredChat& chat : store->chats()) {
            LoadedChat loaded;
            REQUIRE(store->load(chat.id, loaded));
            for (const StoredMessage& m : loaded.messages) {
                found[m.text] += m.role == model::Role::user ? 1 : 0;
                sizes[m.id] = m.text.size();
                std::vector<StoredToken> tokens;
                CHECK((m.n_tokens == 0 || store->load_tokens(m.id, tokens)));
            }
        }
        for (const std::string& text : all_sent) {
            INFO(text);
            CHECK(found[text] == 1);
        }
        // The first thing that was on the screen and is not in the file: that much is lost.
        for (const Told::Shown& one : told.shown) {
            n_shown += one.bytes > 0 ? 1 : 0;
            if (one.bytes > sizes[one.answer]) {
                most_behind_ms = std::max(most_behind_ms, killed_at - one.at);
            }
        }
    }
    CHECK(all_sent.size() >= size_t(n_runs));
    CHECK(n_shown > size_t(n_runs));
    CHECK(most_behind_ms > 0);  // else the kills came when nothing was being written
    CHECK(most_behind_ms <= allowed_ms);
    std::printf("  %d kills, %zu sent messages, none lost; answers at most %lld ms behind\n",
                n_runs, all_sent.size(), static_cast<long long>(most_behind_ms));
}
