// The program as its user sees it: exit codes, what goes to stdout and what to stderr, JSON.
#include "app/engine/engine.h"
#include "app/starters.h"
#include "model/source.h"
#include "tests/support/program.h"
#include "tests/support/temp_dir.h"

#include <catch2/catch_approx.hpp>
#include <catch2/catch_test_macros.hpp>
#include <nlohmann/json.hpp>

#include <array>
#include <cmath>
#include <fstream>

using nlohmann::json;
using support::lines_of;
using support::ProgramInput;
using support::ProgramResult;

namespace {

const std::string kProgram = LAPIDARY_PROGRAM;
const std::string kTiny3 = "tests/golden/tiny-gemma3.gguf";
constexpr const char* kTinyIds = "2,10,20,30,40,50,60,70,80,90,100,110";

ProgramResult run(std::vector<std::string> arguments, std::string standard_input = "") {
    return support::run_program(kProgram, {.arguments = std::move(arguments),
                                           .standard_input = std::move(standard_input),
                                           .environment = {},
                                           .interrupt = {}});
}

bool contains(const std::string& text, std::string_view part) {
    return text.find(part) != std::string::npos;
}

std::vector<json> json_lines(const std::string& text) {
    std::vector<json> lines;
    for (const std::string& line : lines_of(text)) {
        lines.push_back(json::parse(line));  // throws, and so fails, on anything else on stdout
    }
    return lines;
}

}  // namespace

TEST_CASE("exit codes and where errors go") {
    const auto failing = [](std::vector<std::string> arguments, int exit_code) {
        const ProgramResult result = run(arguments);
        INFO(arguments.front() << ": " << result.err);
        CHECK(result.exit_code == exit_code);
        CHECK(result.out.empty());
        CHECK(contains(result.err, "lapidary: "));
        return result.err;
    };
    failing({"run"}, 2);
    failing({"run", "-p", "x", "--nonsense"}, 2);
    failing({"run", "-p", "x", "-ngl", "9"}, 2);
    failing({"run", "-p", "x", "--top-p", "2"}, 2);
    failing({"run", "-f", "/dev/null/prompt", "-n", "1"}, 2);
    CHECK(contains(failing({"run", "-m", "/dev/null/m.gguf", "-p", "x"}, 3), "/dev/null/m.gguf"));
    failing({"info", "-m", "/dev/null/m.gguf"}, 3);
    failing({"info", "-m", "CMakeLists.txt"}, 3);
    CHECK(contains(failing({"run", "-p", "x", "--device", "no such card"}, 4), "llvmpipe"));
    failing({"score", "-m", kTiny3, "--tokens", "2,420"}, 2);
    failing({"score", "-m", kTiny3, "--tokens", kTinyIds, "-c", "8"}, 2);
    failing({"trace", "-m", kTiny3, "--tokens", "2,3", "-o", "/dev/null/x.npz"}, 1);
    failing({"trace", "-m", kTiny3, "--tokens", "2,3", "-o", "x.npz", "--taps", "nonsense"}, 2);
    failing({"trace", "-m", kTiny3, "--tokens", "2,3", "-o", "x.npz", "--limit", "0"}, 2);
}

TEST_CASE("an answer that cannot be written is a failure") {
    const ProgramResult result = support::run_program(
        "/bin/sh", {.arguments = {"-c", "exec '" + kProgram + "' info >/dev/full"},
                    .standard_input = "",
                    .environment = {},
                    .interrupt = {}});
    CHECK(result.exit_code == 1);
    CHECK(contains(result.err, "could not be written: No space left"));
}

TEST_CASE("F1: help, version and info work without a Vulkan driver; the rest says what to do") {
    const auto without_driver = [](std::vector<std::string> arguments) {
        return support::run_program(kProgram,
                                    {.arguments = std::move(arguments),
                                     .standard_input = "",
                                     .environment = {{"VK_DRIVER_FILES", "/dev/null/driver"},
                                                     {"VK_ICD_FILENAMES", "/dev/null/driver"}},
                                     .interrupt = {}});
    };
    CHECK(without_driver({"--help"}).exit_code == 0);
    CHECK(without_driver({"run", "--help"}).exit_code == 0);
    CHECK(contains(without_driver({"--version"}).out, "lapidary "));
    const ProgramResult info = without_driver({"info"});
    CHECK(info.exit_code == 0);
    CHECK(contains(info.out, "gemma2"));
    for (const auto& arguments : std::vector<std::vector<std::string>>{
             {"devices"}, {"run", "-p", "x"}, {"score", "-p", "x"}}) {
        const ProgramResult result = without_driver(arguments);
        CHECK(result.exit_code == 4);
        CHECK(result.out.empty());
        CHECK(lines_of(result.err).size() == 2);  // the cause, and what to do
    }
}

