// Recordings: what is written comes back, and what is spoilt is refused and left alone.
#include "app/recordings/recording.h"
#include "app/recordings/replay_engine.h"
#include "tests/support/random.h"
#include "tests/support/recordings.h"
#include "tests/support/temp_dir.h"

#include "tests/support/catch.h"

#include <catch2/matchers/catch_matchers_string.hpp>

#include <cmath>
#include <fstream>
#include <limits>
#include <sstream>

using namespace app;

namespace {

constexpr uint32_t kTokens = support::kRecordedTokens, kLayers = support::kRecordedLayers;
constexpr uint32_t kWindow = support::kRecordedWindow;
const auto& made = support::small_recording;
using support::bytes_of;
using support::refusal_of;
using support::run_sql;

}  // namespace

TEST_CASE("a recording that is written touches no file but its own") {
    const support::TempDir dir;
    const std::string path = (dir.path() / "a.lapidary").string();
    const auto put = [](const std::string& file, const char* text) { std::ofstream(file) << text; };
    put(path, "a stranger's");
    put(path + ".tmp", "another's");
    put((dir.path() / "target").string(), "a link's");
    std::filesystem::create_symlink("target", path + ".1.tmp");
    CHECK_THROWS_WITH(write_recording(made(), path, Existing::kept),
                      Catch::Matchers::ContainsSubstring("exists"));
    CHECK(bytes_of(path) == "a stranger's");
    write_recording(made(), path);
    CHECK(is_recording(path));
    CHECK(bytes_of(path + ".tmp") == "another's");
    CHECK(bytes_of((dir.path() / "target").string()) == "a link's");
    CHECK(std::distance(std::filesystem::directory_iterator(dir.path()), {}) == 4);
}

TEST_CASE("a recording comes back bit by bit") {
    const support::TempDir dir;
    const std::string path = (dir.path() / "a.lapidary").string();
    const Recording wrote = made();
    write_recording(wrote, path);
    CHECK(is_recording(path));
    CHECK(std::distance(std::filesystem::directory_iterator(dir.path()), {}) == 1);
    const Recording read = read_recording(path);
    CHECK(read.text == wrote.text);
    CHECK(read.info.name == wrote.info.name);
    CHECK(read.info.replayed);
    CHECK(read.info.n_layers == kLayers);
    CHECK(read.info.layers[0].window == kWindow);
    REQUIRE(read.tokens.size() == kTokens);
    for (uint32_t i = 0; i < kTokens; ++i) {
        CHECK(read.tokens[i].bytes == wrote.tokens[i].bytes);
        CHECK(read.tokens[i].rank == wrote.tokens[i].rank);
        CHECK(read.tokens[i].control == wrote.tokens[i].control);
        CHECK((std::isnan(read.tokens[i].logprob) == (i == 0)));
        CHECK((i == 0 || read.tokens[i].logprob == wrote.tokens[i].logprob));
        CHECK(read.tokens[i].top.size() == wrote.tokens[i].top.size());
        REQUIRE(read.captures[i]->live.size() == (i + 1 < kTokens ? kLayers : 0));
        for (uint32_t l = 0; l < read.captures[i]->live.size(); ++l) {
            CHECK(read.captures[i]->live[l].first_key == wrote.captures[i]->live[l].first_key);
            CHECK(read.captures[i]->live[l].log16 == wrote.captures[i]->live[l].log16);
            CHECK(read.captures[i]->live[l].lse == wrote.captures[i]->live[l].lse);
        }
    }
}

TEST_CASE("a recording keeps what follows each token, the lens, and whose it is") {
    const support::TempDir dir;
    const std::string path = (dir.path() / "a.lapidary").string();
    const Recording wrote = made();
    write_recording(wrote, path);
    const Recording read = read_recording(path);
    CHECK(read.model_hash == wrote.model_hash);
    CHECK(read.info.model_hash == wrote.model_hash);
    CHECK(read.sampling.seed == wrote.sampling.seed);
    CHECK(read.sampling.temperature == 0.25f);
    CHECK(read.answer_begin == 12);
    CHECK(read.finish == FinishReason::stopped);
    CHECK(read.stats.predicted_n == 8);
    REQUIRE(read.before.size() == 3);
    CHECK(read.before[2].text == wrote.before[2].text);
    CHECK(read.before[0].role == model::Role::system);
    REQUIRE(read.n_rows() == kTokens - 1);
    REQUIRE(read.steps.size() == kTokens - 1);
    for (size_t i = 0; i < read.steps.size(); ++i) {
        const RecordedStep &a = read.steps[i], &b = wrote.steps[i];
        CHECK(a.next.ids == b.next.ids);
        CHECK(a.next.logprobs == b.next.logprobs);
        CHECK(a.next.rest == b.next.rest);
        REQUIRE(a.next.stages.size() == 2);
        CHECK(a.next.stages[1].stage == model::SamplerStage::final);
        CHECK(a.next.stages[0].n_left == 100);
        CHECK(a.next.stages[0].other == 0.75);
        REQUIRE(a.lens.size() == kLayers);
        CHECK(a.lens[2].asked == b.lens[2].asked);
        CHECK(a.lens[1].top[0].text == "sixty-one");
        CHECK(a.lens[1].top[0].logprob == b.lens[1].top[0].logprob);
        REQUIRE(a.lens_mid.size() == kLayers);
        CHECK(a.lens_mid[2].asked == b.lens_mid[2].asked);
        CHECK(a.lens_mid[1].top[0].text == "sixty-two");
    }
}

