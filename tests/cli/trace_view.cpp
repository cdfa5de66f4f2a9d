// trace without a window: one view in every format, equal to the arrays of a trace.
#include "app/exports/view_export.h"
#include "model/json_reader.h"
#include "tests/cli/trace_run.h"

#include <cmath>
#include <fstream>
#include <sstream>

namespace {

constexpr const char* kModel = "tests/golden/tiny-gemma3.gguf";
constexpr const char* kIds = "2,10,11,12,13,14,15,16,17,18";

/// Runs it and gives the file's bytes.
std::string view(const std::string& name, std::vector<std::string> more, int exit_code = 0) {
    const support::TempDir folder;
    const std::string file = (folder.path() / name).string();
    std::vector<std::string> arguments = {"trace", "-m", kModel, "--tokens", kIds, "-o", file};
    arguments.insert(arguments.end(), more.begin(), more.end());
    const auto result = support::run_program(LAPIDARY_PROGRAM, {.arguments = std::move(arguments),
                                                                .standard_input = "",
                                                                .environment = {},
                                                                .interrupt = {}});
    INFO(result.err);
    REQUIRE(result.exit_code == exit_code);
    std::stringstream text;
    text << std::ifstream(file, std::ios::binary).rdbuf();
    return text.str();
}

}  // namespace

TEST_CASE("a view's JSON has the numbers of the trace's pattern") {
    const support::Npz npz =
        cli::trace(kModel, kIds, {"--taps", "pattern", "--layers", "1", "--heads", "2"});
    const support::NpyArray& pattern = npz.at("pattern");
    const model::Json json =
        model::parse_json(view("m.json", {"--layers", "1", "--heads", "2"}), "view");
    const auto& rows = *(*json.find("grids")->array())[0].find("values")->array();
    REQUIRE(rows.size() == 10);
    for (size_t q = 0; q < 10; ++q) {
        for (size_t k = 0; k < 10; ++k) {
            const model::Json& cell = (*rows[q].array())[k];
            const double wanted = pattern.values[q * 10 + k];
            if (cell.is_null()) {
                CHECK(wanted == 0);
            } else {
                CHECK(float(*cell.number()) == float(wanted));
            }
        }
    }
}

TEST_CASE("every view comes in every format, and one of text as PNG where there are fonts") {
    for (const char* name : {"matrix", "heads", "tokens", "next", "lens"}) {
        for (const char* ending : {"svg", "csv", "json", "npz", "html"}) {
            CHECK(view(std::string("v.") + ending, {"--view", name}).size() > 100);
        }
    }
    CHECK(view("b.png", {"--layers", "0", "--heads", "0", "--scale", "2", "--bare"})
              .starts_with("\x89PNG"));
    for (const char* name : {"matrix", "heads", "tokens", "next", "lens"}) {
        CHECK(view("t.png", {"--view", name}, LAPIDARY_GUI ? 0 : 2)
                  .starts_with(LAPIDARY_GUI ? "\x89PNG" : ""));
    }
    view("t.pdf", {}, 2);
}

TEST_CASE("a figure of a head says what it shows, and its mode and theme are chosen") {
    const std::vector<std::string> one = {"--layers", "0", "--heads", "1"};
    const auto svg = [&](std::vector<std::string> more) {
        more.insert(more.end(), one.begin(), one.end());
        return view("m.svg", std::move(more));
    };
    const std::string light = svg({});
    for (const char* words : {"Attention of layer 0, head 1", "random gemma3", "local, window 8",
                              "KV head 0 of 1", "raw weights", "outside the window",
                              "Source: recomputed exact", "Attention is not explanation"}) {
        INFO(words);
        CHECK(light.find(words) != std::string::npos);
    }
    const std::string dark = svg({"--theme", "dark", "--sink", "gutter"});
    CHECK(dark.find("sink in the gutter") != std::string::npos);
    CHECK(dark.find("#16171b") != std::string::npos);
    view("m.csv", {"--theme", "dark"}, 2);
    view("m.json", {"--sink", "gutter"}, 2);
    view("m.svg", {"--bare"}, 2);
    view("t.svg", {"--view", "next", "--sink", "renorm"}, 2);
}