TEST_CASE("without subgroups the plain path is used, and the fast one is refused") {
    const auto score = [](std::vector<std::string> more) {
        std::vector<std::string> arguments = {"score", "-m", kTiny3, "--tokens", kTinyIds};
        arguments.insert(arguments.end(), more.begin(), more.end());
        return support::run_program(
            LAPIDARY_PROGRAM, {.arguments = std::move(arguments),
                               .standard_input = "",
                               .environment = {{"LAPIDARY_DISABLE", "subgroups,fp16,coopmat"}},
                               .interrupt = {}});
    };
    const std::string reason = "the device has no subgroup arithmetic";
    const ProgramResult chosen = score({});
    INFO(chosen.err);
    CHECK(chosen.exit_code == 0);
    CHECK(contains(chosen.err, "the plain path, which is slower, is used: " + reason));
    CHECK(chosen.out == score({"--path", "plain"}).out);
    const ProgramResult refused = score({"--path", "fast"});
    INFO(refused.err);
    CHECK(refused.exit_code == 2);
    CHECK(contains(refused.err, reason));
    CHECK(refused.out.empty());
}

TEST_CASE("devices names the chosen one") {
    const ProgramResult text = run({"devices"});
    CHECK(text.exit_code == 0);
    CHECK(contains(text.out, "chosen: "));
    int n_chosen = 0;
    for (const json& device : json_lines(run({"devices", "--json"}).out)) {
        n_chosen += int(device["chosen"].get<bool>());
        CHECK(device["uuid"].get<std::string>().size() == 32);
        CHECK(device["max_range_bytes"].get<uint64_t>() > 0);
    }
    CHECK(n_chosen == 1);
}

TEST_CASE("info counts what is in the file") {
    const ProgramResult result = run({"info", "-m", kTiny3, "--json"});
    REQUIRE(result.exit_code == 0);
    const json info = json::parse(result.out);
    const auto source = model::open_model(kTiny3);
    uint64_t elements = 0;
    uint64_t bytes = 0;
    for (const model::SourceTensor& tensor : source->tensors) {
        elements += uint64_t{tensor.rows} * tensor.cols;
        bytes += tensor.n_bytes;
    }
    CHECK(info["parameters"]["total"] == elements);
    const uint64_t weights = info["memory"][0]["weights"];  // as the allocator lays them out
    CHECK(weights >= bytes);
    CHECK(weights <= bytes + 256 * (3 * source->tensors.size() + 1));
    CHECK(info["architecture"] == "gemma3");
    CHECK(contains(run({"info", "-m", kTiny3}).out, "7 layers"));
}

TEST_CASE("run: the answer alone is on stdout, and JSON says the same") {
    const std::vector<std::string> common = {"--chat", "-p", "What is your name?", "--temp", "0",
                                             "-n",     "20"};
    std::vector<std::string> arguments = {"run"};
    arguments.insert(arguments.end(), common.begin(), common.end());
    const ProgramResult text = run(arguments);
    CHECK(text.exit_code == 0);
    CHECK(contains(text.out, "Pip"));
    CHECK_FALSE(contains(text.out, "lapidary"));
    CHECK(contains(text.err, "#"));  // the fingerprint
    CHECK(run(arguments).out == text.out);

    arguments.insert(arguments.end(), {"--json", "--top", "3"});
    const auto lines = json_lines(run(arguments).out);
    REQUIRE(lines.size() > 2);
    std::string bytes;
    for (size_t i = 0; i + 1 < lines.size(); ++i) {
        const json& token = lines[i];
        for (const int b : token["bytes"]) {
            bytes += char(b);
        }
        REQUIRE(token["top"].size() == 3);
        CHECK(token["pos"] == lines[0]["pos"].get<int>() + int(i));
        CHECK(token["top"][0]["id"] == token["id"]);  // temperature 0
        CHECK(token["top"][0]["logprob"] == token["logprob"]);
        CHECK(token["top"][1]["logprob"].get<double>() <= token["logprob"].get<double>());
    }
    CHECK(bytes + "\n" == text.out);
    const json& totals = lines.back();
    CHECK(totals["completion_tokens"] == lines.size() - 1);
    CHECK(totals["prompt_tokens"] == lines[0]["pos"]);
    CHECK((totals["finish_reason"] == "stop" || lines.size() == 21));
    for (const char* key : {"load_ms", "prompt_n", "prompt_ms", "predicted_n", "predicted_ms"}) {
        CHECK(totals["timings"].contains(key));
    }
}

