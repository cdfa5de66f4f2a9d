// The log and the load marker in the state folder.
#include "app/state_folder.h"
#include "app/diagnostics.h"
#include "tests/support/temp_dir.h"

#include "tests/support/catch.h"

#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>

using namespace app;

namespace {

size_t n_files(const std::filesystem::path& folder) {
    const std::filesystem::directory_iterator it(folder), end;
    return size_t(std::distance(it, end));
}

}  // namespace

TEST_CASE("the log keeps its size, its mode and the newest lines") {
    const support::TempDir dir;
    const std::string folder = (dir.path() / "a" / "state").string();
    {
        const LogFile log(folder, 4096);
        for (int i = 0; i < 400; ++i) {
            base::log(base::LogArea::app, "line {} of many", i);
        }
    }
    base::log(base::LogArea::app, "nobody reads this");
    CHECK(n_files(folder) == 3);
    CHECK(std::filesystem::file_size(folder + "/lapidary.log") <= 4096);
    CHECK(std::filesystem::file_size(folder + "/lapidary.log.2") <= 4096);
    struct stat info {};
    REQUIRE(::stat((folder + "/lapidary.log").c_str(), &info) == 0);
    CHECK((info.st_mode & 0777) == 0600);
    const std::string tail = log_tail(folder, 200);
    CHECK(tail.size() <= 200);
    CHECK(tail.ends_with("[app] line 399 of many\n"));
    CHECK(tail.starts_with("20"));  // a whole line, with its date
    CHECK(log_tail((dir.path() / "nothing").string()).empty());
}

TEST_CASE("a folder that cannot be written to changes nothing") {
    const LogFile log("/proc/no such folder");
    base::log(base::LogArea::app, "into the void");
    const LoadMarker marker("/proc/no such folder");
    marker.set("m.gguf", "");
    CHECK_FALSE(marker.broken());
    LoadMarker("").set("m.gguf", "");
}

TEST_CASE("a marker tells of a load only when its process is gone") {
    const support::TempDir dir;
    const LoadMarker marker(dir.path().string());
    CHECK_FALSE(marker.broken());
    marker.set("m.gguf", "cpu");
    CHECK_FALSE(marker.broken());  // this very process is loading
    marker.clear();
    CHECK(n_files(dir.path()) == 0);

    const pid_t child = ::fork();
    REQUIRE(child >= 0);
    if (child == 0) {
        marker.set("Zoë \"quoted\".gguf", "cpu");
        ::_exit(0);  // without clear(): as if the driver had died
    }
    int status = 0;
    REQUIRE(::waitpid(child, &status, 0) == child);
    for (int start = 0; start < 2; ++start) {  // until somebody decides
        const auto broken = marker.broken();
        REQUIRE(broken);
        CHECK(broken->path == "Zoë \"quoted\".gguf");
        CHECK(broken->device == "cpu");
        CHECK(broken->when.starts_with("20"));
    }
    CHECK(diagnostics({.state_folder = dir.path().string(), .in_use = {}})
              .find("A load did not end: Zoë") != std::string::npos);
    marker.forget();
    CHECK_FALSE(marker.broken());
    CHECK(n_files(dir.path()) == 0);
}

TEST_CASE("a marker that was cut short still counts, and one of a live process stays") {
    const support::TempDir dir;
    std::ofstream(dir.path() / "loading-1.json") << "{\"pa";
    const LoadMarker marker(dir.path().string());
    marker.set("mine.gguf", "");
    REQUIRE(marker.broken());
    CHECK(marker.broken()->path.empty());
    marker.forget();
    CHECK_FALSE(marker.broken());
    CHECK(n_files(dir.path()) == 1);
    marker.clear();
}

TEST_CASE("diagnostics name versions, devices, limits and layers, and hold no control characters") {
    const support::TempDir dir;
    const std::string text =
        diagnostics({.state_folder = dir.path().string(), .in_use = "Model x\n"});
    for (const char* part : {"Lapidary ", "Linux", "Vulkan", "memory", "Model x", "No log."}) {
        INFO(text);
        CHECK(text.find(part) != std::string::npos);
    }
    CHECK(text.find('\x1b') == std::string::npos);
}
