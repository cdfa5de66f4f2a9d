// bench on the tiny model: the shape of its answer and that its figures agree; no speed is asked
// for.
#include "tests/support/program.h"

#include <catch2/catch_approx.hpp>
#include <catch2/catch_test_macros.hpp>
#include <nlohmann/json.hpp>

using Catch::Approx;
using nlohmann::json;
using support::ProgramResult;

namespace {

ProgramResult bench(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), {"bench", "-m", "tests/golden/tiny-gemma3.gguf"});
    return support::run_program(LAPIDARY_PROGRAM, {.arguments = std::move(arguments),
                                                   .standard_input = "",
                                                   .environment = {},
                                                   .interrupt = {}});
}

void check_row(const json& row, uint32_t n_tokens) {
    const auto samples_ns = row.at("samples_ns").get<std::vector<uint64_t>>();
    const auto samples_ts = row.at("samples_ts").get<std::vector<double>>();
    REQUIRE(samples_ns.size() == 2);
    REQUIRE(samples_ts.size() == 2);
    double ns = 0, ts = 0;
    for (size_t i = 0; i < 2; ++i) {
        CHECK(samples_ts[i] == Approx(1e9 * n_tokens / double(samples_ns[i])));
        ns += double(samples_ns[i]) / 2;
        ts += samples_ts[i] / 2;
    }
    CHECK(row.at("avg_ns") == Approx(ns).margin(1));
    CHECK(row.at("avg_ts") == Approx(ts));
    CHECK(row.at("gb_per_s") ==
          Approx(row.at("bytes_per_token").get<double>() * n_tokens / ns).epsilon(1e-6));
    CHECK(row.at("peak_share") ==
          Approx(row.at("gb_per_s").get<double>() / row.at("copy_gb_per_s").get<double>()));
    CHECK(row.at("memory_peak_bytes") >= row.at("memory_bytes"));
    CHECK(row.at("device_bytes") > row.at("model_size"));
    CHECK(row.at("host_us_per_token") > 0);
}

}  // namespace

TEST_CASE("bench: JSON that agrees with itself") {
    const ProgramResult result = bench(
        {"-p", "12", "-n", "5", "-pg", "4,2", "-d", "0,100", "-ub", "8", "-r", "2", "-o", "json"});
    INFO(result.err);
    REQUIRE(result.exit_code == 0);
    const json rows = json::parse(result.out);
    REQUIRE(rows.size() == 6);
    for (const json& row : rows) {
        check_row(row, row.at("n_prompt").get<uint32_t>() + row.at("n_gen").get<uint32_t>());
        CHECK(row.at("n_ubatch") <= 8);  // no more than the context
        CHECK(row.at("n_layers") == 7);
    }
    CHECK(rows[0].at("n_prompt") == 12);
    CHECK(rows[1].at("n_gen") == 5);
    CHECK(rows[2].at("n_gen") == 2);
    CHECK(rows[5].at("n_depth") == 100);
    // One token at a time is the same work whatever came before it, but for attention's reads.
    const json &shallow = rows[1], &deep = rows[4];
    CHECK(shallow.at("dispatches_per_token") == deep.at("dispatches_per_token"));
    CHECK(shallow.at("levels_per_token") == deep.at("levels_per_token"));
    CHECK(shallow.at("levels_per_token") <= shallow.at("dispatches_per_token"));
    CHECK(shallow.at("bytes_per_token") < deep.at("bytes_per_token"));
    // The embedding comes before the layers, norm and head after them.
    const double levels = shallow.at("levels_per_token");
    const double in_layers = 7 * shallow.at("levels_per_layer").get<double>();
    CHECK(in_layers < levels);
    CHECK(levels - in_layers < 8);
}

TEST_CASE("bench: -b makes chunks smaller, never larger than the device's own") {
    const auto chunk = [](std::vector<std::string> arguments) {
        arguments.insert(arguments.end(), {"-p", "300", "-n", "0", "-r", "1", "-o", "json"});
        const ProgramResult result = bench(arguments);
        INFO(result.err);
        REQUIRE(result.exit_code == 0);
        return json::parse(result.out).at(0).at("n_ubatch").get<uint32_t>();
    };
    // On a device whose chunk is 256 it was 300.
    CHECK(chunk({"-b", "300"}) == chunk({}));
    CHECK(chunk({"-b", "24"}) == 24);
    CHECK(chunk({"-b", "24", "-ub", "16"}) == 16);
    CHECK(chunk({"-b", "24", "-ub", "32"}) == 24);
}

TEST_CASE("bench: a table of kernels beside the answer") {
    const ProgramResult result =
        bench({"-p", "0", "-n", "3", "-r", "1", "--profile", "--sync", "-o", "md", "-oe", "jsonl"});
    REQUIRE(result.exit_code == 0);
    CHECK(result.out.find("| tg3 ") == std::string::npos);
    CHECK(result.out.find(" tg3 |") != std::string::npos);
    CHECK(result.err.find("norm_matvec") != std::string::npos);
    CHECK(result.err.find("\"n_gen\": 3") != std::string::npos);
}

TEST_CASE("bench: tokens drawn on the device, or given one by one") {
    const auto row = [](std::vector<std::string> arguments) {
        arguments.insert(arguments.end(), {"-p", "0", "-n", "4", "-r", "2", "-o", "json"});
        const ProgramResult result = bench(arguments);
        INFO(result.err);
        REQUIRE(result.exit_code == 0);
        const json rows = json::parse(result.out);
        check_row(rows.at(0), 4);
        return rows.at(0);
    };
    const json drawn = row({}), given = row({"--sync"}), plain = row({"--path", "plain"});
    CHECK(drawn.at("tokens_in_flight") == 2);
    CHECK(given.at("tokens_in_flight") == 1);
    CHECK(plain.at("tokens_in_flight") == 1);
    // The sampler's own kernels, and the layers as they are.
    CHECK(drawn.at("dispatches_per_token") > given.at("dispatches_per_token"));
    CHECK(drawn.at("levels_per_layer") == given.at("levels_per_layer"));
}

TEST_CASE("bench: what the model does not have") {
    CHECK(bench({"-d", "100000000", "-n", "1"}).exit_code == 2);
    CHECK(bench({"-ngl", "3"}).exit_code == 2);
    CHECK(bench({"-b", "0"}).exit_code == 2);
    CHECK(bench({"-p", "1", "-n", "0", "-ngl", "99", "-r", "1"}).exit_code == 0);
}

TEST_CASE("bench: each test with capture and without, in turns") {
    const ProgramResult result =
        bench({"-p", "8", "-n", "4", "-r", "3", "--sync", "--capture", "-o", "json"});
    INFO(result.err);
    REQUIRE(result.exit_code == 0);
    const json rows = json::parse(result.out);
    REQUIRE(rows.size() == 4);
    for (size_t i = 0; i < rows.size(); ++i) {
        CHECK(rows[i].at("capture") == i % 2);
        CHECK(rows[i].at("samples_ns").size() == 3);
    }
    // On the fast path a captured step has no dispatch more, and its bytes are the live rows'.
    CHECK(rows[3].at("dispatches_per_token") == rows[2].at("dispatches_per_token"));
    CHECK(rows[3].at("bytes_per_token") >= rows[2].at("bytes_per_token"));
    CHECK(result.err.find("tg4: ") != std::string::npos);
    CHECK(result.err.find("captured") != std::string::npos);
}
