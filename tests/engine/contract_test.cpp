// Messages in, events out, on the shipped model: each line of the contract in app/engine/engine.h.
#include "tests/support/engine_driver.h"
#include "tests/support/temp_dir.h"

#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <set>

namespace {

using app::FinishReason;
using app::TokenId;
using app::TokenInfo;
using support::Answer;
using support::ask;
using support::EngineDriver;
using support::go_on;

/// One engine with the shipped model for all cases that do not change it.
EngineDriver& shared() {
    static EngineDriver driver;
    static const auto info = driver.load();
    driver.events.clear();
    return driver;
}

template <class E>
const E* event_of(const EngineDriver& driver, app::RequestId id) {
    for (const app::Event& event : driver.events) {
        if (const auto* e = std::get_if<E>(&event); e != nullptr && e->id == id) {
            return e;
        }
    }
    return nullptr;
}

std::vector<TokenId> ids_of(const std::vector<TokenInfo>& tokens) {
    std::vector<TokenId> ids;
    for (const TokenInfo& token : tokens) {
        ids.push_back(token.id);
    }
    return ids;
}

/// The fast path computes a token alone and in a prompt with different kernels: alike to rounding.
bool nearly(float a, float b) {
    return (std::isnan(a) && std::isnan(b)) || std::abs(a - b) <= 2e-3f;
}

void require_same(const TokenInfo& a, const TokenInfo& b) {
    REQUIRE(a.position == b.position);
    REQUIRE(a.id == b.id);
    REQUIRE(a.rank == b.rank);
    REQUIRE(nearly(a.logprob, b.logprob));
    REQUIRE(nearly(a.entropy, b.entropy));
    REQUIRE(a.top.size() == b.top.size());
    for (size_t i = 0; i < a.top.size(); ++i) {
        REQUIRE(a.top[i].id == b.top[i].id);
        REQUIRE(nearly(a.top[i].logprob, b.top[i].logprob));
    }
}

}  // namespace

TEST_CASE("engine: the shipped model loads, says hello and unloads") {
    EngineDriver driver;
    const Answer none = driver.answer(ask("Hello", 4));
    REQUIRE(none.failed.has_value());
    REQUIRE(none.failed->message == "no model is loaded");

    const auto info = driver.load();
    REQUIRE(info->shipped);
    REQUIRE_FALSE(info->base_model);
    REQUIRE(info->n_layers == 8);
    REQUIRE(info->layers.size() == 8);
    REQUIRE(info->token_texts->size() == info->vocab_size);
    REQUIRE(info->n_ctx == 512);
    REQUIRE(driver.count<app::LoadProgressed>() > 0);

    const Answer hello = driver.answer(ask("Hello", 40));
    REQUIRE(hello.finished.has_value());
    REQUIRE_FALSE(hello.text.empty());
    UNSCOPED_INFO(hello.text);
    std::printf(
        "hello: %s (first token %.0f ms, %.1f tokens/s)\n", hello.text.c_str(),
        hello.finished->stats.first_token_ms,
        1000.0 * double(hello.finished->stats.predicted_n) / hello.finished->stats.predicted_ms);

    driver.send(app::UnloadModel{});
    driver.wait([&] { return driver.count<app::ModelUnloaded>() == 1; });
    REQUIRE(driver.answer(ask("Hello", 4)).failed.has_value());
    REQUIRE(driver.n_missed_wakes == 0);
}

TEST_CASE("engine: events of one answer come in order, with one ending") {
    EngineDriver& driver = shared();
    const Answer answer = driver.answer(ask("What is your name?", 12));
    driver.wait_ms(30);
    const app::RequestId id = answer.finished.value().id;
    REQUIRE(driver.n_endings(id) == 1);

    std::string order;
    for (const app::Event& event : driver.events) {
        if (const auto* p = std::get_if<app::PromptReady>(&event)) {
            order += p->scored ? 'S' : 'P';
        } else if (std::holds_alternative<app::TokenReady>(event)) {
            order += order.ends_with('T') ? "" : "T";
        } else if (std::holds_alternative<app::Finished>(event)) {
            order += 'F';
        }
    }
    REQUIRE(order == "PSTF");

    REQUIRE(ids_of(answer.prompt.tokens) == ids_of(answer.scored.tokens));
    uint32_t position = 0;
    for (const TokenInfo& token : answer.scored.tokens) {
        REQUIRE(token.position == position++);
        REQUIRE((token.rank >= 0) == (token.position > 0));
        REQUIRE(token.top.size() == (token.position > 0 ? 10 : 0));
    }
    for (const TokenInfo& token : answer.tokens) {
        REQUIRE(token.position == position++);
        REQUIRE(token.rank == 0);  // greedy
        REQUIRE(token.top[0].id == token.id);
        REQUIRE(token.top[0].logprob == token.logprob);
        REQUIRE(token.entropy >= 0);
    }
    REQUIRE(answer.finished->stats.predicted_n == answer.tokens.size());
}