TEST_CASE("run: a seed gives one answer, another seed another") {
    const auto answer = [](const char* seed) {
        return run({"run", "--chat", "-p", "Tell me a story.", "-n", "24", "-s", seed}).out;
    };
    CHECK(answer("1") == answer("1"));
    CHECK(answer("1") != answer("2"));
    const ProgramResult random = run({"run", "--chat", "-p", "Hi", "-n", "2"});
    CHECK(contains(random.err, "seed "));
}

TEST_CASE("E5: prompts about as long as the context, and answers that fill it") {
    const auto ids = [](int n) {
        std::string list = "2";
        for (int i = 1; i < n; ++i) {
            list += "," + std::to_string(10 + i % 300);
        }
        return list;
    };
    for (const auto& [n, exit_code] :
         std::initializer_list<std::pair<int, int>>{{63, 0}, {64, 0}, {65, 2}, {640, 2}}) {
        const ProgramResult result =
            run({"score", "-m", kTiny3, "--tokens", ids(n), "-c", "64", "--hash"});
        INFO(n << " " << result.err);
        CHECK(result.exit_code == exit_code);
        CHECK((exit_code == 0 || contains(result.err, "context")));
    }
    // "a" many times; how many tokens that is, the program says itself.
    for (int n_bytes = 8; n_bytes < 3000; n_bytes = n_bytes * 3 / 2) {
        const ProgramResult result = run({"run", "-m", kTiny3, "-p", std::string(n_bytes, 'z'),
                                          "-c", "64", "--temp", "0", "--json"});
        INFO(n_bytes << " " << result.err);
        if (result.exit_code == 2) {
            CHECK(n_bytes >= 64);
            CHECK(contains(result.err, "the context holds 64"));
            CHECK(result.out.empty());
            continue;
        }
        REQUIRE(result.exit_code == 0);
        const json totals = json_lines(result.out).back();
        const int n_total =
            totals["prompt_tokens"].get<int>() + totals["completion_tokens"].get<int>();
        CHECK(n_total <= 64);
        if (totals["finish_reason"] == "length") {
            CHECK(n_total == 64);
            CHECK(contains(result.err, "context of 64 tokens is full"));
        }
    }
}

TEST_CASE("E12: an empty prompt and spaces only are texts") {
    for (const char* prompt : {"", " ", "\n\n"}) {
        const ProgramResult result = run({"run", "-p", prompt, "-n", "2", "--temp", "0", "--json"});
        INFO(result.err);
        CHECK(result.exit_code == 0);
        CHECK(json_lines(result.out).back()["completion_tokens"].get<int>() <= 2);
        // Nothing can be said about BOS alone.
        CHECK(run({"score", "-p", prompt, "--json"}).exit_code == (*prompt == '\0' ? 2 : 0));
    }
    const ProgramResult none = run({"run", "-p", "x", "-n", "0"});
    CHECK(none.exit_code == 0);
    CHECK(none.out == "\n");
}

TEST_CASE("D4: text that spells a control token is text, unless --special") {
    const auto count = [](std::vector<std::string> more) {
        std::vector<std::string> arguments = {"score", "-p", "a<end_of_turn>b", "--json"};
        arguments.insert(arguments.end(), more.begin(), more.end());
        int n_controls = 0;
        const auto lines = json_lines(run(arguments).out);
        for (size_t i = 0; i + 1 < lines.size(); ++i) {
            n_controls += int(lines[i]["text"] == "<end_of_turn>");
        }
        CHECK(lines[0]["text"] == "<bos>");
        CHECK(lines[1]["text"] != "<bos>");
        return n_controls;
    };
    CHECK(count({}) == 0);
    CHECK(count({"--special"}) == 1);
}

