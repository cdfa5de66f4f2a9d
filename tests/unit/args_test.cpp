#include "app/commands/args.h"

#include "gpu/base.h"

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include <set>

using namespace app;

namespace {

Options parse(std::vector<std::string> argv) {
    const ParsedArguments parsed = parse_arguments(argv, true);
    REQUIRE_FALSE(parsed.exit_code);
    return parsed.options;
}

/// The message of the usage error that these arguments are, or "" when they are taken.
std::string refused(std::vector<std::string> argv) {
    try {
        parse_arguments(argv, false);
    } catch (const base::Error& error) {
        CHECK(error.kind() == base::ErrorKind::usage);
        return error.what();
    }
    return "";
}

}  // namespace

TEST_CASE("flags of llama.cpp with one dash and several letters") {
    const Options o = parse({"run", "-m", "f.gguf", "-p", "hi", "-ub", "7", "-ctk", "f32", "-ctv",
                             "f32", "-c", "64", "-dev", "cpu", "-n", "-1", "-s", "5"});
    CHECK(o.command == CommandName::run);
    CHECK(o.model == "f.gguf");
    CHECK(o.prompt == "hi");
    CHECK(o.session.n_ubatch == 7);
    CHECK(o.session.n_ctx == 64);
    CHECK(o.session.type_k == model::DType::f32);
    CHECK(o.session.type_v == model::DType::f32);
    CHECK(o.device == "cpu");
    CHECK(o.n_predict == -1);
    CHECK(o.seed == 5u);
    CHECK(parse({"chat", "-sys", "Be brief.", "-st"}).system == "Be brief.");
    CHECK(parse({"f.gguf", "-c", "8192"}).session.n_ctx == 8192);  // the window's
}

TEST_CASE("a value is never taken for a flag") {
    CHECK(parse({"run", "-p", "-ctk"}).prompt == "-ctk");
    CHECK(parse({"run", "-p", "-ngl"}).prompt == "-ngl");
    CHECK(parse({"run", "-p", "--help"}).prompt == "--help");
    CHECK(parse({"run", "-p", ""}).prompt == "");
    CHECK(parse({"run", "-p", "-n", "-n", "3"}).n_predict == 3);
}

TEST_CASE("what cannot be honoured is refused with the reason") {
    CHECK(refused({"run", "-p", "x", "-ngl", "99"}).find("always runs on the device") !=
          std::string::npos);
    CHECK(refused({"run", "-hf", "a/b", "-p", "x"}).find("never downloads") != std::string::npos);
    CHECK(refused({"run", "-p", "x", "--path", "quick"}).find("plain or fast") !=
          std::string::npos);
    CHECK(refused({"run", "-p", "x", "-ctk", "q8_0"}).find("f16 or f32") != std::string::npos);
    CHECK(refused({"run", "-p", "x", "--grammar=x"}).find("not built") != std::string::npos);
    for (const char* flag : {"-t", "-b", "-fa", "--mirostat", "--lora", "--jinja"}) {
        CHECK_FALSE(refusal(flag).empty());
    }
    CHECK(refusal("-m").empty());
}

TEST_CASE("wrong usage is an error that names the thing") {
    CHECK_FALSE(refused({"run"}).empty());
    CHECK_FALSE(refused({"run", "-p", "a", "-f", "b"}).empty());
    CHECK_FALSE(refused({"run", "-p"}).empty());
    CHECK_FALSE(refused({"run", "-p", "a", "--nonsense"}).empty());
    CHECK(refused({"chat", "-c", "5", "-c", "6"}) == "--ctx-size is given more than once");
    CHECK_FALSE(refused({"run", "-p", "a", "-c", "-1"}).empty());
    CHECK_FALSE(refused({"run", "-p", "a", "-c", "4294967296"}).empty());
    CHECK_FALSE(refused({"run", "-p", "a", "-c", "many"}).empty());
    CHECK_FALSE(refused({"run", "-p", "a", "-n", "2147483648"}).empty());
    CHECK_FALSE(refused({"run", "-p", "a", "-n", "-2"}).empty());
    CHECK(refused({"run", "-p", "a", "-n", "2147483647"}).empty());
    CHECK_FALSE(refused({"run", "-p", "a", "--stop", ""}).empty());
    CHECK_FALSE(refused({"run", "-p", "a", "--emb-scale", "f64"}).empty());
    CHECK_FALSE(refused({"score"}).empty());
    CHECK_FALSE(refused({"score", "--tokens", "2,x"}).empty());
    CHECK_FALSE(refused({"score", "--tokens", "2,"}).empty());
    CHECK_FALSE(refused({"score", "--tokens", "-2"}).empty());
    CHECK_FALSE(refused({"score", "--tokens", ""}).empty());
    CHECK_FALSE(refused({"score", "--tokens", "99999999999"}).empty());
    CHECK_FALSE(refused({"trace", "-p", "a"}).empty());
    CHECK_FALSE(refused({"--script", "x"}).empty());  // no window in this build
}

