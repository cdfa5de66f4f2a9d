// A recording whose fields contradict each other is refused: one field of a good one is bent at a
// time, and the refusal names it, what was found and what was expected.
#include "app/recordings/recording.h"
#include "tests/support/recordings.h"
#include "tests/support/temp_dir.h"

#include "tests/support/catch.h"

#include <filesystem>
#include <string>
#include <utility>

using namespace app;

namespace {

struct Bend {
    const char* sql;
    const char* field;  // and what is wrong with it, as the refusal says it
};

std::string json_set(const char* table, const char* where, const char* path, const char* value) {
    const bool meta = std::string(table) == "meta";
    const std::string column = meta ? "value" : "facts";
    return fmt::format("UPDATE {0} SET {1}=json_set({1},'{2}',json('{3}')) WHERE {4}", table,
                       column, path, value, where);
}

}  // namespace

TEST_CASE("a recording with one bent field is refused by that field's name") {
    const support::TempDir dir;
    const std::string good = (dir.path() / "good.lapidary").string();
    const std::string bent = (dir.path() / "bent.lapidary").string();
    write_recording(support::small_recording(), good);
    REQUIRE(read_recording(good).tokens.size() == 20);
    const Bend bends[] = {
        // tokens: 20 of 100, in a context of 64
        {"UPDATE tokens SET position=40 WHERE position=19", "tokens: position is 40, expected 19"},
        {"DELETE FROM tokens WHERE position=0", "tokens: position is 1, expected 0"},
        {"UPDATE tokens SET id=100 WHERE position=4", "position 4: id is 100, expected 0 to 99"},
        {"UPDATE tokens SET id=-1 WHERE position=4", "position 4: id is -1, expected 0 to 99"},
        {"UPDATE tokens SET text='other' WHERE position=4", "position 4: text is 'other'"},
        {"UPDATE tokens SET bytes=x'41' WHERE position=4", "position 4: bytes is 'A'"},
        {"UPDATE tokens SET bytes=x'41' WHERE position=0", "none of a control token"},
        {"UPDATE tokens SET control=7 WHERE position=4", "control is 7, expected 0 to 1"},
        {"UPDATE texts SET id=100 WHERE id=62", "texts: id is 100, expected 0 to 99"},
        {"UPDATE tokens SET text=printf('%.*c',4097,'W') WHERE position=4",
         "tokens of position 4: the length of text is 4097, expected 0 to 4096"},
        {"UPDATE tokens SET bytes=CAST(printf('%.*c',513,'W') AS BLOB) WHERE position=4",
         "tokens of position 4: the length of bytes is 513, expected 0 to 512"},
        {"UPDATE texts SET text=printf('%.*c',4097,'W') WHERE id=62",
         "texts: the length of text is 4097, expected 0 to 4096"},
        {"UPDATE texts SET bytes=CAST(printf('%.*c',400000,'W') AS BLOB) WHERE id=62",
         "texts: the length of bytes is 400000, expected 0 to 512"},
        // rows
        {"DELETE FROM rows WHERE position=9", "the number of layers is 0, expected 3"},
        {"DELETE FROM rows WHERE position=9 AND layer=1", "the number of layers is 2, expected 3"},
        {"DELETE FROM rows WHERE position=18", "the number of layers is 0, expected 3"},
        {"UPDATE rows SET layer=3 WHERE layer=2 AND position=9", "layer is 3, expected 0 to 2"},
        {"UPDATE rows SET position=90 WHERE position=18", "position is 90, expected 0 to 19"},
        {"UPDATE rows SET position=-1 WHERE position=0", "position is -1, expected 0 to 19"},
        {"UPDATE rows SET first_key=3, n_keys=7 WHERE position=9 AND layer=0",
         "position 9, layer 0: first_key is 3, expected 2"},
        {"UPDATE rows SET first_key=2 WHERE position=9 AND layer=1", "first_key is 2, expected 0"},
        {"UPDATE rows SET n_keys=11 WHERE position=9 AND layer=1", "n_keys is 11, expected 10"},
        {"UPDATE rows SET data=substr(data,1,length(data)-2) WHERE position=9 AND layer=1",
         "data is 54 bytes, expected 56 of 2 heads and 10 keys"},
        {"CREATE TABLE r AS SELECT * FROM rows; DROP TABLE rows; ALTER TABLE r RENAME TO rows; "
         "UPDATE rows SET layer=0, first_key=2, n_keys=8, data=(SELECT data FROM rows WHERE "
         "layer=0 "
         "AND position=9) WHERE layer=1 AND position=9",
         "rows of position 9, layer 0: layer is 0 after 0, expected each layer once"},
        {"WITH RECURSIVE n(x) AS (SELECT 0 UNION ALL SELECT x+1 FROM n WHERE x<60) INSERT INTO "
         "rows SELECT 3, x, 0, 0, '' FROM n",
         "rows: the number of rows is 118, expected 0 to 60"},
        // LSE: absent, NaN, infinite, of another row
        {"UPDATE rows SET data=substr(data,1,8)||substr(data,13) WHERE position=9 AND layer=1",
         "data is 52 bytes"},
        {"UPDATE rows SET data=CAST(substr(data,1,8)||x'0000C07F'||substr(data,13) AS BLOB) WHERE "
         "position=9 AND layer=1",
         "lse of head 0 is nan"},
        {"UPDATE rows SET data=CAST(substr(data,1,4)||x'0000807F'||substr(data,9) AS BLOB) WHERE "
         "position=9 AND layer=1",
         "max of head 1 is inf"},
        {"UPDATE rows SET data=CAST(substr(data,1,8)||x'0000A041'||substr(data,13) AS BLOB) WHERE "
         "position=9 AND layer=1",
         "the sum of the weights of head 0"},
        // steps
        {"DELETE FROM steps WHERE position=18", "the number of positions is 18, expected 19"},
        {"UPDATE steps SET position=30 WHERE position=18", "steps: position is 30, expected 18"},
        {"UPDATE steps SET next=CAST(x'000000000000F83F'||substr(next,9) AS BLOB) WHERE position=3",
         "next.rest is 1.5"},
        {"UPDATE steps SET next=CAST(x'000000000000F8FF'||substr(next,9) AS BLOB) WHERE position=3",
         "next.rest is "},
        {"UPDATE steps SET next=CAST(x'000000000000E03F'||substr(next,9) AS BLOB) WHERE position=3",
         "the sum of next"},
        {"UPDATE steps SET next=CAST(substr(next,1,8)||x'64000000'||substr(next,13) AS BLOB) WHERE "
         "position=3",
         "next.id is 100, expected 0 to 99"},
        {"UPDATE steps SET next=CAST(substr(next,1,8)||x'46000000'||substr(next,13) AS BLOB) WHERE "
         "position=3",
         "next.id is 70 twice"},
        {"UPDATE steps SET next=CAST(substr(next,1,12)||x'0000803F'||substr(next,17) AS BLOB) "
         "WHERE "
         "position=3",
         "next.logprob is 1"},
        {"UPDATE steps SET next=x'000000000000F03F' WHERE position=3",
         "steps of position 3: the number of tokens of next is 0, expected 1 to 257"},
        {"UPDATE steps SET next=CAST(substr(next,1,8)||substr(next,17,16)||substr(next,9,8) AS "
         "BLOB) WHERE position=3",
         "steps of position 3: next.logprob is -0.5, expected a number up to -2.999"},
        {"UPDATE steps SET next=substr(next,1,11) WHERE position=3", "next is 11 bytes"},
        {"UPDATE steps SET stages=CAST(x'09000000'||substr(stages,5) AS BLOB) WHERE position=3",
         "stages.stage is 9, expected 0 to 6"},
        {"UPDATE steps SET stages=CAST(stages||substr(stages,1,32) AS BLOB) WHERE position=3",
         "stages.stage is 0 twice"},
        {"UPDATE steps SET stages=CAST(substr(stages,1,4)||x'65000000'||substr(stages,9) AS BLOB) "
         "WHERE position=3",
         "stages.n_left is 101, expected 1 to 100"},
        {"UPDATE steps SET stages=CAST(substr(stages,1,12)||x'0000000000000000'||substr(stages,21) "
         "AS BLOB) WHERE position=3",
         "the sum of a stage"},
        {"UPDATE steps SET stages=CAST(substr(stages,1,28)||x'000080BE'||substr(stages,33) AS "
         "BLOB) "
         "WHERE position=3",
         "stages.p is -0.25"},
        {"UPDATE steps SET stages=CAST(substr(stages,1,24)||x'0000C07F'||substr(stages,29) AS "
         "BLOB) "
         "WHERE position=3",
         "stages.logit is nan"},
        {"UPDATE steps SET lens_ids=x'64000000' WHERE position=3", "lens_ids is 100"},
        {"UPDATE steps SET lens_ids=x'07000000' WHERE position=3",
         "the number of asked is 2, expected 1"},
        {"UPDATE steps SET lens_ids=x'0700000007000000' WHERE position=3",
         "steps of position 3: lens_ids is 7 twice"},
        {"INSERT INTO steps SELECT position+30, next, stages, lens_ids FROM steps",
         "steps: the number of rows is 38, expected 0 to 20"},
        // lens
        {"UPDATE lens SET top=CAST(top||top||top||top||top||top||top||top||top||top||top AS BLOB) "
         "WHERE "
         "position=3 AND layer=2",
         "lens of position 3, layer 2: the number of tokens of top is 11, expected 0 to 10"},
        {"INSERT INTO lens SELECT position+30, layer, top, asked FROM lens",
         "lens: the number of rows is 114, expected 0 to 57"},
        {"DELETE FROM lens WHERE position=3 AND layer=2", "the number of layers is 2, expected 3"},
        {"DELETE FROM lens WHERE position=3 AND layer=0", "position 3: layer is 1, expected 0"},
        {"UPDATE lens SET position=19 WHERE position=3", "lens: position is 19, expected 0 to 18"},
        {"UPDATE lens SET layer=3 WHERE position=3 AND layer=2", "layer is 3, expected 2"},
        {"UPDATE lens SET top=x'640000000000803F' WHERE position=3 AND layer=2",
         "position 3, layer 2: top.id is 100"},
        {"UPDATE lens_mid SET top=x'070000000000C07F' WHERE position=3 AND layer=2",
         "lens_mid of position 3, layer 2: top.logprob is nan"},
        {"UPDATE lens SET asked=x'0000803F0000803F' WHERE position=3 AND layer=2", "asked is 1"},
        {"DELETE FROM lens_mid WHERE position=3 AND layer=1", "layer is 2, expected 1"},
    };
    const auto refused = [&](const std::string& sql, const char* field) {
        std::filesystem::copy_file(good, bent, std::filesystem::copy_options::overwrite_existing);
        support::run_sql(bent, sql);
        const std::string message = support::refusal_of(bent);
        INFO(sql << "\n" << message);
        CHECK(message.find(field) != std::string::npos);
        CHECK(message.find("bent.lapidary: ") != std::string::npos);
        CHECK(message.find("expected") != std::string::npos);
    };
    for (const Bend& bend : bends) {
        refused(bend.sql, bend.field);
    }
    const struct {
        const char *table, *where, *path, *value, *field;
    } numbers[] = {
        {"meta", "key='info'", "$.n_heads", "3", "data is 20 bytes, expected 30 of 3 heads"},
        {"meta", "key='info'", "$.n_heads", "0", "n_heads is 0, expected 1 to 256"},
        {"meta", "key='info'", "$.n_heads", "-2", "n_heads"},
        {"meta", "key='info'", "$.n_kv_heads", "4", "n_kv_heads is 4, expected 1 to 2"},
        {"meta", "key='info'", "$.vocab_size", "19",
         "an id of top is 51, expected a whole number up to 18"},
        {"meta", "key='info'", "$.n_ctx", "10", "the number of rows is 20, expected 0 to 11"},
        {"meta", "key='info'", "$.windows", "[8,0]", "the number of rows is 57, expected 0 to 40"},
        {"meta", "key='info'", "$.windows", "[8,0,8,0]", "the number of layers is 3, expected 4"},
        {"meta", "key='info'", "$.windows", "[]", "the number of windows"},
        {"meta", "key='info'", "$.windows", "[8,-1,8]", "a window is -1"},
        {"meta", "key='info'", "$.windows", "[8,\"x\",8]", "a window is"},
        {"meta", "key='info'", "$.windows", "[8,0,5]", "layer 2: first_key is 0, expected 1"},
        {"meta", "key='info'", "$.n_params", "-5", "n_params is -5"},
        {"meta", "key='info'", "$.attn_softcap", "-50", "attn_softcap is -50"},
        {"meta", "key='sequence'", "$.answer_begin", "21", "answer_begin is 21, expected 1 to 20"},
        {"meta", "key='sequence'", "$.answer_begin", "0", "answer_begin is 0, expected 1 to 20"},
        {"meta", "key='sequence'", "$.finish", "9", "finish is 9, expected 0 to 3"},
        {"meta", "key='sequence'", "$.prompt_ms", "-1", "prompt_ms is -1"},
        {"meta", "key='sequence'", "$.prompt_n", "21", "prompt_n is 21, expected 0 to 20"},
        {"meta", "key='sequence'", "$.sampling.top_k", "1.5",
         "sequence: top_k is 1.5, expected a whole number"},
        {"meta", "key='sequence'", "$.answer_begin", "20",
         "rows of position 19: the number of layers is 0, expected 3: no token was drawn"},
        {"meta", "key='sequence'", "$.model_hash", "\"md5:1\"", "model_hash is 'md5:1'"},
        {"meta", "key='sequence'", "$.sampling.temperature", "-1", "temperature is -1"},
        {"meta", "key='sequence'", "$.sampling.seed", "\"-7\"", "seed is '-7'"},
        {"meta", "key='turns'", "$.before[0].role", "3", "role is 3"},
        {"meta", "key='turns'", "$.before[0].text", "5", "text is 5"},
        {"tokens", "position=4", "$.rank", "100", "rank is 100, expected -1 to 99"},
        {"tokens", "position=4", "$.rank", "-1", "rank is -1, expected one from 0 on"},
        {"tokens", "position=4", "$.rank", "1.5", "rank is 1.5, expected a whole number"},
        {"tokens", "position=4", "$.logprob", "0.5", "logprob is 0.5"},
        {"tokens", "position=4", "$.logprob", "null", "rank is 4, expected -1 without a logprob"},
        {"tokens", "position=4", "$.entropy", "-1", "entropy is -1"},
        {"tokens", "position=4", "$.entropy", "9", "entropy is 9"},
        {"tokens", "position=4", "$.top[0][0]", "100", "an id of top is 100"},
        {"tokens", "position=4", "$.top[0][1]", "2", "a logprob of top is 2"},
        {"tokens", "position=4", "$.top[0][1]", "null", "a logprob of top is nan"},
        {"tokens", "position=4", "$.top[1][0]", "51", "an id of top is 51 twice"},
    };
    for (const auto& n : numbers) {
        refused(json_set(n.table, n.where, n.path, n.value), n.field);
    }
}