TEST_CASE("the view of the layers has what the trace's lens has") {
    const support::Npz npz = cli::trace(kModel, kIds, {"--taps", "lens", "--top", "1"});
    const support::NpyArray& ids = npz.at("lens_ids");
    const support::NpyArray& logp = npz.at("lens_logp");
    const size_t n_layers = ids.shape.at(0), n_tokens = ids.shape.at(2);
    const model::Json json = model::parse_json(view("l.json", {"--view", "lens"}), "view");
    const auto& rows = *json.find("rows")->array();
    REQUIRE(rows.size() == 2 * n_layers);
    for (size_t i = 0; i < rows.size(); ++i) {
        const auto& row = *rows[i].array();
        const size_t at = i * n_tokens + n_tokens - 1;
        CHECK(*row[0].number() == double(i / 2));
        CHECK(*row[1].number() == ids.values[at]);
        CHECK(std::abs(*row[5].number() - std::exp(logp.values[at])) <= 1e-5);
        CHECK(*row[6].text() == (i % 2 == 0 ? "resid_mid" : "resid_post"));
    }
}

TEST_CASE("the view of all heads has the largest weights of the trace's pattern") {
    const support::Npz npz = cli::trace(kModel, kIds, {"--taps", "pattern"});
    const support::NpyArray& pattern = npz.at("pattern");
    const model::Json json = model::parse_json(view("h.json", {"--view", "heads"}), "view");
    const auto& grids = *json.find("grids")->array();
    REQUIRE(grids.size() == pattern.values.size() / 100);
    for (size_t g = 0; g < grids.size(); ++g) {
        const auto& rows = *grids[g].find("values")->array();
        REQUIRE(rows.size() == 64);
        for (size_t q = 0; q < 10; ++q) {
            for (size_t k = 0; k <= q; ++k) {
                // Ten tokens: a cell is one weight, in the 8 bits that pictures keep it in.
                const double wanted = pattern.values[g * 100 + q * 10 + k];
                const double shown = *(*rows[q].array())[k].number();
                CHECK(std::abs(shown - wanted) <= 0.025 * wanted + 2e-5);
            }
            CHECK((q == 9 || (*rows[q].array())[q + 1].is_null()));
        }
        CHECK((*rows[10].array())[0].is_null());
    }
}

TEST_CASE("the next token's probabilities say which stage of the sampler they are") {
    CHECK(view("n.svg", {"--view", "next"}).find("position 9, raw probabilities") !=
          std::string::npos);
    CHECK(view("n.csv", {"--view", "next"}).find(",raw\r\n") != std::string::npos);
    const model::Json json = model::parse_json(view("n.json", {"--view", "next"}), "view");
    CHECK(json.find("facts")->find("stage")->text()->starts_with("raw: softmax"));
    CHECK(json.find("columns")->array()->back().text()->ends_with("stage"));
}

TEST_CASE("a view's tokens have their exact texts, as trace gives their bytes") {
    const std::string ids = "2,300,9,105,150,200";  // a control token, texts, and lone bytes
    const support::Npz npz = cli::trace(kModel, ids, {"--taps", "lse"});
    const auto& bytes = npz.at("token_bytes").values;
    const auto& offsets = npz.at("token_offsets").values;
    const support::TempDir folder;
    const std::string file = (folder.path() / "t.json").string();
    REQUIRE(
        support::run_program(LAPIDARY_PROGRAM, {.arguments = {"trace", "-m", kModel, "--tokens",
                                                              ids, "--view", "tokens", "-o", file},
                                                .standard_input = "",
                                                .environment = {},
                                                .interrupt = {}})
            .exit_code == 0);
    std::stringstream text;
    text << std::ifstream(file).rdbuf();
    const model::Json json = model::parse_json(text.str(), "view");
    const auto& rows = *json.find("rows")->array();
    REQUIRE(rows.size() == 6);
    size_t n_texts = 0, n_bytes = 0;
    for (size_t i = 0; i < rows.size(); ++i) {
        std::string exact;
        for (auto at = size_t(offsets[i]); at < size_t(offsets[i + 1]); ++at) {
            exact += char(int(bytes[at]));
        }
        const auto& row = *rows[i].array();
        if (row[2].is_null()) {
            ++n_bytes;
            std::string hex;
            for (const char c : exact) {
                hex += fmt::format("{:02x}", uint8_t(c));
            }
            CHECK(*row[4].text() == hex);
        } else {
            ++n_texts;
            CHECK(*row[2].text() == exact);
            CHECK(row[4].is_null());
        }
    }
    CHECK(n_texts >= 2);
    CHECK(n_bytes >= 1);
}