TEST_CASE("engine: a second Generate ends at once in busy and disturbs nothing") {
    EngineDriver& driver = shared();
    const Answer alone = driver.answer(ask("Tell me a story.", 40));
    const app::RequestId first = driver.send_generate(ask("Tell me a story.", 40));
    const app::RequestId second = driver.send_generate(ask("Hello", 4));
    driver.wait([&] { return driver.ended(second); });
    REQUIRE_FALSE(driver.ended(first));
    REQUIRE(event_of<app::Failed>(driver, second)->message == "busy");
    driver.wait([&] { return driver.ended(first); });
    REQUIRE(driver.answer_of(first).ids == alone.ids);
}

TEST_CASE("engine: the same seed gives the same answer, also after a stop") {
    EngineDriver& driver = shared();
    app::Generate request = ask("Tell me a story.", 30);
    request.sampling = {.temperature = 1.0F, .seed = 7};
    const Answer once = driver.answer(request);
    driver.send(app::Stop{driver.send_generate(ask("Something else?", 100))});
    const Answer twice = driver.answer(request);
    REQUIRE(once.ids == twice.ids);
    REQUIRE(once.text == twice.text);
    REQUIRE(twice.tokens.size() == once.tokens.size());
    for (size_t i = 0; i < once.tokens.size(); ++i) {
        require_same(once.tokens[i], twice.tokens[i]);
    }
    request.sampling.seed = 8;
    REQUIRE(driver.answer(request).ids != once.ids);
}

TEST_CASE("engine: scores are the same from a kept prefix, after the answer, and cold") {
    EngineDriver& driver = shared();
    const Answer first = driver.answer(ask("Hello", 10));
    std::vector<TokenId> ids = ids_of(first.scored.tokens);
    ids.insert(ids.end(), first.ids.begin(), first.ids.end());
    const Answer kept = driver.answer(go_on(ids, 0));
    REQUIRE(kept.scored.n_reused > 0);
    REQUIRE(kept.finished->reason == FinishReason::length);
    REQUIRE(kept.tokens.empty());
    for (size_t i = 0; i < first.tokens.size(); ++i) {  // as decoded and as part of a prompt
        require_same(kept.scored.tokens[first.scored.tokens.size() + i], first.tokens[i]);
    }
    // Bug: the row after the last was read when the cache held exactly what was asked for.
    const Answer held = driver.answer(go_on(ids, 0));
    REQUIRE(held.scored.n_reused == ids.size());
    for (size_t i = 0; i < ids.size(); ++i) {
        require_same(held.scored.tokens[i], kept.scored.tokens[i]);
    }
    EngineDriver other;
    other.load();
    const Answer cold = other.answer(go_on(ids, 0));
    REQUIRE(cold.scored.n_reused == 0);
    for (size_t i = 0; i < ids.size(); ++i) {
        require_same(kept.scored.tokens[i], cold.scored.tokens[i]);
    }
}

TEST_CASE("engine: a chat behind one that was computed again without scores lacks none") {
    EngineDriver& driver = shared();
    const Answer first = driver.answer(ask("Hello", 4));
    std::vector<TokenInfo> known = first.scored.tokens;
    known.insert(known.end(), first.tokens.begin(), first.tokens.end());
    app::Generate text;  // shares BOS only
    text.text = "Once upon a time";
    text.max_tokens = 0;
    REQUIRE(driver.answer(text).finished.has_value());
    app::Generate again = go_on(ids_of(known), 0);  // as the window turns to a chat from before
    again.score_prompt = false;
    again.known = known;
    REQUIRE(driver.answer(again).finished.has_value());
    // Bug: what both begin with had no prediction.
    const Answer other = driver.answer(ask("Tell me a story.", 1));
    REQUIRE(other.scored.n_reused > 2);
    for (size_t i = 1; i < other.scored.tokens.size(); ++i) {
        INFO(i);
        CHECK(other.scored.tokens[i].rank >= 0);
    }
    for (size_t i = 0; i < other.scored.n_reused; ++i) {
        require_same(other.scored.tokens[i], first.scored.tokens[i]);
    }
    // Of other ids nothing is believed.
    again.tokens[3] += 1;
    again.score_prompt = true;
    const Answer changed = driver.answer(again);
    EngineDriver fresh;
    fresh.load();
    again.known.clear();
    const Answer cold = fresh.answer(again);
    for (size_t i = 0; i < again.tokens.size(); ++i) {
        require_same(changed.scored.tokens[i], cold.scored.tokens[i]);
    }
}