TEST_CASE("numbers are refused with flag, value and range") {
    CHECK(refused({"run", "-p", "a", "-c", "-1"}) ==
          "-c is '-1', expected a whole number from 0 to 4294967295");
    CHECK(refused({"run", "-p", "a", "-ub", "99999999999"}) ==
          "--ubatch-size is '99999999999', expected a whole number from 0 to 4294967295");
    CHECK(refused({"run", "-p", "a", "-n", "-2"}) ==
          "-n is '-2', expected a whole number from -1 to 2147483647");
    for (const char* flag : {"--top", "--prefix", "--rewind", "--edit", "--decode", "-c"}) {
        for (const char* value : {"-1", "", "1.5", "0x1", "1 ", "99999999999999999999"}) {
            INFO(flag << " " << value);
            CHECK(refused({"score", "-p", "a", flag, value}).find("whole number from 0") !=
                  std::string::npos);
        }
    }
    CHECK(parse({"score", "-p", "a", "--edit", "7"}).edit == 7u);
}

TEST_CASE("flags that would change nothing are refused") {
    const auto useless = [](std::vector<std::string> argv) {
        return refused(std::move(argv)).find("means nothing") != std::string::npos;
    };
    CHECK(useless({"run", "-p", "a", "--top", "3"}));
    CHECK(useless({"run", "-p", "a", "-sys", "b"}));
    CHECK(useless({"run", "-p", "a", "--chat", "--special"}));
    CHECK(useless({"run", "--fim-before", "a", "--chat"}));
    CHECK(useless({"score", "--tokens", "2", "--special"}));
    CHECK(useless({"score", "-p", "a", "--hash", "--top", "3"}));
    const auto trace = [&](const char* output, std::vector<std::string> more) {
        std::vector<std::string> argv{"trace", "-p", "a", "-o", output};
        argv.insert(argv.end(), more.begin(), more.end());
        return useless(argv);
    };
    for (const auto& [flag, value] : std::vector<std::pair<std::string, std::string>>{
             {"--layers", "0"}, {"--heads", "0"}, {"--queries", "0"}, {"--taps", "logits"}}) {
        CHECK(trace("x.lapidary", {flag, value}));
        CHECK(trace("x.svg", {"--view", "tokens", flag, value}));
        CHECK_FALSE(trace("x.npz", {flag, value}));
        const bool chooses_heads = flag == "--layers" || flag == "--heads";
        CHECK(trace("x.svg", {flag, value}) == !chooses_heads);
    }
    CHECK(trace("x.lapidary", {"--view", "heads"}));
    CHECK_FALSE(trace("x.svg", {"--view", "heads"}));
    CHECK_FALSE(useless({"trace", "-p", "a", "-o", "x.lapidary"}));
    for (const auto& [output, more] : std::vector<std::pair<const char*, std::vector<std::string>>>{
             {"x.csv", {"--theme", "dark"}},
             {"x.svg", {"--scale", "2"}},
             {"x.json", {"--scale", "1"}},
             {"x.npz", {"--scale", "2"}},
             {"x.lapidary", {"--scale", "2"}},
             {"x.npz", {"--sink", "gutter"}},
             {"x.svg", {"--view", "tokens", "--sink", "gutter"}},
             {"x.svg", {"--bare"}},
             {"x.png", {"--bare", "--sink", "renorm"}}}) {
        CHECK(trace(output, more));
    }
    CHECK_FALSE(trace("x.png", {"--scale", "2"}));
    CHECK_FALSE(trace("x.html", {"--theme", "dark", "--sink", "gutter"}));
    CHECK_FALSE(trace("x.png", {"--view", "heads", "--bare", "--theme", "dark"}));
    CHECK_FALSE(useless({"run", "-p", "a", "--chat", "-sys", "b", "--json", "--top", "3"}));
    for (const char* flag : {"-m", "--model", "-f", "--batch", "--device"}) {
        INFO(flag);
        CHECK(refused({"run", "-p", "a", flag, ""}).find("is empty") != std::string::npos);
    }
}

