// Texts and colours of the window: numbers, token faces, settings.
#include "tests/support/catch.h"

#include <sys/stat.h>

#include <chrono>
#include <filesystem>
#include <fstream>

#include "app/exports/png.h"
#include "app/ui/state/config_file.h"
#include "app/ui/widgets/format.h"
#include "tests/support/png.h"
#include "tests/support/temp_dir.h"

using namespace app::ui;

TEST_CASE("numbers are written as the design says") {
    CHECK(percent(0.231) == "23.1 %");
    CHECK(percent_fine(0.8882) == "88.82 %");
    CHECK(percent_fine(0.000098) == "0.0098 %");
    CHECK(percent(1.0) == "100 %");
    CHECK(percent(0.0) == "0.0 %");
    CHECK(app::thousands(262144) == "262,144");
    CHECK(app::thousands(999) == "999");
    CHECK(fixed(-1.5, 2) == "−1.50");
    CHECK(fixed(-0.001, 2) == "0.00");
    CHECK(file_size(11656288) == "11.7 MB");
    CHECK(nice_step(0.2) == 1);
    CHECK(nice_step(1.5) == 2);
    CHECK(nice_step(3) == 5);
    CHECK(nice_step(57.5) == 100);
    CHECK(nice_step(2048) == 5000);
    CHECK(parameter_count(5800000) == "5.8 M");
}

TEST_CASE("every token has a face") {
    CHECK(token_face("␠n", " n", false).leading_spaces == 1);
    CHECK(token_face("␠n", " n", false).text == "n");
    CHECK(token_face("␠×4", "    ", false).only_spaces);
    CHECK(token_face("↵", "\n", false).text == "↵");
    CHECK(token_face("↵×2", "\n\n", false).text == "↵↵");
    CHECK(token_face("<0xE2>", "\xE2", false).text == "<0xE2>");
    CHECK(token_face("<bos>", "", true).text == "<bos>");
    CHECK(token_face("石", "石", false).text == "石");
}

TEST_CASE("settings keep unknown keys, and a broken file is set aside") {
    namespace fs = std::filesystem;
    const fs::path folder = fs::temp_directory_path() / "lapidary-config-test";
    fs::remove_all(folder);
    fs::create_directories(folder);
    const std::string path = (folder / "config.json").string();
    std::ofstream(path) << R"({"theme": "light", "future": {"a": 1}, "scale_percent": 125})";
    std::string problem;
    ConfigFile file(path);
    Config config = file.load(problem);
    CHECK(problem.empty());
    CHECK(config.theme == ThemeMode::light);
    CHECK(config.scale_percent == 125);
    config.high_contrast = config.reduced_motion = true;
    config.send_key = SendKey::ctrl_enter;
    remember_recent(config, "/models/a.gguf");
    remember_recent(config, "/models/b.gguf");
    remember_recent(config, "/models/a.gguf");
    CHECK(config.recent == std::vector<std::string>{"/models/a.gguf", "/models/b.gguf"});
    REQUIRE(file.save(config, problem));
    std::ifstream in(path);
    const std::string text((std::istreambuf_iterator<char>(in)), {});
    CHECK(text.find("\"future\"") != std::string::npos);
    CHECK(text.find("/models/b.gguf") != std::string::npos);
    const Config again = ConfigFile(path).load(problem);
    CHECK(again.high_contrast);
    CHECK(again.reduced_motion);
    CHECK(again.send_key == SendKey::ctrl_enter);

    std::ofstream(path, std::ios::trunc) << "{ not json";
    ConfigFile broken(path);
    broken.load(problem);
    CHECK_FALSE(problem.empty());
    CHECK(fs::exists(path + ".bad"));
    CHECK_FALSE(fs::exists(path));
    std::ofstream(path, std::ios::trunc) << "{ worse";
    ConfigFile(path).load(problem);
    CHECK(problem.find(".bad.2") != std::string::npos);
    CHECK(fs::file_size(path + ".bad") == 10);  // the first one is as it was
    CHECK(fs::file_size(path + ".bad.2") == 7);
    fs::remove_all(folder);
}

// Bug: every frame parsed and dumped all settings to find out that nothing had changed.
TEST_CASE("settings that have not changed cost a frame nothing") {
    const support::TempDir dir;
    const std::string path = (dir.path() / "config.json").string();
    Config config;
    for (int i = 0; i < 3000; ++i) {
        config.presets.push_back({"Preset " + std::to_string(i), {}, {}});
    }
    ConfigFile file(path);
    std::string problem;
    REQUIRE(file.save(config, problem));
    const auto begun = std::chrono::steady_clock::now();
    for (int frame = 0; frame < 600; ++frame) {
        REQUIRE(file.save(config, problem));
    }
    const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - begun;
    CHECK(seconds.count() < 2);
    config.presets.back().sampling.top_k = 3;
    REQUIRE(file.save(config, problem));
    CHECK(ConfigFile(path).load(problem).presets.back().sampling.top_k == 3);
}

TEST_CASE("settings behind a link stay there, and what is no file is left alone") {
    namespace fs = std::filesystem;
    const fs::path folder = fs::temp_directory_path() / "lapidary-config-link-test";
    fs::remove_all(folder);
    fs::create_directories(folder / "dot");
    const fs::path path = folder / "config.json", behind = folder / "dot" / "mine.json";
    std::ofstream(behind) << R"({"scale_percent": 125})";
    fs::create_symlink(behind, path);
    std::string problem;
    ConfigFile file(path.string());
    Config config = file.load(problem);
    CHECK(config.scale_percent == 125);
    config.scale_percent = 150;
    REQUIRE(file.save(config, problem));
    CHECK(fs::is_symlink(path));
    CHECK(ConfigFile(behind.string()).load(problem).scale_percent == 150);

    fs::remove(path);
    fs::create_directory(path);
    ConfigFile none(path.string());
    none.load(problem);
    CHECK(problem.find("is no file") != std::string::npos);
    CHECK(none.save(config, problem));
    CHECK(fs::is_directory(path));
    CHECK(fs::is_empty(path));
    fs::remove(path);
    REQUIRE(::mkfifo(path.c_str(), 0600) == 0);
    problem.clear();
    ConfigFile(path.string()).load(problem);  // and does not wait for a writer
    CHECK(problem.find("is no file") != std::string::npos);
    fs::remove_all(folder);
}

TEST_CASE("pictures are PNG files") {
    std::vector<uint8_t> rgb(64 * 48 * 3);
    for (size_t i = 0; i < rgb.size(); ++i) {
        rgb[i] = uint8_t(i / 300 * 7 + (i % 97 == 0));
    }
    const std::vector<uint8_t> png = app::encode_png(rgb, 64, 48);
    CHECK(png.size() < rgb.size());
    const support::Png back = support::decode_png(png);
    CHECK(back.problem.empty());
    CHECK(back.width == 64);
    CHECK(back.height == 48);
    CHECK(back.rgb == rgb);
}
