// The user's own folders, whatever the environment says.
#include "app/home_folder.h"

#include "app/chats/history.h"
#include "app/state_folder.h"
#include "tests/support/temp_dir.h"
#include "tests/support/variable.h"

#include <catch2/catch_test_macros.hpp>

#include <filesystem>
#include <optional>
#include <string>

using support::Variable;

TEST_CASE("home folder: a dialog proposes Downloads where there is one, else home, else /tmp") {
    const support::TempDir dir;
    const std::string home = dir.path().string();
    {
        const Variable variable("HOME", home);
        CHECK(app::home_folder() == home);
        CHECK(app::proposed_folder() == home);
        std::filesystem::create_directory(dir.path() / "Downloads");
        CHECK(app::proposed_folder() == home + "/Downloads");
        CHECK(app::expand_home("~/a/b.gguf") == home + "/a/b.gguf");
        CHECK(app::expand_home("~") == home);
        CHECK(app::expand_home("~zoe/b.gguf") == "~zoe/b.gguf");
        CHECK(app::expand_home("/a/~/b") == "/a/~/b");
    }
    // One dialog took a relative path, another made "/Downloads" of an empty one.
    for (const auto& none : {std::optional<std::string>(), std::optional<std::string>(""),
                             std::optional<std::string>("relative")}) {
        const Variable variable("HOME", none);
        CHECK(app::home_folder().empty());
        CHECK(app::proposed_folder() == "/tmp");
        CHECK(app::expand_home("~/b") == "~/b");
    }
}

TEST_CASE("home folder: XDG's variables come first, and what is no whole path does not count") {
    const Variable home("HOME", "/home/zoe");
    {
        const Variable state("XDG_STATE_HOME", "/state");
        const Variable data("XDG_DATA_HOME", "/data");
        CHECK(app::state_folder() == "/state/lapidary");
        CHECK(app::HistoryStore::default_path() == "/data/lapidary/chats.sqlite");
    }
    const Variable state("XDG_STATE_HOME", "relative");
    const Variable data("XDG_DATA_HOME", std::nullopt);
    CHECK(app::state_folder() == "/home/zoe/.local/state/lapidary");
    CHECK(app::HistoryStore::default_path() == "/home/zoe/.local/share/lapidary/chats.sqlite");
    const Variable no_home("HOME", "relative");
    CHECK(app::state_folder().empty());
    CHECK(app::HistoryStore::default_path().empty());
}
