// How faithful two engines are: the next-token distributions of the golden text `long`, full
// vocabulary, against the float64 reference on the dequantized weights. Used by compare.sh.
//
//   compare_kl MODEL N --text                          prints the text whose first ids are measured
//   compare_kl MODEL N [--path NAME] [PEER.gguf...]    prints a line for each way of each engine
//
// N is the number of ids. PEER.gguf holds tensors `tokens` and `logits`, as llama-results writes.
#include <algorithm>
#include <charconv>
#include <exception>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>

#include "app/commands/args.h"
#include "model/gguf.h"
#include "model/session.h"
#include "model/source.h"
#include "tests/support/device_model.h"
#include "tests/support/divergence.h"
#include "tests/support/real_model.h"

namespace {

struct Arguments {
    std::string model, path = "fast";
    uint32_t n = 0;
    bool text = false;
    std::vector<std::string> peers;
};

[[noreturn]] void fail(const std::string& what) {
    throw base::Error(base::ErrorKind::usage, what);
}

Arguments parse(int argc, char** argv) {
    Arguments a;
    if (argc < 3) {
        fail("usage: compare_kl MODEL N [--text] [--path NAME] [PEER.gguf...]");
    }
    a.model = argv[1];
    const std::string_view n = argv[2];
    const auto [end, failed] = std::from_chars(n.data(), n.data() + n.size(), a.n);
    if (failed != std::errc() || end != n.data() + n.size()) {
        a.n = 0;
    }
    for (int i = 3; i < argc; ++i) {
        const std::string word = argv[i];
        if (word == "--text") {
            a.text = true;
        } else if (word == "--path" && i + 1 < argc) {
            a.path = argv[++i];
        } else if (word.starts_with("-")) {
            fail(fmt::format(
                "{} is no option, or lacks its value; there are --text and --path NAME", word));
        } else {
            a.peers.push_back(word);
        }
    }
    const size_t most = support::golden_text("long").tokens.size() - 8;
    if (a.n < 2 || a.n > most) {
        fail(fmt::format("N is {}, expected 2 to {}", argv[2], most));
    }
    return a;
}

/// Some ids more than are measured, so that the last of them does not depend on where the text
/// ends.
void print_text(const Arguments& a) {
    const auto source = model::open_model(a.model);
    const model::Tokenizer tokenizer(source->tokenizer, source->config);
    std::string text;
    for (uint32_t i = 1; i < a.n + 8; ++i) {  // the engine puts BOS itself
        text +=
            tokenizer.bytes(static_cast<model::TokenId>(support::golden_text("long").tokens[i]));
    }
    fmt::print("{}\n", text);
}

/// Logits [n, vocab] that a peer wrote for the same ids.
std::vector<float> peer_logits(const std::string& path, std::span<const uint32_t> tokens) {
    const model::File file(path);
    const model::Gguf gguf = model::parse_gguf(file);
    std::vector<float> logits;
    bool same_ids = false;
    for (const model::GgufTensor& tensor : gguf.tensors) {
        if (tensor.name == "tokens" && tensor.ne[0] >= tokens.size()) {
            std::vector<uint32_t> ids(tokens.size());
            file.read(tensor.offset, std::as_writable_bytes(std::span(ids)));
            same_ids = std::equal(ids.begin(), ids.end(), tokens.begin());
        } else if (tensor.name == "logits") {
            uint64_t n_values = 1;
            for (const uint64_t ne : tensor.ne) {
                n_values *= ne;
            }
            const auto n_rows = gguf.tensors.front().ne[0];  // one per id
            if (n_rows < tokens.size() || n_values % n_rows != 0) {
                fail(fmt::format("{} has logits of {} ids, expected {}", path, n_rows,
                                 tokens.size()));
            }
            logits.resize(n_values / n_rows * tokens.size());
            file.read(tensor.offset, std::as_writable_bytes(std::span(logits)));
        }
    }
    if (!same_ids || logits.empty()) {
        fail(path + " holds no logits of the same ids");
    }
    return logits;
}

/// Ours, all at once or one id after the other.
std::vector<float> our_logits(const Arguments& a, std::span<const model::TokenId> ids,
                              bool single) {
    const app::Options parsed =
        app::parse_arguments({"score", "--tokens", "2", "--path", a.path}, false).options;
    model::SessionOptions options = parsed.session;
    options.path = *parsed.path;
    options.n_ctx = static_cast<uint32_t>(ids.size());
    model::Session session(support::runtime(), support::load_model(a.model), options);
    std::vector<float> all;
    const auto keep = [&](std::span<const float> row) {
        all.insert(all.end(), row.begin(), row.end());
    };
    if (single) {
        for (const model::TokenId id : ids) {
            session.decode(id);
            keep(session.logits());
        }
    } else {
        session.sync(ids, model::WantLogits::all,
                     [&](uint32_t, std::span<const float> row) { keep(row); });
    }
    return all;
}

void print_row(const std::string& who, const support::Agreement& a) {
    fmt::print("{}: mean KL {:.3e}, worst {:.3e}, same most likely token {:.1f} %\n", who,
               a.mean_kl, a.worst_kl, 100 * a.same_best);
    std::fflush(stdout);
}

void compare(const Arguments& a) {
    std::vector<uint32_t> tokens = support::golden_text("long").tokens;
    tokens.resize(a.n);
    const auto source = model::open_model(a.model);
    const uint32_t largest = *std::ranges::max_element(tokens);
    if (largest >= source->config.vocab_size) {
        fail(fmt::format("{} has {} ids; the text is written in those of Gemma 3, up to {}",
                         a.model, source->config.vocab_size, largest));
    }
    const support::ReferenceWeights weights(*source);
    support::Reference64 forward(weights, {});
    forward.run(tokens);
    for (const std::string& peer : a.peers) {
        print_row(peer, support::agreement(forward, peer_logits(peer, tokens), a.n));
    }
    for (const bool single : {false, true}) {
        const std::vector<float> logits = our_logits(a, support::as_ids(tokens), single);
        print_row(single ? "lapidary, one by one" : "lapidary, at once",
                  support::agreement(forward, logits, a.n));
    }
}

}  // namespace

int main(int argc, char** argv) {
    try {
        const Arguments arguments = parse(argc, argv);
        if (arguments.text) {
            print_text(arguments);
        } else {
            compare(arguments);
        }
        return 0;
    } catch (const base::Error& error) {
        fmt::print(stderr, "compare_kl: {}\n{}\n", error.what(), error.hint());
        return 1;
    } catch (const std::exception& error) {  // a peer's sizes may be no sizes at all
        fmt::print(stderr, "compare_kl: {}\n", error.what());
        return 1;
    }
}
