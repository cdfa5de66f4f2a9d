#include "app/commands/args.h"
#include "app/commands/bench_report.h"

#include "gpu/base.h"

#include <catch2/catch_approx.hpp>
#include <catch2/catch_test_macros.hpp>
#include <nlohmann/json.hpp>

using namespace app;
using Catch::Approx;
using nlohmann::json;
using Numbers = std::vector<uint32_t>;

namespace {

BenchOptions parse(std::vector<std::string> argv) {
    argv.insert(argv.begin(), "bench");
    return parse_arguments(argv, true).options.bench;
}

std::string refused(std::vector<std::string> argv) {
    try {
        bench_tests(parse(std::move(argv)));
    } catch (const base::Error& error) {
        CHECK(error.kind() == base::ErrorKind::usage);
        return error.what();
    }
    return "";
}

std::vector<std::string> names(std::vector<std::string> argv) {
    std::vector<std::string> list;
    for (const BenchTest& test : bench_tests(parse(std::move(argv)))) {
        list.push_back(bench_test_name(test));
    }
    return list;
}

Numbers numbers(std::string_view text) {
    return parse_bench_numbers("-p", text);
}

BenchSystem a_system() {
    return {.cpu_info = "a \"CPU\"",
            .gpu_info = "a GPU",
            .model_filename = "it's.gguf",
            .model_type = "gemma3 268M Q4_K",
            .path = "plain",
            .model_size = 1000,
            .model_n_params = 2000,
            .n_layers = 2,
            .copy_gb_per_s = 10};
}

/// Two repetitions of 8 tokens, the second twice as slow.
BenchResult a_result() {
    return {.test = {.n_gen = 8, .n_depth = 16, .n_batch = 2048, .n_ubatch = 256},
            .test_time = "2026-11-25T19:52:10Z",
            .samples_ns = {1000000, 2000000},
            .n_dispatches = 160,
            .n_levels = 112,
            .n_layer_levels = 64,
            .n_submits = 16,
            .bytes = 6e6,
            .host_ns = 1.6e6};
}

}  // namespace

TEST_CASE("bench takes llama-bench's options") {
    const BenchOptions b = parse(
        {"-m",   "f.gguf", "-p",     "128,512",   "-n",          "32",      "-d",   "0,1024",
         "-pg",  "16,4",   "-b",     "64",        "-ub",         "32",      "-ctk", "f16,f32",
         "-ctv", "f32",    "-r",     "3",         "-o",          "json",    "-oe",  "md",
         "-ngl", "99",     "--sync", "--profile", "--no-warmup", "--delay", "2",    "--capture"});
    CHECK(b.n_prompt == Numbers{128, 512});
    CHECK(b.n_gen == Numbers{32});
    CHECK(b.n_depth == Numbers{0, 1024});
    CHECK(b.prompt_gen == std::vector<std::pair<uint32_t, uint32_t>>{{16, 4}});
    CHECK(b.n_batch == Numbers{64});
    CHECK(b.n_ubatch == Numbers{32});
    CHECK(b.type_k == std::vector{model::DType::f16, model::DType::f32});
    CHECK(b.type_v == std::vector{model::DType::f32});
    CHECK(b.repetitions == 3);
    CHECK(b.delay_s == 2);
    CHECK(b.gpu_layers == 99);
    CHECK(b.output == BenchFormat::json);
    CHECK(b.output_err == BenchFormat::markdown);
    CHECK((b.sync && b.profile && b.no_warmup && b.capture));
    CHECK(parse({"--n-prompt", "1", "--n-prompt", "2,3"}).n_prompt == Numbers{1, 2, 3});
    CHECK(parse({"-ngl", "all"}).gpu_layers == -1);
    CHECK(parse({"-n", "4"}).repetitions == 5);
}

TEST_CASE("bench lists and ranges") {
    CHECK(numbers("512") == Numbers{512});
    CHECK(numbers("1,2,3") == Numbers{1, 2, 3});
    CHECK(numbers("1-4") == Numbers{1, 2, 3, 4});
    CHECK(numbers("128-512+128") == Numbers{128, 256, 384, 512});
    CHECK(numbers("1-64*4") == Numbers{1, 4, 16, 64});
    CHECK(numbers("0,8-9,100-250+100") == Numbers{0, 8, 9, 100, 200});
    CHECK(numbers("7-7*1") == Numbers{7});
    for (const char* text : {"", "x", "1,", ",1", "1-", "2-1", "1-4+0", "1-4*1", "0-4*2", "1-4*",
                             "1 ", "-1", "1-5000", "4294967296", "2147483648", "1.5"}) {
        INFO(text);
        CHECK(refused({"-p", text}).find("whole numbers or ranges") != std::string::npos);
    }
}