TEST_CASE("stop texts end the answer before themselves") {
    const ProgramResult whole =
        run({"run", "--chat", "-p", "What is your name?", "--temp", "0", "-n", "20"});
    REQUIRE(contains(whole.out, "Pip"));
    const ProgramResult cut = run({"run", "--chat", "-p", "What is your name?", "--temp", "0", "-n",
                                   "20", "--stop", "Pip", "--stop", "zzzz"});
    CHECK(cut.out == whole.out.substr(0, whole.out.find("Pip")) + "\n");
}

TEST_CASE("batches are answered in order, and mistakes in them are told first") {
    const support::TempDir folder;
    const std::string file = (folder.path() / "b.jsonl").string();
    const auto write = [&](const std::string& text) { std::ofstream(file) << text; };
    write(R"({"turns":[{"role":"user","text":"What is your name?"}],"n":20}
{"prompt":"Once upon a time","n":4}

{"turns":[{"role":"system","text":"Be kind."},{"role":"user","text":"Hello"},{"role":"model","text":"Hi."},{"role":"user","text":"What is your name?"}],"n":6}
{"prompt":"Once upon a time","n":4,"temp":1.5,"seed":9}
)");
    const ProgramResult result = run({"run", "--batch", file, "--temp", "0"});
    INFO(result.err);
    REQUIRE(result.exit_code == 0);
    const auto lines = json_lines(result.out);
    REQUIRE(lines.size() == 4);
    for (size_t i = 0; i < lines.size(); ++i) {
        CHECK(lines[i]["index"] == i);
        CHECK(lines[i]["ids"].is_array());
    }
    CHECK(contains(lines[0]["text"].get<std::string>(), "Pip"));
    CHECK(lines[1]["finish_reason"] == "length");
    CHECK(lines[1]["ids"].size() == 4);
    const ProgramResult alone = run({"run", "-p", "Once upon a time", "-n", "4", "--temp", "0"});
    CHECK(alone.out == lines[1]["text"].get<std::string>() + "\n");

    for (const char* bad :
         {"{\"prompt\":1}", "{}", "[]", "{\"prompt\":\"a\",\"n\":-2}", "{",
          "{\"prompt\":\"a\",\"temp\":-1}", "{\"prompt\":\"a\",\"seed\":-1}",
          "{\"prompt\":\"a\",\"x\":1}", R"({"turns":[{"role":"cat","text":"a"}]})",
          "{\"prompt\":\"a\",\"n\":2147483648}", ""}) {
        write("{\"prompt\":\"fine\"}\n" + std::string(bad) + (*bad ? "\n" : ""));
        if (*bad == '\0') {
            write("");
        }
        const ProgramResult wrong = run({"run", "--batch", file});
        INFO(bad << ": " << wrong.err);
        CHECK(wrong.exit_code == 2);
        CHECK(wrong.out.empty());
        CHECK((*bad == '\0' || contains(wrong.err, "line 2")));
    }
}

TEST_CASE("a batch's line that is too long is named as the file counts, and the others answered") {
    const support::TempDir folder;
    const std::string file = (folder.path() / "b.jsonl").string();
    std::ofstream(file) << "{\"prompt\":\"a\"}\n\n{\"prompt\":\"" << std::string(900, 'z')
                        << "\"}\n";
    const ProgramResult result =
        run({"run", "-m", kTiny3, "--batch", file, "-n", "1", "-c", "32", "--temp", "0"});
    INFO(result.err);
    CHECK(result.exit_code == 2);
    CHECK(json_lines(result.out).size() == 2);
    CHECK(contains(result.err, file + ", line 3: the prompt has"));
    CHECK(contains(result.err, "-c"));
}

