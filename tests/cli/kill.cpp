// kill -9 of the built program while the shipped model's answer streams, again and again, with one
// file of chats: no sent message is lost, the file is sound, the answer is at most a second behind.
#include "app/chats/database.h"
#include "app/chats/history.h"
#include "tests/support/catch.h"
#include "tests/support/chat_data.h"
#include "tests/support/engine_driver.h"
#include "tests/support/random.h"
#include "tests/support/temp_dir.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <optional>
#include <string>
#include <thread>
#include <vector>

namespace fs = std::filesystem;
using namespace app;

namespace {

constexpr int kQuestions = 6;
constexpr int kSteps[] = {1, 10, 25, 40, 60, 80, 100, 120, 140, 160};

std::string question(int run, int i) {
    return "Question " + std::to_string(run) + " " + std::to_string(i) + ": tell me a long story.";
}
/// A picture that is written when so many tokens of an answer are on the screen.
fs::path proof(const fs::path& folder, int run, int i, int tokens) {
    return folder /
           (std::to_string(run) + "-" + std::to_string(i) + "-" + std::to_string(tokens) + ".png");
}

fs::path write_script(const fs::path& folder, int run) {
    const fs::path path = folder / "kill.script";
    std::ofstream out(path);
    out << "timeout 100\ninspector off\nwait ready\n";
    for (int i = 0; i < kQuestions; ++i) {
        out << "send " << question(run, i) << "\n";
        for (const int n : kSteps) {
            out << "wait tokens " << n << "\nshot " << proof(folder, run, i, n).string() << "\n";
        }
        out << "wait idle\nkey Ctrl+N\nwait frames 2\n";
    }
    return path;
}

/// Ends it by SIGKILL some time after the first token; the time of the kill. Nothing: it ended by
/// itself, which is a fault.
std::optional<fs::file_time_type> run_and_kill(const fs::path& folder, int run, int delay_ms) {
    const std::string script = write_script(folder, run).string();
    const std::string chats = (folder / "chats.sqlite").string();
    const pid_t child = ::fork();
    REQUIRE(child >= 0);
    if (child == 0) {
        const int log =
            ::open((folder / "program.log").c_str(), O_CREAT | O_WRONLY | O_TRUNC, 0600);
        ::dup2(log, 2);
        ::execl(LAPIDARY_PROGRAM, LAPIDARY_PROGRAM, "--script", script.c_str(), "--offscreen",
                "640x400", "--script-chats", chats.c_str(), nullptr);
        ::_exit(127);
    }
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(100);
    int status = 0;
    while (!fs::exists(proof(folder, run, 0, 1)) && std::chrono::steady_clock::now() < end &&
           ::waitpid(child, &status, WNOHANG) == 0) {
        std::this_thread::sleep_for(std::chrono::milliseconds(2));
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(delay_ms));
    if (::waitpid(child, &status, WNOHANG) != 0) {
        return std::nullopt;
    }
    const fs::file_time_type at = fs::file_time_type::clock::now();
    ::kill(child, SIGKILL);
    ::waitpid(child, &status, 0);
    return at;
}

struct Answer {
    bool ended = false;
    size_t n_tokens = 0;  // of the answer
};
struct Found {
    std::map<std::string, int> questions;
    std::map<std::string, Answer> answers;  // by question
};

Found read(const std::string& path) {
    HistoryProblem problem;
    const auto store = HistoryStore::open(path, problem);
    INFO(problem.message);
    REQUIRE(store != nullptr);
    Found found;
    for (const StoredChat& chat : store->chats()) {
        LoadedChat loaded;
        REQUIRE(store->load(chat.id, loaded));
        std::map<MessageId, std::string> texts;
        for (const StoredMessage& m : loaded.messages) {
            texts[m.id] = m.text;
            if (m.role == model::Role::user) {
                ++found.questions[m.text];
                continue;
            }
            std::vector<StoredToken> tokens;
            REQUIRE((m.n_tokens == 0 || store->load_tokens(m.id, tokens)));
            found.answers[texts[m.parent]] = {
                m.facts.finish.has_value(),
                tokens.size() - std::min<size_t>(tokens.size(), m.facts.n_prompt)};
        }
    }
    return found;
}

}  // namespace

TEST_CASE("the program killed while it streams loses no sent message and a second of the answer") {
    const support::TempDir dir;
    const fs::path folder = dir.path();
    const char* full = std::getenv("LAPIDARY_FULL");
    const int n_runs = full != nullptr && *full == '1' ? 100 : 4;
    const std::string chats = (folder / "chats.sqlite").string();
    const auto allowed_ms = int64_t(1000 * support::load_factor());
    const std::chrono::milliseconds allowed(allowed_ms);
    support::Random random{uint64_t(std::chrono::steady_clock::now().time_since_epoch().count())};
    std::vector<std::string> sent;
    size_t n_checked = 0, n_cut = 0;
    for (int run = 0; run < n_runs; ++run) {
        INFO("run " << run);
        // Every other one so late that there is something a second old to look for.
        const int64_t wait_ms = run % 2 == 0 ? 0 : allowed_ms + 200;
        const auto killed_at = run_and_kill(folder, run, int(wait_ms) + int(random.below(1500)));
        std::ifstream in(folder / "program.log");
        const std::string log{std::istreambuf_iterator<char>(in), {}};
        if (!killed_at && log.find("without the window") != std::string::npos) {
            SKIP("the program is built without the window");
        }
        INFO(log);
        REQUIRE(killed_at);
        for (int i = 0; i < kQuestions; ++i) {
            if (fs::exists(proof(folder, run, i, 1))) {
                sent.push_back(question(run, i));
            }
        }
        REQUIRE(support::is_sound(chats));
        const Found found = read(chats);
        for (const std::string& text : sent) {
            INFO(text);
            const auto at = found.questions.find(text);
            CHECK((at != found.questions.end() && at->second == 1));
        }
        for (int i = 0; i < kQuestions; ++i) {
            for (const int n : kSteps) {
                std::error_code error;
                const auto shown = fs::last_write_time(proof(folder, run, i, n), error);
                if (error || *killed_at - shown < allowed) {
                    continue;
                }
                const auto answer = found.answers.find(question(run, i));
                REQUIRE(answer != found.answers.end());
                INFO("answer " << i << ", " << n << " tokens were shown");
                CHECK((answer->second.ended || answer->second.n_tokens >= size_t(n)));
                ++n_checked;
            }
        }
        for (const auto& [text, answer] : found.answers) {
            n_cut += !answer.ended && text.starts_with("Question " + std::to_string(run) + " ");
        }
        for (const fs::directory_entry& entry : fs::directory_iterator(folder)) {
            if (entry.path().extension() == ".png") {
                fs::remove(entry.path());
            }
        }
    }
    CHECK(sent.size() >= size_t(n_runs));
    CHECK(n_checked > 0);
    CHECK(n_cut > 0);  // else the kills came when nothing was being written
    std::printf(
        "  %d kills, %zu sent messages, none lost; %zu answers were cut, %zu looks at what "
        "had been shown for a second\n",
        n_runs, sent.size(), n_cut, n_checked);
}