TEST_CASE("bench refuses what it cannot do") {
    CHECK(refused({"-p", "0", "-n", "0"}) == "nothing is left to measure");
    CHECK(refused({"-o", "xml"}) == "-o is 'xml', expected md, csv, json, jsonl or sql");
    CHECK(refused({"-oe", "xml"}).find("-oe is 'xml'") == 0);
    for (const char* wrong :
         {"512", "x", "1,2,3", "1;2", "-1,2", "1,", ",1", "", "1-2,3", "1,2 ", "99999999999,1"}) {
        INFO(wrong);
        CHECK(refused({"-pg", wrong}).find(fmt::format("-pg is '{}', expected P,G: ", wrong)) == 0);
    }
    CHECK(refused({"-pg", "0,0"}) == "-pg is '0,0': nothing is left to measure");
    CHECK(refused({"-pg", "1,2,3"}).find("-pg is '1,2,3'") == 0);
    CHECK(refused({"-ctk", "q8_0"}).find("f16 or f32") != std::string::npos);
    CHECK(refused({"-ctk", "f16,"}).find("f16 or f32") != std::string::npos);
    CHECK_FALSE(refused({"-r", "0"}).empty());
    CHECK_FALSE(refused({"-r"}).empty());
    CHECK(refused({"-t", "4"}).find("LP_NUM_THREADS") != std::string::npos);
    // Letters that mean something here and nothing elsewhere, and the other way round.
    CHECK_FALSE(refused({"--temp", "0"}).empty());
    CHECK_THROWS_AS(parse_arguments({"run", "-p", "x", "-r", "3"}, true), base::Error);
    CHECK_THROWS_AS(parse_arguments({"run", "-p", "x", "-ngl", "3"}, true), base::Error);
}

TEST_CASE("bench tests and their names") {
    CHECK(names({}) == std::vector<std::string>{"pp512", "tg128"});
    CHECK(
        names({"-p", "8", "-n", "2", "-pg", "4,2", "-d", "0,4"}) ==
        std::vector<std::string>{"pp8", "tg2", "pp4+tg2", "pp8 @ d4", "tg2 @ d4", "pp4+tg2 @ d4"});
    CHECK(names({"-p", "0", "-n", "2"}) == std::vector<std::string>{"tg2"});
    CHECK(names({"-p", "0", "-n", "0", "-pg", "3,0"}) == std::vector<std::string>{"pp3"});
    const auto tests = bench_tests(parse({"-p", "8", "-n", "0", "-ub", "1,2", "-ctk", "f16,f32"}));
    REQUIRE(tests.size() == 4);
    CHECK(tests[1].n_ubatch == 1);
    CHECK(tests[1].type_k == model::DType::f32);
    CHECK(tests[3].n_ubatch == 2);
    CHECK(tests[0].n_ctx() == 8);
}

TEST_CASE("bench figures agree with one another") {
    const BenchResult r = a_result();
    CHECK(r.avg_ns() == 1500000);
    CHECK(r.stddev_ns() == Approx(707106.78));
    CHECK(r.samples_ts() == std::vector<double>{8000, 4000});
    CHECK(r.avg_ts() == 6000);
    CHECK(r.stddev_ts() == Approx(2828.427));
    CHECK(r.gb_per_s() == 2);  // 6 MB in 3 ms
    CHECK(r.per_token(160) == 10);
    CHECK(r.n_steps() == 16);
    BenchResult prompt = r;
    prompt.test = {.n_prompt = 300, .n_ubatch = 256};
    CHECK(prompt.n_steps() == 4);
    const BenchResult once{.test = {.n_prompt = 3}, .samples_ns = {5}};
    CHECK(once.stddev_ns() == 0);
    CHECK(once.stddev_ts() == 0);
}

