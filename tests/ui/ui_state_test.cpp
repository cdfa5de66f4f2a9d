// UiState against made-up events: pure, no drawing, no engine thread.
#include "tests/support/catch.h"

#include "app/engine/thumbnails.h"
#include "app/ui/state/ui_state.h"
#include "app/ui/widgets/format.h"
#include "tests/support/fake_engine.h"

using namespace app;
using app::ui::AnswerState;
using app::ui::NodeId;
using app::ui::UiState;

namespace {

/// Hands commands and events over until nothing is left to do.
void settle(UiState& state, EngineLink& engine, int max_events = 100000) {
    for (int i = 0; i < max_events; ++i) {
        for (const Command& command : state.outbox) {
            engine.send(command);
        }
        state.outbox.clear();
        const auto event = engine.poll();
        if (!event) {
            state.ask_for_data(true);
            if (state.outbox.empty()) {
                return;
            }
            continue;
        }
        state.apply(*event);
        state.ask_for_data(true);
    }
}

/// Until the running answer has n tokens.
void write_tokens(UiState& state, EngineLink& engine, size_t n) {
    for (int i = 0; i < 10000; ++i) {
        for (const Command& command : state.outbox) {
            engine.send(command);
        }
        state.outbox.clear();
        const ui::Message* m = state.selected();
        if (m != nullptr && m->tokens.size() >= m->n_prompt + n && m->n_prompt > 0) {
            return;
        }
        if (const auto event = engine.poll()) {
            state.apply(*event);
        }
    }
}

struct Ready {
    test::FakeEngine engine;
    UiState state;
    explicit Ready(test::FakeOptions options = {}) : engine(std::move(options)) {
        state.open_model("", "", 0);
        settle(state, engine);
    }
};

}  // namespace

TEST_CASE("opening a model reports progress and ends ready") {
    test::FakeEngine engine;
    UiState state;
    state.open_model("", "", 0);
    REQUIRE(state.loading());
    settle(state, engine);
    REQUIRE(state.ready());
    CHECK_FALSE(state.loading());
    CHECK(state.model->name == "Fake Gemma");
}

TEST_CASE("a cancelled load leaves no error, a failed one says why") {
    {
        test::FakeEngine engine;
        UiState state;
        state.open_model("", "", 0);
        state.cancel_load();
        settle(state, engine);
        CHECK_FALSE(state.ready());
        CHECK_FALSE(state.loading());
        CHECK_FALSE(state.trouble);
    }
    test::FakeEngine engine({.fail_load = "This file stops too early."});
    UiState state;
    state.open_model("x.gguf", "", 0);
    settle(state, engine);
    REQUIRE(state.trouble);
    CHECK(state.trouble->message == "This file stops too early.");
    CHECK_FALSE(state.trouble->hint.empty());
}

TEST_CASE("an answer streams into the conversation and the selection follows it") {
    Ready r;
    r.state.send("Write a Python function");
    settle(r.state, r.engine);
    const ui::Message* m = r.state.selected();
    REQUIRE(m != nullptr);
    CHECK(m->state == AnswerState::done);
    CHECK(m->text.find("factorial") != std::string::npos);
    CHECK(m->text.find("<end_of_turn>") == std::string::npos);
    CHECK(m->tokens.back().control);
    CHECK(r.state.selection.position == m->tokens.size() - 1);
    CHECK(r.state.selection.query == m->tokens.size() - 2);
    // Bytes of the answer's tokens, in order, are its text.
    std::string bytes;
    for (uint32_t i = m->answer_begin; i < m->tokens.size(); ++i) {
        bytes += m->tokens[i].bytes;
    }
    CHECK(bytes == m->text);
}

TEST_CASE("live is the newest answer that is shown, wherever one looked before") {
    Ready r;
    r.state.send("What is it");
    settle(r.state, r.engine);
    const NodeId first = r.state.selection.branch;
    r.state.send("What is this");
    settle(r.state, r.engine);
    const NodeId second = r.state.selection.branch;
    REQUIRE(second != first);
    const auto look_back = [&] {
        r.state.selection.branch = first;  // as a click into its text does
        r.state.select_position(3);
        REQUIRE(r.state.selection.locked);
    };
    look_back();
    r.state.go_live();
    CHECK(r.state.selection.branch == second);
    CHECK_FALSE(r.state.selection.locked);
    CHECK(r.state.selection.position == r.state.selected()->tokens.size() - 1);
    settle(r.state, r.engine);
    CHECK(r.state.selected_in_cache());
    // While one is written it is that one.
    r.state.send("Write a Python function");
    write_tokens(r.state, r.engine, 3);
    const NodeId third = r.state.selection.branch;
    look_back();
    r.state.go_live();
    CHECK(r.state.selection.branch == third);
    CHECK(r.state.selection.position == r.state.selected()->tokens.size() - 1);
    settle(r.state, r.engine);
    // The user's own wording has no tokens.
    REQUIRE(r.state.edit_answer(third, "Another wording"));
    look_back();
    r.state.go_live();
    CHECK(r.state.selection.branch == second);
}