TEST_CASE("a recording whose tables are no tables is refused by their names") {
    const support::TempDir dir;
    const std::string good = (dir.path() / "good.lapidary").string();
    const std::string bent = (dir.path() / "bent.lapidary").string();
    write_recording(support::small_recording(), good);
    // None of the views ends: reading one would never come back.
    const std::string endless =
        "WITH RECURSIVE r(x) AS (SELECT 0 UNION ALL SELECT x+1 FROM r) SELECT ";
    const std::pair<std::string, const char*> bends[] = {
        {"DROP TABLE texts; CREATE VIEW texts AS " + endless +
             "0 AS id, 't' AS text, x'' AS bytes "
             "FROM r",
         "'texts' is a view, expected only tables"},
        {"ALTER TABLE rows RENAME TO r2; CREATE VIEW rows AS " + endless + "r2.* FROM r2, r",
         "'rows' is a view"},
        {"DROP TABLE meta; CREATE VIEW meta AS " + endless + "'no' AS key, '' AS value FROM r",
         "'meta' is a view"},
        {"DROP TABLE tokens; CREATE VIEW tokens AS " + endless +
             "x AS position, 1 AS id, 'a' AS text, x'61' AS bytes, 0 AS control, '{}' AS facts "
             "FROM r",
         "'tokens' is a view"},
        {"CREATE VIEW other AS SELECT 1", "'other' is a view"},
        {"CREATE TRIGGER t AFTER INSERT ON meta BEGIN DELETE FROM meta; END", "'t' is a trigger"},
        {"DROP TABLE texts; CREATE VIRTUAL TABLE texts USING fts5(id, text, bytes)",
         "'texts' is a virtual table"},
        {"ALTER TABLE texts ADD COLUMN more TEXT AS (printf('%.*c', 900000000, 'x'))",
         "'texts' computes its column 'more'"},
    };
    for (const auto& [sql, said] : bends) {
        std::filesystem::copy_file(good, bent, std::filesystem::copy_options::overwrite_existing);
        support::run_sql(bent, sql);
        const std::string message = support::refusal_of(bent);
        INFO(sql << "\n" << message);
        CHECK(message.find(std::string("bent.lapidary: ") + said) != std::string::npos);
    }
    // An index changes nothing that is read.
    std::filesystem::copy_file(good, bent, std::filesystem::copy_options::overwrite_existing);
    support::run_sql(bent, "CREATE INDEX i ON tokens(text)");
    CHECK(support::refusal_of(bent).empty());
}

TEST_CASE("constraints of a recording are not computed") {
    const support::TempDir dir;
    const std::string path = (dir.path() / "a.lapidary").string();
    write_recording(support::small_recording(), path);
    support::run_sql(path,
                     "PRAGMA ignore_check_constraints=ON; ALTER TABLE meta RENAME TO m; CREATE "
                     "TABLE meta(key TEXT, value TEXT CHECK(key = 'never')); INSERT INTO meta "
                     "SELECT * FROM m; DROP TABLE m");
    CHECK(support::refusal_of(path).empty());
}

TEST_CASE("a recording of one token without rows is refused") {
    const support::TempDir dir;
    const std::string path = (dir.path() / "a.lapidary").string();
    write_recording(support::small_recording(), path);
    support::run_sql(path,
                     "DELETE FROM tokens WHERE position>0; DELETE FROM rows; DELETE FROM steps; "
                     "DELETE FROM lens; DELETE FROM lens_mid; UPDATE meta SET "
                     "value=json_set(value,'$.answer_begin',1) WHERE key='sequence'");
    CHECK(support::refusal_of(path).find("rows of position 0: the number of layers is 0") !=
          std::string::npos);
}