TEST_CASE("a recording keeps the exact bytes of its tokens; the third schema did not") {
    const support::TempDir dir;
    const std::string path = (dir.path() / "a.lapidary").string();
    Recording wrote = made();
    auto bytes = std::make_shared<std::vector<std::optional<std::string>>>(100);
    (*bytes)[7] = "t6";
    (*bytes)[60] = std::string("\xE2\0", 2);
    (*bytes)[61] = "";
    wrote.info.token_bytes = bytes;
    write_recording(wrote, path);
    const ModelInfo read = read_recording(path).info;
    CHECK(read.bytes_of(7) == "t6");
    CHECK(read.bytes_of(60) == std::string("\xE2\0", 2));
    CHECK(read.bytes_of(61) == "");
    CHECK_FALSE(read.bytes_of(62));
    CHECK_FALSE(read.bytes_of(-1));
    CHECK_FALSE(read.bytes_of(100));
    run_sql(path, "ALTER TABLE texts DROP COLUMN bytes; PRAGMA user_version=3");
    CHECK_FALSE(read_recording(path).info.bytes_of(7));
}

TEST_CASE("a recording of the first schema is still read, and says what it lacks") {
    const support::TempDir dir;
    const std::string path = (dir.path() / "old.lapidary").string();
    Recording old = made();
    old.steps.clear();
    old.tokens.pop_back();  // nothing was drawn: all tokens have rows
    old.captures.pop_back();
    write_recording(old, path);
    run_sql(path,
            "DROP TABLE steps; DROP TABLE lens; DROP TABLE lens_mid; DELETE FROM meta WHERE key IN "
            "('sequence','turns'); ALTER TABLE texts DROP COLUMN bytes; PRAGMA user_version=1");
    Recording read = read_recording(path);
    CHECK(read.steps.empty());
    CHECK_FALSE(read.drawn());
    ReplayEngine engine(std::move(read));
    engine.send(Inspect{.id = 4, .kind = InspectKind::lens, .position = 3});
    const auto event = engine.poll();
    REQUIRE(event);
    CHECK(std::get<InspectReady>(*event).not_captured.find("older") != std::string::npos);
}

TEST_CASE("a recording of the second schema has no read-out between attention and MLP") {
    const support::TempDir dir;
    const std::string path = (dir.path() / "old.lapidary").string();
    write_recording(made(), path);
    run_sql(path,
            "DROP TABLE lens_mid; ALTER TABLE texts DROP COLUMN bytes; PRAGMA user_version=2");
    ReplayEngine engine(read_recording(path));
    const auto lens = [&](bool mid) {
        engine.send(
            Inspect{.id = 4, .kind = InspectKind::lens, .position = 3, .ids = {60}, .mid = mid});
        const auto event = engine.poll();
        REQUIRE(event);
        return std::get<InspectReady>(*event);
    };
    CHECK(lens(false).lens.size() == kLayers);
    CHECK(lens(true).lens.empty());
    CHECK(lens(true).not_captured.find("between its attention") != std::string::npos);
}