TEST_CASE("engine: a branch keeps the ids before it and uses their cache") {
    EngineDriver& driver = shared();
    const Answer trunk = driver.answer(ask("Tell me a story.", 20));
    REQUIRE(trunk.ids.size() == 20);
    for (const size_t at : {size_t(0), size_t(9), size_t(19)}) {
        std::vector<TokenId> ids = ids_of(trunk.scored.tokens);
        ids.insert(ids.end(), trunk.ids.begin(), trunk.ids.begin() + ptrdiff_t(at));
        ids.push_back(trunk.tokens[at].top[1].id);
        const Answer branch = driver.answer(go_on(ids, 8));
        REQUIRE(ids_of(branch.prompt.tokens) == ids);
        REQUIRE(branch.scored.n_reused >= trunk.scored.tokens.size() - 1);
        const TokenInfo& chosen = branch.scored.tokens.back();
        REQUIRE(chosen.rank == 1);
        REQUIRE(nearly(chosen.logprob, trunk.tokens[at].top[1].logprob));
    }
    std::vector<TokenId> ids = ids_of(trunk.scored.tokens);
    ids.insert(ids.end(), trunk.ids.begin(), trunk.ids.begin() + 5);
    const Answer again = driver.answer(go_on(ids, 15));  // and back to the trunk
    REQUIRE(std::equal(again.ids.begin(), again.ids.end(), trunk.ids.begin() + 5));
}

TEST_CASE("engine: a branch computes one token, and its logits are those of a whole prompt (V6)") {
    EngineDriver& driver = shared();
    for (const size_t at : {size_t(3), size_t(14)}) {
        const Answer trunk = driver.answer(ask("Tell me a story.", 20));
        std::vector<TokenId> ids = ids_of(trunk.scored.tokens);
        ids.insert(ids.end(), trunk.ids.begin(), trunk.ids.begin() + ptrdiff_t(at));
        ids.push_back(trunk.tokens[at].top[1].id);
        const auto logits_after = [&](uint32_t& n_reused) {
            n_reused = driver.answer(go_on(ids, 1)).scored.n_reused;
            const app::InspectReady row = driver.inspect(
                {.kind = app::InspectKind::distribution, .position = uint32_t(ids.size()) - 1});
            REQUIRE(row.logits);
            return *row.logits;
        };
        uint32_t n_reused = 0;
        const std::vector<float> branch = logits_after(n_reused);
        REQUIRE(n_reused == ids.size() - 1);
        driver.answer(ask("Something else.", 3));
        const std::vector<float> whole = logits_after(n_reused);
        REQUIRE(n_reused < 5);
        REQUIRE(branch.size() == whole.size());
        for (size_t i = 0; i < whole.size(); ++i) {
            REQUIRE(std::abs(branch[i] - whole[i]) <= 1e-3f);
        }
        REQUIRE(std::ranges::max_element(branch) - branch.begin() ==
                std::ranges::max_element(whole) - whole.begin());
    }
}

TEST_CASE("engine: capture changes no token, and comes once a decoded token") {
    EngineDriver& driver = shared();
    const Answer off = driver.answer(ask("Tell me a story.", 20));
    REQUIRE(off.n_captures == 0);
    model::CaptureSpec spec;
    spec.live_rows = true;
    driver.send(app::SetCapture{spec});
    const Answer on = driver.answer(ask("Tell me a story.", 20));
    driver.send(app::SetCapture{});
    REQUIRE(on.ids == off.ids);
    for (size_t i = 0; i < on.tokens.size(); ++i) {
        require_same(on.tokens[i], off.tokens[i]);
    }
    // The last token is drawn but not fed back, so it has no row.
    size_t n_rows = 0;
    std::set<uint32_t> positions;
    for (const app::Event& event : driver.events) {
        if (const auto* ready = std::get_if<app::CaptureReady>(&event)) {
            for (const model::LiveRows& rows : ready->capture->live) {
                ++n_rows;
                positions.insert(rows.position);
            }
        }
    }
    REQUIRE(positions.size() >= on.tokens.size() - 1);
    REQUIRE(n_rows == positions.size() * 8);
    for (size_t i = 0; i + 1 < on.tokens.size(); ++i) {
        REQUIRE(positions.contains(on.tokens[i].position));
    }
}