TEST_CASE("score adds up") {
    const ProgramResult result =
        run({"score", "-m", kTiny3, "--tokens", kTinyIds, "--top", "420", "--json"});
    REQUIRE(result.exit_code == 0);
    const auto lines = json_lines(result.out);
    REQUIRE(lines.size() == 13);
    CHECK(lines[0]["logprob"].is_null());
    CHECK(lines[0]["rank"].is_null());
    double nll = 0;
    for (size_t i = 0; i < 12; ++i) {
        double sum = 0;
        double entropy = 0;
        for (const json& token : lines[i]["top"]) {
            const double logprob = token["logprob"];
            sum += std::exp(logprob);
            entropy -= std::exp(logprob) * logprob;
        }
        CHECK(sum == Catch::Approx(1).margin(1e-5));
        if (i + 1 == 12) {
            break;
        }
        // The row says what comes next; the next row says how likely what came was.
        const json& next = lines[i + 1];
        const json& row = lines[i]["top"][next["rank"].get<size_t>()];
        CHECK(row["id"] == next["id"]);
        CHECK(row["logprob"] == next["logprob"]);
        CHECK(next["entropy"].get<double>() == Catch::Approx(entropy).margin(1e-5));
        nll -= next["logprob"].get<double>();
    }
    CHECK(lines[12]["tokens"] == 12);
    CHECK(lines[12]["nll"].get<double>() == Catch::Approx(nll));
    CHECK(lines[12]["ppl"].get<double>() == Catch::Approx(std::exp(nll / 11)));
}

TEST_CASE("every way to a sequence gives the same hash") {
    for (const char* model : {"tiny-gemma", "tiny-gemma2", "tiny-gemma3"}) {
        std::string ids = "2";
        for (int i = 1; i < 40; ++i) {
            ids += "," + std::to_string(5 + (i * 37) % 400);
        }
        const auto hash = [&](std::vector<std::string> way) {
            std::vector<std::string> arguments = {
                "score",    "-m", "tests/golden/" + std::string(model) + ".gguf",
                "--tokens", ids,  "--hash"};
            arguments.insert(arguments.end(), way.begin(), way.end());
            const ProgramResult result = run(arguments);
            INFO(result.err);
            CHECK(result.exit_code == 0);
            return result.out;
        };
        const std::string wanted = hash({});
        CHECK(wanted.size() > 16);
        for (const auto& way : std::vector<std::vector<std::string>>{
                 {"-ub", "1"},
                 {"-ub", "7"},
                 {"--prefix", "11"},
                 {"--rewind", "9"},
                 {"--edit", "20"},
                 {"--edit", "1", "-ub", "7"},
                 {"--decode", "25"},
                 {"--swa-full"},
                 {"--capture"},
                 {"--capture", "--prefix", "3", "--rewind", "30", "--decode", "4"},
                 {"-ub", "7", "--swa-full", "--rewind", "30", "-c", "64"}}) {
            INFO(model << " " << way[0] << (way.size() > 1 ? way[1] : ""));
            CHECK(hash(way) == wanted);
        }
        CHECK(hash({"-ctk", "f32", "-ctv", "f32"}) != wanted);
    }
}

TEST_CASE("chat answers a pipe, knows its commands and ends at its end") {
    const support::TempDir folder;
    const std::string saved = (folder.path() / "chat.json").string();
    const ProgramResult result =
        run({"chat", "--temp", "0", "-n", "20"}, "What is your name?\n/probs\n/save " + saved +
                                                     "\n/undo\n/undo\n/nonsense\n/regen\n"
                                                     "What is your name?");
    INFO(result.err);
    CHECK(result.exit_code == 0);
    const auto answers = lines_of(result.out);
    REQUIRE(answers.size() == 2);
    CHECK(contains(answers[0], "Pip"));
    CHECK(answers[0] == answers[1]);
    CHECK(contains(result.err, "%"));
    CHECK(contains(result.err, "nothing to take back"));
    CHECK(contains(result.err, "/nonsense"));
    CHECK(contains(result.err, "no message to answer again"));
    std::ifstream stream(saved);
    const json conversation = json::parse(stream);
    REQUIRE(conversation["turns"].size() == 2);
    CHECK(conversation["turns"][0]["role"] == "user");
    CHECK(conversation["turns"][1]["text"] == answers[0]);

    const ProgramResult leaving = run({"chat"}, "/quit\nWhat is your name?\n");
    CHECK(leaving.exit_code == 0);
    CHECK(leaving.out.empty());
    CHECK(run({"chat"}).exit_code == 0);  // nothing at all
}

