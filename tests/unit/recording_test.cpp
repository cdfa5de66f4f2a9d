// Recordings: what is written comes back, and what is spoilt is refused and left alone.
#include "app/recording.h"
#include "app/replay_engine.h"
#include "tests/support/random.h"
#include "tests/support/temp_dir.h"

#include "tests/support/catch.h"

#include <sqlite3.h>

#include <cmath>
#include <fstream>
#include <limits>
#include <sstream>

using namespace app;

namespace {

constexpr uint32_t kTokens = 20, kLayers = 3, kHeads = 2, kWindow = 8;

Recording made() {
    Recording r;
    r.text = "Zoë 日本 😊";
    r.program = "Lapidary 0.1.0";
    r.info.name = "Tiny \"Gemma\"";
    r.info.n_layers = kLayers;
    r.info.n_heads = kHeads;
    r.info.n_kv_heads = 1;
    r.info.head_dim = 8;
    r.info.hidden_size = 16;
    r.info.vocab_size = 100;
    r.info.n_ctx = 64;
    r.info.device_name = "Some GPU";
    r.info.layers = {{.window = kWindow}, {.window = 0}, {.window = kWindow}};
    for (uint32_t i = 0; i < kTokens; ++i) {
        TokenInfo t{.position = i, .id = TokenId(i + 1), .text = "t" + std::to_string(i)};
        t.bytes = i == 3 ? std::string("\xE2\x96\0x", 4) : t.text;
        t.control = i == 0;
        t.logprob = i == 0 ? std::nanf("") : -0.1f * float(i);
        t.entropy = t.logprob;
        t.rank = i == 0 ? -1 : int32_t(i);
        if (i > 0) {
            t.top = {{TokenId(50 + i % 3), "top", -0.25f}, {t.id, t.text, t.logprob}};
        }
        r.tokens.push_back(t);
        auto capture = std::make_shared<model::Capture>();
        capture->first_position = i;
        capture->n_positions = 1;
        for (uint32_t l = 0; l < kLayers; ++l) {
            const uint32_t first =
                r.info.layers[l].window != 0 && i >= kWindow ? i - kWindow + 1 : 0;
            model::LiveRows rows{
                .layer = l, .position = i, .first_key = first, .n_keys = i - first + 1};
            rows.max.assign(kHeads, 1.5f);
            rows.lse.assign(kHeads, 3.0f);
            for (uint32_t k = 0; k < kHeads * rows.n_keys; ++k) {
                rows.log16.push_back(uint16_t(7919 * (k + i + l) % 65536));
            }
            capture->live.push_back(std::move(rows));
        }
        r.captures.push_back(std::move(capture));
    }
    return r;
}

std::string bytes_of(const std::string& path) {
    std::stringstream text;
    text << std::ifstream(path, std::ios::binary).rdbuf();
    return text.str();
}

/// The refusal's words; the file must be as it was.
std::string refusal_of(const std::string& path) {
    const std::string before = bytes_of(path);
    std::string message;
    try {
        read_recording(path);
    } catch (const base::Error& error) {
        message = error.what();
        CHECK(error.kind() == base::ErrorKind::model);
    }
    CHECK(bytes_of(path) == before);
    return message;
}

void run_sql(const std::string& path, const char* sql) {
    sqlite3* db = nullptr;
    REQUIRE(sqlite3_open(path.c_str(), &db) == SQLITE_OK);
    REQUIRE(sqlite3_exec(db, sql, nullptr, nullptr, nullptr) == SQLITE_OK);
    sqlite3_close(db);
}

}  // namespace

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
        REQUIRE(read.captures[i]->live.size() == kLayers);
        for (uint32_t l = 0; l < kLayers; ++l) {
            CHECK(read.captures[i]->live[l].first_key == wrote.captures[i]->live[l].first_key);
            CHECK(read.captures[i]->live[l].log16 == wrote.captures[i]->live[l].log16);
            CHECK(read.captures[i]->live[l].lse == wrote.captures[i]->live[l].lse);
        }
    }
}

TEST_CASE("newer, foreign, cut and spoilt recordings are refused and stay as they are") {
    const support::TempDir dir;
    const std::string path = (dir.path() / "a.lapidary").string();
    write_recording(made(), path);
    const std::string whole = bytes_of(path);
    const auto again = [&] { std::ofstream(path, std::ios::binary) << whole; };

    run_sql(path, "PRAGMA user_version=2");
    CHECK(refusal_of(path).find("newer Lapidary") != std::string::npos);
    again();
    run_sql(path, "PRAGMA application_id=1");
    CHECK(refusal_of(path).find("no recording") != std::string::npos);
    for (const char* sql :
         {"UPDATE tokens SET id=-1 WHERE position=4", "UPDATE tokens SET id=100 WHERE position=4",
          "DELETE FROM tokens WHERE position=4", "DELETE FROM tokens", "DROP TABLE rows",
          "UPDATE rows SET n_keys=n_keys+1 WHERE position=9",
          "UPDATE rows SET data=x'00' WHERE position=9", "UPDATE rows SET layer=9 WHERE layer=1",
          "UPDATE tokens SET facts='{\"top\":[[-3,0]]}' WHERE position=2",
          "UPDATE tokens SET facts='{' WHERE position=2", "INSERT INTO texts VALUES(5000,'x')",
          "DELETE FROM meta WHERE key='info'", "UPDATE meta SET value='{}' WHERE key='info'",
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
    CHECK(n_captures == kTokens);
    CHECK(finished);
    ask.id = 3;
    engine.send(ask);
    event = engine.poll();
    REQUIRE(event);
    CHECK(std::holds_alternative<Failed>(*event));
    engine.send(Inspect{.id = 4, .kind = InspectKind::distribution});
    event = engine.poll();
    REQUIRE(event);
    CHECK_FALSE(std::get<InspectReady>(*event).not_captured.empty());
}
