// The thread that looks at this machine: what it lists while it looks, and what ends it.
#include "app/library/library.h"
#include "tests/support/heap_count.h"
#include "tests/support/temp_dir.h"

#include "tests/support/catch.h"

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <thread>

namespace fs = std::filesystem;
using namespace app;

namespace {

/// So many files that look like models and are none.
void fill(const fs::path& folder, size_t n) {
    for (size_t i = 0; i < n; ++i) {
        std::ofstream(folder / ("m" + std::to_string(i) + ".gguf"))
            << "GGUF" + std::string(60, 'x');
    }
}

size_t n_below(const LibraryFacts& facts, const fs::path& folder) {
    return size_t(std::ranges::count_if(facts.models, [&](const FoundModel& m) {
        return m.path.starts_with(folder.string() + "/");
    }));
}

/// Until the last job is done; the fewest of the folder's models that were ever listed.
size_t fewest_until_done(Library& library, const fs::path& folder, uint64_t since) {
    size_t fewest = size_t(-1);
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    while (std::chrono::steady_clock::now() < end) {
        const auto facts = library.facts();
        if (facts->version > since) {
            fewest = std::min(fewest, n_below(*facts, folder));
        }
        if (facts->version > since + 1 && !facts->searching) {
            return fewest;
        }
        std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    return 0;
}

}  // namespace

// Bug: a new look began with an empty list, which filled up again before the user's eyes.
TEST_CASE("a second look keeps what is listed, and drops what is gone") {
    const support::TempDir dir;
    constexpr size_t kMany = 6000;  // enough to be told of in parts
    fill(dir.path(), kMany);
    Library library([] {});
    library.search({dir.path().string()});
    fewest_until_done(library, dir.path(), 0);
    REQUIRE(n_below(*library.facts(), dir.path()) == kMany);
    fs::remove(dir.path() / "m17.gguf");
    std::ofstream(dir.path() / "new.gguf") << "GGUF" + std::string(60, 'x');
    const uint64_t before = library.facts()->version;
    library.search({dir.path().string()});
    CHECK(fewest_until_done(library, dir.path(), before) >= kMany - 1);
    const auto facts = library.facts();
    CHECK(n_below(*facts, dir.path()) == kMany);
    CHECK(facts->rooms.size() == facts->models.size());
    CHECK(std::ranges::none_of(facts->models, [](const FoundModel& m) { return m.name == "m17"; }));
    CHECK(std::ranges::is_sorted(facts->models, {}, [](const FoundModel& m) {
        return std::pair(m.found_in == FoundIn::own_folder ? 0 : 1, m.name);
    }));
}

// Bug: only base::Error was caught, so full memory in this thread ended the program.
TEST_CASE("full memory ends a look with a reason, and the next one works") {
    if (!support::HeapLimit::works()) {
        SKIP("the sanitizers bring their own operator new");
    }
    const support::TempDir dir;
    fill(dir.path(), 3000);
    Library library([] {});
    {
        const support::HeapLimit limit(256 << 10);
        library.search({dir.path().string()});
        fewest_until_done(library, dir.path(), 0);
    }
    CHECK_FALSE(library.facts()->searching);
    CHECK(library.facts()->problem == "the computer's memory is full");
    const uint64_t before = library.facts()->version;
    library.search({dir.path().string()});
    fewest_until_done(library, dir.path(), before);
    CHECK(library.facts()->problem.empty());
    CHECK(n_below(*library.facts(), dir.path()) == 3000);
}
