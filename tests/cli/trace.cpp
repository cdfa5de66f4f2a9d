// trace: the arrays it writes against the golden ones, and against each other.
#include "tests/cli/trace_run.h"
#include "tests/support/program.h"
#include "tests/support/temp_dir.h"

#include <catch2/catch_approx.hpp>
#include <catch2/catch_test_macros.hpp>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>

using support::NpyArray;
using support::Npz;

namespace {

using cli::check_close;
using cli::ids_of;
using cli::trace;

constexpr const char* kAllTaps =
    "pattern,attn_scores,lse,rot_q,rot_k,v,z,attn_proj,attn_out,resid_pre,resid_mid,resid_post,ln1,"
    "ln2,mlp_pre,mlp_pre_linear,mlp_post,mlp_proj,mlp_out,ln_final,logits";

}  // namespace

TEST_CASE("arrays are those of the golden models") {
    for (const std::string name : {"tiny-gemma", "tiny-gemma2", "tiny-gemma3"}) {
        INFO(name);
        const Npz golden = support::read_npz("tests/golden/" + name + ".npz");
        const Npz ours = trace("tests/golden/" + name + ".gguf", ids_of(golden.at("tokens")),
                               {"--taps", kAllTaps, "-ctk", "f32", "-ctv", "f32"});
        const std::pair<const char*, const char*> pairs[] = {{"pattern", "attn"},
                                                             {"lse", "lse"},
                                                             {"rot_q", "rot_q"},
                                                             {"rot_k", "rot_k"},
                                                             {"v", "v"},
                                                             {"z", "z"},
                                                             {"attn_proj", "attn_proj"},
                                                             {"attn_out", "attn_out"},
                                                             {"resid_mid", "resid_mid"},
                                                             {"ln1", "ln1"},
                                                             {"ln2", "ln2"},
                                                             {"mlp_pre", "mlp_pre"},
                                                             {"mlp_pre_linear", "mlp_pre_linear"},
                                                             {"mlp_post", "mlp_post"},
                                                             {"mlp_proj", "mlp_proj"},
                                                             {"mlp_out", "mlp_out"},
                                                             {"ln_final", "ln_final"},
                                                             {"logits", "logits"}};
        for (const auto& [mine, theirs] : pairs) {
            INFO(mine);
            check_close(ours.at(mine), golden.at(theirs).values, 1e-4);
        }
        const std::vector<double>& resid = golden.at("resid").values;
        const size_t step = golden.at("resid").stride();
        check_close(ours.at("resid_pre"), {resid.begin(), resid.end() - ptrdiff_t(step)}, 1e-4);
        check_close(ours.at("resid_post"), {resid.begin() + ptrdiff_t(step), resid.end()}, 1e-4);
    }
}

TEST_CASE("a trace agrees with itself") {
    const Npz golden = support::read_npz("tests/golden/tiny-gemma3.npz");
    const std::string ids = ids_of(golden.at("tokens"));
    const std::string model = "tests/golden/tiny-gemma3.gguf";
    const Npz all = trace(model, ids, {"--taps", "pattern,attn_scores,attn_scores_raw,lse,logits"});
    const size_t n = all.at("tokens").values.size();
    const size_t n_rows = all.at("pattern").values.size() / n;
    for (size_t r = 0; r < n_rows; ++r) {
        const size_t layer = r / n / 4;
        const size_t query = r % n;
        const auto window = size_t(all.at("layer_window").values[layer]);
        double sum = 0;
        for (size_t key = 0; key < n; ++key) {
            const size_t cell = r * n + key;
            const bool visible = key <= query && (window == 0 || query - key < window);
            sum += all.at("pattern").values[cell];
            REQUIRE(std::isinf(all.at("attn_scores").values[cell]) == !visible);
            REQUIRE(std::isnan(all.at("attn_scores_raw").values[cell]) == !visible);
            if (!visible) {
                REQUIRE(all.at("pattern").values[cell] == 0);
            } else {
                const double score = all.at("attn_scores").values[cell];
                REQUIRE(all.at("pattern").values[cell] ==
                        Catch::Approx(std::exp(score - all.at("lse").values[r])).margin(1e-6));
            }
        }
        REQUIRE(sum == Catch::Approx(1).margin(1e-5));
    }
    // Surprisal of a token is what the row before says of it.
    for (size_t t = 1; t < n; ++t) {
        const auto row = all.at("logits").at(t - 1);
        double total = 0;
        for (const double l : row) {
            total += std::exp(l);
        }
        const double own = row[size_t(all.at("tokens").values[t])];
        CHECK(all.at("surprisal").values[t] == Catch::Approx(std::log(total) - own).margin(1e-5));
    }
    CHECK(std::isnan(all.at("surprisal").values[0]));
    CHECK(all.at("rank").values[0] == -1);
    CHECK(all.at("token_offsets").values.size() == n + 1);

    const Npz some = trace(model, ids,
                           {"--taps", "pattern,resid_post", "--layers", "1,-1", "--heads", "2",
                            "--queries", "0,17-19,-1"});
    CHECK(some.at("pattern").shape == std::vector<size_t>{2, 1, 5, n});
    CHECK(some.at("resid_post").shape[0] == 2);
    CHECK(some.at("queries").values == std::vector<double>{0, 17, 18, 19, double(n - 1)});
    const auto cell = [&](size_t layer, size_t head, size_t query, size_t key) {
        return all.at("pattern").values[((layer * 4 + head) * n + query) * n + key];
    };
    for (size_t key = 0; key < n; ++key) {
        CHECK(some.at("pattern").values[2 * n + key] == cell(1, 2, 18, key));
        CHECK(some.at("pattern").values[(5 + 4) * n + key] == cell(6, 2, n - 1, key));
    }
    const NpyArray& bytes = some.at("meta_json");
    const std::string meta(bytes.values.begin(), bytes.values.end());
    CHECK(nlohmann::json::parse(meta)["config"]["layers"] == 7);
}