TEST_CASE("no model is not the shipped one") {
    CHECK_THROWS_WITH(parse_arguments({"-m", ""}, true), "-m is empty, expected a name");
    CHECK_THROWS_WITH(parse_arguments({"chat", "-m", ""}, true), "-m is empty, expected a name");
}

// `lapidary Run` opened a model of that name.
TEST_CASE("a first word that is no command") {
    for (const char* word : {"bogus", "Run", "runn", ""}) {
        CHECK(refused({word}).find("neither a command nor a file") != std::string::npos);
    }
    CHECK(parse({"tests"}).model == "tests");  // it is there
    CHECK(parse({"nowhere/model"}).model == "nowhere/model");
}

TEST_CASE("sampling numbers go through the one table") {
    const Options o = parse({"run", "-p", "x", "--temp", "0", "--top-k", "5", "--top-p", "0.5",
                             "--min-p", "0.1", "--repeat-last-n", "-1", "--seed",
                             "18446744073709551615", "--sampler-order", "llama.cpp"});
    model::SamplingParams defaults;
    defaults.repeat_penalty = 1.25f;
    const model::SamplingParams params = sampling_of(o, defaults);
    CHECK(params.temperature == 0);
    CHECK(params.top_k == 5);
    CHECK(params.top_p == 0.5f);
    CHECK(params.min_p == 0.1f);
    CHECK(params.repeat_last_n == -1);
    CHECK(params.repeat_penalty == 1.25f);  // not given: the model's
    CHECK(params.seed == 18446744073709551615u);
    CHECK(params.llama_cpp_order);
    for (const auto& [flag, value] : std::initializer_list<std::pair<const char*, const char*>>{
             {"--temp", "nan"},
             {"--temp", "-1"},
             {"--temp", "x"},
             {"--top-k", "-1"},
             {"--top-k", "1.5"},
             {"--top-p", "1.01"},
             {"--min-p", "inf"},
             {"--temp", ""},
             {"--repeat-last-n", "2147483648"},
             {"--repeat-penalty", "0"},
             {"--temp", "1 "},
             {"--seed", "-2"},
             {"--seed", "18446744073709551616"},
             {"--seed", ""}}) {
        INFO(flag << " " << value);
        CHECK_FALSE(refused({"run", "-p", "x", flag, value}).empty());
    }
    CHECK_FALSE(parse({"run", "-p", "x", "-s", "-1"}).seed);
}

TEST_CASE("every sampling field has its flag") {
    for (const model::SamplingField& field : model::sampling_fields()) {
        const Options o =
            parse({"run", "-p", "x", std::string(field.flag), fmt::format("{}", field.max)});
        REQUIRE(o.sampling.size() == 1);
        CHECK(o.sampling[0].first->name == field.name);
    }
}

TEST_CASE("help and version answer by themselves") {
    for (const char* command : {"run", "chat", "score", "trace", "info", "devices"}) {
        CHECK(parse_arguments({command, "--help"}, true).exit_code == 0);
    }
    CHECK(parse_arguments({"--help"}, false).exit_code == 0);
    CHECK(parse_arguments({"--version"}, false).exit_code == 0);
}

TEST_CASE("without a command: the window's words") {
    const Options o = parse({"model.gguf", "--device", "cpu"});
    CHECK(o.command == CommandName::none);
    CHECK(o.model == "model.gguf");
    CHECK(parse({}).command == CommandName::none);
    CHECK(parse({"--script", "s", "--offscreen", "10x20"}).offscreen == "10x20");
}

TEST_CASE("selections") {
    const auto select = [](const char* text) { return parse_selection(text, 6, "--layers"); };
    CHECK(select("all") == std::vector<uint32_t>{0, 1, 2, 3, 4, 5});
    CHECK(select("0,5,-1") == std::vector<uint32_t>{0, 5});
    CHECK(select("2-4,3") == std::vector<uint32_t>{2, 3, 4});
    CHECK(select("-2") == std::vector<uint32_t>{4});
    CHECK(select("-3--1") == std::vector<uint32_t>{3, 4, 5});
    for (const char* bad :
         {"", "6", "-7", "1,", ",1", "a", "1 2", "1-", "0x1", "5-2", "3-1", "3--5", "-1--2"}) {
        INFO(bad);
        CHECK_THROWS_AS(select(bad), base::Error);
    }
}