TEST_CASE("a sequence that is computed again hands on what is known of its tokens") {
    Ready r;
    r.state.send("What is it");
    settle(r.state, r.engine);
    const auto tokens = r.state.selected()->tokens;
    r.state.restore_selected();
    const auto* sent = std::get_if<Generate>(&r.state.outbox.back());
    REQUIRE(sent != nullptr);
    REQUIRE(sent->known.size() == tokens.size());
    for (size_t i = 0; i < tokens.size(); ++i) {
        CHECK(sent->known[i].id == tokens[i].id);
        CHECK(sent->known[i].rank == tokens[i].rank);
    }
}

TEST_CASE("regenerate, edit and branch keep what was there") {
    Ready r;
    r.state.send("What is it");
    settle(r.state, r.engine);
    const NodeId first = r.state.selection.branch;
    const std::string text = r.state.chat().at(first).text;
    r.state.regenerate(first);
    settle(r.state, r.engine);
    CHECK(r.state.selection.branch != first);
    CHECK(r.state.chat().sibling_count(first) == 2);
    CHECK(r.state.chat().at(first).text == text);
    r.state.show_sibling(r.state.selection.branch, -1);
    CHECK(r.state.selection.branch == first);
    const NodeId user = r.state.chat().at(first).parent;
    r.state.edit_and_resend(user, "What is this");
    settle(r.state, r.engine);
    CHECK(r.state.chat().sibling_count(user) == 2);
    CHECK(r.state.chat().path().size() == 2);
    CHECK(r.state.chat().at(user).text == "What is it");
}

TEST_CASE("a branch has the ids before n, the chosen id, and leaves the old answer alone") {
    Ready r;
    r.state.send("Write a Python function");
    settle(r.state, r.engine);
    const NodeId old_node = r.state.selection.branch;
    const auto old_tokens = r.state.selected()->tokens;
    const std::string old_text = r.state.selected()->text;
    const uint32_t n = r.state.selected()->answer_begin + 6;
    r.state.select_position(n);
    const TokenId choice = r.engine.id_of(" red");
    r.state.branch(n, choice);
    const auto* sent = std::get_if<Generate>(&r.state.outbox.back());
    REQUIRE(sent != nullptr);
    REQUIRE(sent->tokens.size() == n + 1);
    for (uint32_t i = 0; i < n; ++i) {
        CHECK(sent->tokens[i] == old_tokens[i].id);
    }
    CHECK(sent->tokens[n] == choice);
    settle(r.state, r.engine);
    const ui::Message& fresh = *r.state.selected();
    CHECK(r.state.selection.branch != old_node);
    CHECK(fresh.tokens[n].id == choice);
    CHECK(fresh.branch->position == n);
    CHECK(fresh.text.find(" red") != std::string::npos);
    CHECK(r.state.chat().at(old_node).text == old_text);
    CHECK(r.state.chat().at(old_node).tokens.size() == old_tokens.size());
    // The model's memory holds the new one: the old one says so and can be brought back.
    r.state.show_sibling(r.state.selection.branch, -1);
    CHECK_FALSE(r.state.selected_in_cache());
    CHECK_FALSE(r.state.not_in_cache_reason().empty());
    r.state.restore_selected();
    settle(r.state, r.engine);
    CHECK(r.state.selected_in_cache());
    CHECK(r.state.chat().at(old_node).text == old_text);
    CHECK(r.state.chat().at(old_node).state == AnswerState::done);
}

TEST_CASE("prompt tokens and unknown positions are no place to branch") {
    Ready r;
    r.state.send("What is it");
    settle(r.state, r.engine);
    CHECK_FALSE(r.state.branch_obstacle(0).empty());
    CHECK_FALSE(r.state.branch_obstacle(100000).empty());
    CHECK(r.state.branch_obstacle(r.state.selected()->answer_begin).empty());
}