TEST_CASE("newer, foreign, cut and spoilt recordings are refused and stay as they are") {
    const support::TempDir dir;
    const std::string path = (dir.path() / "a.lapidary").string();
    write_recording(made(), path);
    const std::string whole = bytes_of(path);
    const auto again = [&] { std::ofstream(path, std::ios::binary) << whole; };

    run_sql(path, "PRAGMA user_version=5");
    CHECK(refusal_of(path).find("newer Lapidary") != std::string::npos);
    again();
    run_sql(path, "PRAGMA application_id=1");
    CHECK(refusal_of(path).find("expected a Lapidary recording") != std::string::npos);
    for (const char* sql :
         {"UPDATE tokens SET id=-1 WHERE position=4",
          "UPDATE tokens SET id=100 WHERE position=4",
          "DELETE FROM tokens WHERE position=4",
          "DELETE FROM tokens",
          "DROP TABLE rows",
          "UPDATE rows SET n_keys=n_keys+1 WHERE position=9",
          "UPDATE rows SET data=x'00' WHERE position=9",
          "UPDATE rows SET layer=9 WHERE layer=1",
          "UPDATE tokens SET facts='{\"top\":[[-3,0]]}' WHERE position=2",
          "UPDATE tokens SET facts='{' WHERE position=2",
          "INSERT INTO texts VALUES(5000,'x',NULL)",
          "DELETE FROM steps WHERE position=4",
          "DELETE FROM steps",
          "DROP TABLE lens",
          "UPDATE steps SET next=x'00' WHERE position=3",
          "UPDATE steps SET next=next||x'FFFFFFFF00000000' WHERE position=3",
          "UPDATE steps SET stages=x'0900000001000000000000000000000000000000' WHERE position=3",
          "UPDATE steps SET stages=substr(stages,1,21) WHERE position=3",
          "UPDATE steps SET lens_ids=x'07' WHERE position=3",
          "UPDATE lens SET asked=x'' WHERE position=3",
          "DELETE FROM lens WHERE layer=1",
          "UPDATE lens SET top=x'FFFFFFFF00000000' WHERE position=3",
          "DROP TABLE lens_mid",
          "DELETE FROM lens_mid WHERE layer=1",
          "UPDATE lens_mid SET asked=x'' WHERE position=3",
          "DELETE FROM meta WHERE key='sequence'",
          "DELETE FROM meta WHERE key='turns'",
          "UPDATE meta SET value='{}' WHERE key='turns'",
          "UPDATE meta SET value='{\"before\":[{\"role\":7,\"text\":\"\"}]}' WHERE key='turns'",
          "UPDATE meta SET value=replace(value,'\"answer_begin\":12','\"answer_begin\":21')",
          "UPDATE meta SET value=replace(value,'\"temperature\":0.25','\"temperature\":-9e9')",
          "UPDATE meta SET value=replace(value,'\"seed\":\"1','\"seed\":\"x')",
          "DELETE FROM meta WHERE key='info'",
          "UPDATE meta SET value='{}' WHERE key='info'",
          "UPDATE meta SET value=replace(value,'\"n_heads\":2','\"n_heads\":4000000000')"}) {
        again();
        run_sql(path, sql);
        INFO(sql);
        CHECK_FALSE(refusal_of(path).empty());
    }
    for (const size_t size : {size_t{0}, size_t{50}, size_t{100}, whole.size() / 2}) {
        std::ofstream(path, std::ios::binary) << whole.substr(0, size);
        INFO(size);
        CHECK_FALSE(refusal_of(path).empty());
    }
    // Bytes at random: refused or read, never worse.
    uint32_t state = 1;
    const auto next = [&] { return state = state * 1664525u + 1013904223u; };
    for (int i = 0; i < 200; ++i) {
        std::string broken = whole;
        for (int k = 0; k < 8; ++k) {
            broken[next() % broken.size()] = char(next() >> 24);
        }
        std::ofstream(path, std::ios::binary) << broken;
        refusal_of(path);
    }
    CHECK_FALSE(is_recording((dir.path() / "nothing").string()));
    CHECK_FALSE(is_recording(dir.path().string()));
}

TEST_CASE("a replay answers from its recording, once, and computes nothing") {
    ReplayEngine engine(made());
    engine.send(LoadModel{.id = 1});
    auto event = engine.poll();
    REQUIRE(event);
    CHECK(std::get<ModelReady>(*event).info->replayed == false);  // made() was never written
    Generate ask;
    ask.id = 2;
    engine.send(ask);
    size_t n_captures = 0;
    bool finished = false;
    while ((event = engine.poll())) {
        n_captures += std::holds_alternative<CaptureReady>(*event);
        finished = std::holds_alternative<Finished>(*event);
    }
    CHECK(n_captures == kTokens - 1);
    CHECK(finished);
    ask.id = 3;
    engine.send(ask);
    event = engine.poll();
    REQUIRE(event);
    CHECK(std::holds_alternative<Failed>(*event));
    const auto answer = [&](Inspect question) {
        engine.send(std::move(question));
        event = engine.poll();
        REQUIRE(event);
        return std::get<InspectReady>(*event);
    };
    const InspectReady next = answer({.id = 4, .kind = InspectKind::distribution, .position = 5});
    REQUIRE(next.logits);
    REQUIRE(next.kept);
    CHECK(next.logits->size() == 100);
    CHECK((*next.logits)[70] == -1.5f);
    CHECK(std::isinf((*next.logits)[99]));
    CHECK(next.kept->stages.size() == 2);
    const InspectReady lens =
        answer({.id = 5, .kind = InspectKind::lens, .position = 5, .ids = {60}});
    REQUIRE(lens.lens.size() == kLayers);
    CHECK(lens.lens[2].asked == std::vector<float>{-4.0f});
    const InspectReady mid =
        answer({.id = 5, .kind = InspectKind::lens, .position = 5, .ids = {60}, .mid = true});
    REQUIRE(mid.lens.size() == kLayers);
    CHECK(mid.lens[2].asked == std::vector<float>{-8.0f});
    // What is not in it is not made up.
    CHECK_FALSE(answer({.id = 6, .kind = InspectKind::lens, .position = 5, .ids = {8}})
                    .not_captured.empty());
    CHECK_FALSE(answer({.id = 7, .kind = InspectKind::distribution, .position = kTokens - 1})
                    .not_captured.empty());
}
