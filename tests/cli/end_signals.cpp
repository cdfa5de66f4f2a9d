// SIGTERM, SIGINT and SIGHUP end the window in order: with an exit code, and with the chat saved.
#include "app/chats/history.h"
#include "tests/support/catch.h"
#include "tests/support/temp_dir.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>

namespace fs = std::filesystem;
using namespace app;

namespace {

constexpr int kShownTokens = 20;

/// The status of the program that `signal` came to while an answer streamed, of which kShownTokens
/// were on the screen.
int run_and_end(const fs::path& folder, int signal) {
    const fs::path shown = folder / "shown.png";
    const std::string script = (folder / "end.script").string();
    std::ofstream(script) << "timeout 100\nwait ready\nsend Tell me a long story.\nwait tokens "
                          << kShownTokens << "\nshot " << shown.string()
                          << "\nwait tokens 1000000\n";
    const std::string chats = (folder / "chats.sqlite").string();
    const pid_t child = ::fork();
    REQUIRE(child >= 0);
    if (child == 0) {
        const int log = ::open((folder / "program.log").c_str(), O_CREAT | O_WRONLY, 0600);
        ::dup2(log, 2);
        ::signal(signal, SIG_DFL);  // a test in the background of a shell has SIGINT ignored
        ::execl(LAPIDARY_PROGRAM, LAPIDARY_PROGRAM, "--script", script.c_str(), "--offscreen",
                "640x400", "--script-chats", chats.c_str(), nullptr);
        ::_exit(127);
    }
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(100);
    int status = 0;
    while (!fs::exists(shown) && std::chrono::steady_clock::now() < end) {
        if (::waitpid(child, &status, WNOHANG) != 0) {
            return status;
        }
        std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    ::kill(child, signal);
    ::waitpid(child, &status, 0);
    return status;
}

}  // namespace

TEST_CASE("a signal that asks the window to end ends it in order, with its chat saved") {
    for (const int signal : {SIGTERM, SIGINT, SIGHUP}) {
        INFO("signal " << signal);
        const support::TempDir dir;
        const int status = run_and_end(dir.path(), signal);
        std::ifstream in(dir.path() / "program.log");
        const std::string log{std::istreambuf_iterator<char>(in), {}};
        INFO(log);
        if (log.find("without the window") != std::string::npos) {
            SKIP("the program is built without the window");
        }
        REQUIRE(WIFEXITED(status));
        CHECK(WEXITSTATUS(status) == 128 + signal);
        HistoryProblem problem;
        const auto store = HistoryStore::open((dir.path() / "chats.sqlite").string(), problem);
        REQUIRE(store != nullptr);
        REQUIRE(store->chats().size() == 1);
        LoadedChat chat;
        REQUIRE(store->load(store->chats()[0].id, chat));
        REQUIRE(chat.messages.size() == 2);
        const StoredMessage& answer = chat.messages[1];
        CHECK(answer.n_tokens >= answer.facts.n_prompt + kShownTokens);
    }
}