TEST_CASE("engine: prompts of n_ctx - 1, n_ctx, n_ctx + 1 and ten times that") {
    EngineDriver driver;
    REQUIRE(driver.load({.n_ctx = 64})->n_ctx == 64);
    const Answer few = driver.answer(ask("Hello", 0));
    std::vector<TokenId> ids(640, few.prompt.tokens.back().id);
    ids[0] = few.prompt.tokens[0].id;
    const auto first = [&](size_t n) {
        return std::vector<TokenId>(ids.begin(), ids.begin() + ptrdiff_t(n));
    };

    const Answer below = driver.answer(go_on(first(63), -1));
    REQUIRE(below.finished.has_value());
    REQUIRE(below.tokens.size() == 1);
    const Answer exact = driver.answer(go_on(first(64), -1));
    REQUIRE(exact.finished.value().reason == FinishReason::context_full);
    REQUIRE(exact.tokens.empty());
    for (const size_t n : {65, 640}) {
        const Answer above = driver.answer(go_on(first(n), -1));
        REQUIRE(above.failed.has_value());
        REQUIRE(above.failed->message.find("64") != std::string::npos);
        REQUIRE_FALSE(above.failed->hint.empty());
    }
    // A context that fills while writing.
    app::Generate story = ask("Tell me a long story.", -1);
    story.sampling = {.temperature = 1.5F, .top_k = 0, .top_p = 1.0F, .seed = 3};
    const Answer full = driver.answer(story);
    REQUIRE(full.finished.has_value());
    if (full.finished->reason == FinishReason::context_full) {
        REQUIRE(full.prompt.tokens.size() + full.tokens.size() == 64);
    }
    REQUIRE(driver.answer(ask("Hello", 3)).ids.size() == 3);
}

TEST_CASE("engine: nonsense is refused in words") {
    EngineDriver& driver = shared();
    app::Generate request = ask("Hello", 3);
    request.turns.clear();
    REQUIRE(driver.answer(request).failed->message == "there is nothing to answer");
    REQUIRE(driver.answer(go_on({2, -1}, 3)).failed.has_value());
    REQUIRE(driver.answer(go_on({2, 1 << 30}, 3)).failed.has_value());
    REQUIRE(driver.answer(ask("Hello", -2)).failed.has_value());
    request = ask("Hello", 3);
    request.sampling.top_p = NAN;
    REQUIRE(driver.answer(request).failed->message.find("top_p") != std::string::npos);
    REQUIRE(driver.answer(ask("", 3)).finished.has_value());  // an empty message is a message
    REQUIRE(driver.answer(ask("Hello", 3)).ids.size() == 3);
}

TEST_CASE("engine: a load that fails leaves the model at hand in use") {
    EngineDriver driver;
    const support::TempDir folder;
    const auto junk = folder.path() / "junk.gguf";
    std::ofstream(junk) << "GGUF but not really";
    const std::vector<std::string> bad = {"/nonexistent/model.gguf", junk.string(), "/"};
    const auto try_all = [&] {
        for (const std::string& path : bad) {
            const app::RequestId id = driver.send_load({.path = path});
            driver.wait([&] { return driver.ended(id); });
            const auto* failed = event_of<app::Failed>(driver, id);
            REQUIRE(failed != nullptr);
            REQUIRE_FALSE(failed->message.empty());
        }
        const app::RequestId id = driver.send_load({.type_k = "q3"});
        driver.wait([&] { return driver.ended(id); });
        REQUIRE(event_of<app::Failed>(driver, id) != nullptr);
    };
    try_all();
    REQUIRE(driver.answer(ask("Hello", 3)).failed.has_value());
    driver.load();
    const Answer before = driver.answer(ask("Hello", 3));
    try_all();
    REQUIRE(driver.answer(ask("Hello", 3)).ids == before.ids);
    REQUIRE(driver.count<app::ModelUnloaded>() == 0);
    const app::RequestId id = driver.send_load({.device = "no such device"});
    driver.wait([&] { return driver.ended(id); });
    REQUIRE(event_of<app::Failed>(driver, id) != nullptr);
    REQUIRE(driver.answer(ask("Hello", 3)).ids == before.ids);
}

TEST_CASE("engine: a load is cancelled, by CancelLoad or by another load") {
    EngineDriver driver;
    const app::RequestId first = driver.send_load();
    driver.send(app::CancelLoad{first});
    const app::RequestId second = driver.send_load();
    const app::RequestId third = driver.send_load();
    driver.wait([&] { return driver.ended(third); });
    REQUIRE(event_of<app::Failed>(driver, first)->message == "cancelled");
    REQUIRE(event_of<app::Failed>(driver, second)->message == "cancelled");
    REQUIRE(event_of<app::ModelReady>(driver, third) != nullptr);
    REQUIRE(driver.answer(ask("Hello", 3)).ids.size() == 3);

    // Another model during an answer: the answer ends, then the model changes.
    const app::RequestId answer = driver.send_generate(ask("Tell me a story.", -1));
    const app::RequestId fourth = driver.send_load({.n_ctx = 128});
    driver.wait([&] { return driver.ended(fourth); });
    REQUIRE(event_of<app::Finished>(driver, answer)->reason == FinishReason::stopped);
    REQUIRE(event_of<app::ModelReady>(driver, fourth)->info->n_ctx == 128);
    REQUIRE(driver.count<app::ModelUnloaded>() == 1);
    for (const app::RequestId id : {first, second, third, answer, fourth}) {
        REQUIRE(driver.n_endings(id) == 1);
    }
}