TEST_CASE("stop keeps the text so far") {
    Ready r;
    r.state.send("What is it");
    write_tokens(r.state, r.engine, 8);
    REQUIRE(r.state.busy());
    r.state.stop();
    r.state.stop();  // a second time asks for nothing
    settle(r.state, r.engine);
    CHECK_FALSE(r.state.busy());
    CHECK(r.state.selected()->finish == FinishReason::stopped);
    CHECK_FALSE(r.state.selected()->text.empty());
}

// Bug: "Computing" stood for ever under "Through the layers" of a row that was never computed.
TEST_CASE("what will never come is not waited for") {
    Ready r;
    r.state.send("What is it");
    settle(r.state, r.engine);
    r.state.select_position(5);
    CHECK(r.state.lens_coming());
    r.state.ask_for_data(true);
    const auto* asked = std::get_if<Inspect>(&r.state.outbox.front());
    REQUIRE(asked != nullptr);
    REQUIRE(asked->kind == InspectKind::distribution);
    InspectReady answer;
    answer.id = asked->id;
    answer.kind = asked->kind;
    answer.request = *asked;
    answer.not_captured = "The answer was stopped before this row.";
    r.state.apply(answer);
    CHECK_FALSE(r.state.lens_coming());
    CHECK(r.state.distribution.not_captured == answer.not_captured);
}

TEST_CASE("the lens asks again for the other residual, and takes no answer for it") {
    Ready r;
    r.state.send("What is it");
    settle(r.state, r.engine);
    r.state.select_position(5);
    const auto settle_lens = [&] {
        for (int i = 0; i < 4; ++i) {
            r.state.ask_for_data(true);
            settle(r.state, r.engine);
        }
    };
    settle_lens();
    REQUIRE(r.state.lens_is_here());
    const std::vector<float> post = r.state.lens.layers.front().asked;
    r.state.lens_mid = true;
    CHECK_FALSE(r.state.lens_is_here());
    CHECK(r.state.lens_coming());
    settle_lens();
    CHECK(r.state.lens_is_here());
    CHECK(r.state.lens.mid);
    CHECK(r.state.lens.layers.front().asked != post);
}

TEST_CASE("labels are pushed apart in the order of their lines") {
    const std::vector<float> labels = ui::spread({98, 97, 50}, 14, 5, 96);
    CHECK(labels == std::vector<float>{96, 82, 50});
    CHECK(ui::spread({0, 1}, 14, 5, 96) == std::vector<float>{5, 19});
    CHECK(ui::open_boxes("\u00B7hello") == "\u2423hello");
    CHECK(ui::trimmed(" \n a b\t") == "a b");
}

TEST_CASE("a failed answer keeps its text and names the cause") {
    Ready r({.fail_generate = "The device was lost."});
    r.state.send("What is it");
    settle(r.state, r.engine);
    CHECK(r.state.selected()->state == AnswerState::failed);
    CHECK(r.state.selected()->error == "The device was lost.");
    CHECK_FALSE(r.state.selected()->text.empty());
    CHECK_FALSE(r.state.busy());
}

TEST_CASE("late and foreign events change nothing") {
    Ready r;
    r.state.send("What is it");
    settle(r.state, r.engine);
    const std::string text = r.state.selected()->text;
    const size_t n = r.state.selected()->tokens.size();
    TokenReady late;
    late.id = r.state.selected()->request;
    late.token.position = uint32_t(n);
    late.text = "late";
    r.state.apply(late);
    late.id = 9999;
    r.state.apply(late);
    InspectReady stale;
    stale.id = 4711;
    stale.kind = InspectKind::distribution;
    stale.logits = std::make_shared<std::vector<float>>(5, 1.0f);
    const uint64_t version = r.state.distribution.version;
    r.state.apply(stale);
    r.state.apply(Finished{12345, FinishReason::stop, {}});
    CHECK(r.state.selected()->text == text);
    CHECK(r.state.selected()->tokens.size() == n);
    CHECK(r.state.distribution.version == version);
    CHECK(r.state.n_stale >= 3);
}

TEST_CASE("a token that skips a position is not taken") {
    Ready r;
    r.state.send("What is it");
    write_tokens(r.state, r.engine, 2);
    const size_t n = r.state.selected()->tokens.size();
    TokenReady odd;
    odd.id = r.state.generating;
    odd.token.position = uint32_t(n) + 3;
    r.state.apply(odd);
    CHECK(r.state.selected()->tokens.size() == n);
}