TEST_CASE("bench writes llama-bench's fields, then its own") {
    const BenchSystem system = a_system();
    BenchWriter writer(BenchFormat::json, system);
    std::string text = writer.begin();
    text += writer.row(a_result());
    text += writer.row(a_result());
    text += writer.end();
    const json all = json::parse(text);
    REQUIRE(all.size() == 2);
    const json& row = all[0];
    for (const char* name : {"build_commit", "cpu_info", "gpu_info", "backends", "model_filename",
                             "model_type", "type_k", "type_v", "test_time", "device_uuid",
                             "driver_name", "driver_version", "vk_api", "path"}) {
        INFO(name);
        CHECK(row.at(name).is_string());
    }
    for (const char* name : {"build_number", "model_size", "model_n_params", "n_batch", "n_ubatch",
                             "n_threads", "n_gpu_layers", "n_prompt", "n_gen", "n_depth", "avg_ns",
                             "stddev_ns", "kernels", "subgroup_size", "device_bytes"}) {
        INFO(name);
        CHECK(row.at(name).is_number_integer());
    }
    CHECK(row.at("cpu_info") == "a \"CPU\"");
    CHECK(row.at("samples_ns") == json({1000000, 2000000}));
    CHECK(row.at("samples_ts") == json({8000, 4000}));
    CHECK(row.at("avg_ts") == 6000.0);
    CHECK(row.at("peak_share") == 0.2);
    CHECK(row.at("levels_per_token") == 7.0);
    CHECK(row.at("levels_per_layer") == 2.0);
    CHECK(row.at("dispatches_per_token") == 10.0);
    CHECK(row.at("bytes_per_token") == 375000.0);
    CHECK(row.at("host_us_per_token") == 100.0);
    CHECK(row.at("memory_bytes").is_null());  // not known here
    CHECK(json::parse(BenchWriter(BenchFormat::json, system).begin() +
                      BenchWriter(BenchFormat::json, system).end()) == json::array());
}

TEST_CASE("bench in its other formats") {
    const BenchSystem system = a_system();
    const auto text = [&](BenchFormat format) {
        BenchWriter writer(format, system);
        std::string all = writer.begin();
        all += writer.row(a_result());
        return all + writer.end();
    };
    const json line = json::parse(text(BenchFormat::jsonl));
    CHECK(line.at("n_gen") == 8);

    // CSV and SQL: every field but the lists, under the same name as in JSON.
    const std::vector<BenchField> fields = bench_fields(system, a_result());
    CHECK(fields.size() == line.size());
    const std::string csv = text(BenchFormat::csv);
    CHECK(csv.find("build_commit,build_number,cpu_info,") == 0);
    CHECK(csv.find("samples_ns") == std::string::npos);
    CHECK(csv.find("\"a \"\"CPU\"\"\"") != std::string::npos);
    const std::string head = csv.substr(0, csv.find('\n'));
    CHECK(size_t(std::count(head.begin(), head.end(), ',')) + 1 == fields.size() - 2);
    const std::string sql = text(BenchFormat::sql);
    CHECK(sql.find("CREATE TABLE IF NOT EXISTS llama_bench") == 0);
    CHECK(sql.find("'it''s.gguf'") != std::string::npos);

    const std::string md = text(BenchFormat::markdown);
    CHECK(md.find("tg8 @ d16 | 6000.00 ±") != std::string::npos);
    CHECK(text(BenchFormat::none).empty());
    // Every row of the table has the columns of its head.
    const auto bars = [](std::string_view part) {
        return std::count(part.begin(), part.end(), '|');
    };
    size_t at = 0;
    for (int row = 0; row < 3; ++row) {
        const size_t end = md.find('\n', at);
        CHECK(bars(std::string_view(md).substr(at, end - at)) == 15);
        at = end + 1;
    }
}

TEST_CASE("bench says what capture costs, by medians") {
    BenchResult without = a_result(), with = a_result();
    without.samples_ns = {1000000, 2000000, 4000000};
    with.test.capture = true;
    with.samples_ns = {2500000, 1000000, 8000000};
    with.bytes = 6.3e6;
    CHECK(without.median_ts() == 4000);
    CHECK(bench_test_name(with.test) == "tg8 @ d16 captured");
    CHECK(capture_line(without, with) ==
          "tg8 @ d16: 4000.00 (2000.00 to 8000.00) tokens/s, captured 3200.00 (1000.00 to "
          "8000.00), -20.0 %; bytes +5.0 %, dispatches +0.0 %");
}