TEST_CASE("the prompts on offer are among the shipped model's skills") {
    const support::TempDir folder;
    const std::string file = (folder.path() / "b.jsonl").string();
    {
        std::ofstream batch(file);
        for (const app::Starter& starter : app::kStarters) {
            const json turn = {{"role", "user"}, {"text", starter.prompt}};
            batch << json{{"n", 48}, {"turns", json::array({turn})}}.dump() << "\n";
        }
    }
    const auto answers = json_lines(run({"run", "--batch", file, "--temp", "0"}).out);
    REQUIRE(answers.size() == app::kStarters.size());
    const std::array<std::string_view, app::kStarters.size()> wanted = {
        "The hat is blue.", "river lamp stone bell", "Tim", "Attention is how I look back."};
    for (size_t i = 0; i < wanted.size(); ++i) {
        INFO(app::kStarters[i].prompt);
        CHECK(contains(answers[i]["text"].get<std::string>(), wanted[i]));
    }
}

TEST_CASE("a second turn continues the first") {
    const ProgramResult both =
        run({"chat", "--temp", "0", "-n", "20"}, "What is your name?\nWhat is two plus three?\n");
    const auto answers = lines_of(both.out);
    REQUIRE(answers.size() == 2);
    const support::TempDir folder;
    const std::string file = (folder.path() / "b.jsonl").string();
    std::ofstream(file)
        << json{{"n", 20},
                {"turns", json::array({{{"role", "user"}, {"text", "What is your name?"}},
                                       {{"role", "model"}, {"text", answers[0]}},
                                       {{"role", "user"}, {"text", "What is two plus three?"}}})}}
               .dump()
        << "\n";
    const auto cold = json_lines(run({"run", "--batch", file, "--temp", "0"}).out);
    CHECK(cold[0]["text"] == answers[1]);
}

TEST_CASE("a context that is too small for the chat says so") {
    const ProgramResult result =
        run({"chat", "--temp", "0", "-c", "16"}, std::string(200, 'x') + "\n");
    CHECK(result.exit_code == 2);
    CHECK(result.out.empty());
    CHECK(contains(result.err, "the context holds 16"));
}

TEST_CASE("Ctrl-C: run ends with what it has, chat goes on") {
    bool sent = false;
    const auto once = [&](const std::string& out) {
        const bool now = !sent && out.size() > 20;
        sent |= now;
        return now;
    };
    ProgramInput input{.arguments = {"run", "--chat", "-p", "Tell me a long story.", "-s", "3"},
                       .standard_input = "",
                       .environment = {},
                       .interrupt = once};
    const ProgramResult stopped = support::run_program(kProgram, input);
    INFO(stopped.err);
    if (!sent || stopped.exit_code == 0) {
        SKIP("the answer ended before the interrupt came");
    }
    CHECK(stopped.exit_code == 130);
    CHECK(stopped.out.size() > 20);
    CHECK(contains(stopped.err, "stopped"));
    CHECK(contains(stopped.err, "#"));

    sent = false;
    input.arguments = {"chat", "-s", "3"};
    input.standard_input = "Tell me a long story.\nWhat is your name?\n";
    const ProgramResult chat = support::run_program(kProgram, input);
    INFO(chat.err);
    CHECK(chat.exit_code == 0);
    CHECK(lines_of(chat.out).size() >= 2);
}

TEST_CASE("score of one token has no perplexity") {
    const ProgramResult text = run({"score", "-m", kTiny3, "--tokens", "2"});
    CHECK(text.exit_code == 0);
    CHECK(contains(text.out, "1 token, 0.000000 nats, perplexity -\n"));
    CHECK(contains(text.out, "rank 0: the most likely"));
    const ProgramResult lines = run({"score", "-m", kTiny3, "--tokens", "2", "--json"});
    CHECK(json_lines(lines.out).back()["ppl"].is_null());
}

TEST_CASE("chat: where the system prompt fills the context, that is said") {
    std::string system;
    for (int i = 0; i < 100; ++i) {
        system += "Answer in one word. ";
    }
    const ProgramResult result =
        run({"chat", "-st", "-c", "64", "--system-prompt", system, "-p", "Hello"});
    INFO(result.err);
    CHECK(result.exit_code == 2);
    CHECK(contains(result.err, "the system prompt alone takes"));
    CHECK_FALSE(contains(result.err, "/undo"));
}