TEST_CASE("a lost device takes its numbers with it") {
    Ready r;
    r.state.send("What is it");
    settle(r.state, r.engine);
    REQUIRE(r.state.distribution.logits);
    r.state.apply(Failed{0, "The device was lost.", "Open the model again.", true});
    CHECK_FALSE(r.state.ready());
    CHECK_FALSE(r.state.distribution.logits);
    CHECK_FALSE(r.state.selected_in_cache());
    REQUIRE(r.state.trouble);
    CHECK(r.state.trouble->device_lost);
    CHECK_FALSE(r.state.selected()->text.empty());
}

TEST_CASE("what the views hold equals what the engine computed") {
    Ready r;
    r.state.send("Write a Python function that returns the factorial of n");
    settle(r.state, r.engine);
    const uint32_t rows = r.state.rows_in_cache();
    REQUIRE(rows > 40);
    for (uint32_t q = 0; q < rows; ++q) {
        REQUIRE(r.state.matrix.has_row(q));
        for (uint32_t k = 0; k <= q; ++k) {
            const float truth =
                r.engine.weight(r.state.selection.layer, r.state.selection.head, q, k);
            const float shown = r.state.matrix.at(q, k);
            REQUIRE(std::abs(shown - truth) <= 5e-4f * truth + 1e-6f);
        }
    }
    for (uint32_t l = 0; l < r.state.model->n_layers; ++l) {
        for (uint32_t h = 0; h < r.state.model->n_heads; ++h) {
            const ui::HeadThumb& t = *r.state.thumbs.find(l, h);
            REQUIRE(t.n_positions >= rows);
            for (uint32_t q = 0; q < rows; ++q) {
                REQUIRE(t.has_row(q / t.bin));
                for (uint32_t k = 0; k <= q; ++k) {
                    const float w = r.engine.weight(l, h, q, k);  // half a step of the code
                    REQUIRE(log_value(t.at(q / t.bin, k / t.bin, false, true)) >=
                            w * 0.975f - 2e-5f);
                }
            }
        }
    }
    REQUIRE(r.state.distribution.logits);
    CHECK(*r.state.distribution.logits == r.engine.logits(*r.state.distribution.row));
}

TEST_CASE("thumbnails grow in powers of two and keep their maxima") {
    const auto row = [](uint32_t position, std::vector<float> weights) {
        model::LiveRows rows;
        rows.position = position;
        rows.n_keys = position + 1;
        rows.max = {0};
        rows.lse = {0};
        for (uint32_t k = 0; k <= position; ++k) {
            const float w = k < weights.size() ? weights[k] : 0;
            rows.log16.push_back(w > 0 ? uint16_t(std::round(-std::log(w) * 2048)) : 65535);
        }
        return rows;
    };
    const auto near = [](uint8_t code, float w) { return std::abs(int(code) - log_code(w)) <= 1; };
    ui::HeadThumb t;
    t.put(row(5, {0.25f, 0, 0, 0.7f, 0.05f}), 0);
    t.put(row(6, {0.9f, 0.1f}), 0);
    CHECK(t.bin == 1);
    t.put(row(64, {0.5f, 0, 0.5f}), 0);
    CHECK(t.bin == 2);
    CHECK(near(t.at(2, 1, false, true), 0.7f));
    CHECK(near(t.at(3, 0, false, true), 0.9f));
    CHECK(near(t.at(3, 0, false, false), 0.1f));
    CHECK(t.has_row(2));
    CHECK_FALSE(t.has_row(0));
    t.put(row(1000, {0.5f, 0, 0.5f}), 0);
    CHECK(t.bin == 16);
    CHECK(t.side() <= 64);
    CHECK(near(t.at(0, 0, false, true), 0.9f));
    CHECK(near(t.at(0, 0, false, false), 0.7f));
    // The mean of rows 5 and 6, the only ones of the first sixteen.
    CHECK(near(t.at(0, 0, true, true), 1));
    CHECK(near(t.at(0, 0, true, false), (0.75f + 0.1f) / 2));
    CHECK(near(t.at(62, 0, true, false), 0.5f));
}

TEST_CASE("a row's links and BOS hold the share that is named") {
    Ready r;
    r.state.send("What is it");
    settle(r.state, r.engine);
    r.state.select_position(r.state.selected()->tokens.size() - 3);
    settle(r.state, r.engine);
    const ui::RowLinks links = ui::row_links(r.state.matrix, r.state.selection.query, 0.7f, 100);
    double mass = double(links.bos);
    for (size_t i = 0; i < links.links.size(); ++i) {
        mass += double(links.links[i].weight);
        CHECK((i == 0 || links.links[i].weight <= links.links[i - 1].weight));
    }
    CHECK(mass >= 0.7);
    CHECK(std::abs(mass - double(links.shown_mass)) < 1e-5);
}