TEST_CASE("the file says which path made its numbers, and by which formula cells are recomputed") {
    for (const std::string path : {"plain", "fast"}) {
        const Npz npz = trace("tests/golden/tiny-gemma2.gguf", "2,9,17,33",
                              {"--taps", "pattern,lse", "--path", path});
        const NpyArray& bytes = npz.at("meta_json");
        const auto meta =
            nlohmann::json::parse(std::string(bytes.values.begin(), bytes.values.end()));
        CHECK(meta["path"] == path);
        const std::string badge = meta["badges"]["pattern"];
        CHECK((badge.find("exactly") != std::string::npos) == (path == "plain"));
        CHECK((badge.find("within rounding") != std::string::npos) == (path == "fast"));
    }
}

TEST_CASE("keys and values are written as they are multiplied") {
    const Npz half = trace("tests/golden/tiny-gemma2.gguf", "2,9,17,33", {"--taps", "rot_k,v"});
    const Npz full = trace("tests/golden/tiny-gemma2.gguf", "2,9,17,33",
                           {"--taps", "rot_k,v", "-ctk", "f32", "-ctv", "f32"});
    check_close(half.at("v"), full.at("v").values, 1e-3);
    CHECK(half.at("v").values != full.at("v").values);
}

TEST_CASE("NumPy reads it, where there is one") {
    const support::TempDir folder;
    const std::string file = (folder.path() / "t.npz").string();
    const auto python =
        support::run_program("/usr/bin/env", {.arguments = {"python3", "-c", "import numpy"},
                                              .standard_input = "",
                                              .environment = {},
                                              .interrupt = {}});
    if (python.exit_code != 0) {
        SKIP("python3 with numpy is not installed");
    }
    const auto result = support::run_program(
        LAPIDARY_PROGRAM, {.arguments = {"trace", "-m", "tests/golden/tiny-gemma3.gguf", "--tokens",
                                         "2,3,4", "-o", file, "--taps", "pattern,lse,rot_q,logits"},
                           .standard_input = "",
                           .environment = {},
                           .interrupt = {}});
    REQUIRE(result.exit_code == 0);
    const std::string script =
        "import numpy,json,sys\n"
        "z=numpy.load(sys.argv[1])\n"
        "assert all(z[k] is not None for k in z.files)\n"
        "assert z['pattern'].shape==(7,4,3,3) and z['rot_q'].dtype==numpy.float16\n"
        "assert numpy.allclose(z['pattern'].sum(-1),1,atol=1e-5)\n"
        "json.loads(z['meta_json'].tobytes())\n";
    const auto check =
        support::run_program("/usr/bin/env", {.arguments = {"python3", "-c", script, file},
                                              .standard_input = "",
                                              .environment = {},
                                              .interrupt = {}});
    INFO(check.err);
    CHECK(check.exit_code == 0);
}
