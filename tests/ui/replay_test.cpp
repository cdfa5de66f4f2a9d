// A recording in the window: the views of the live sequence, without a model or its engine.
#include "app/recordings/recording.h"
#include "app/recordings/replay_engine.h"
#include "app/ui/view_data.h"
#include "tests/support/temp_dir.h"
#include "tests/ui/rig.h"

#include <cmath>
#include <fstream>

using namespace app;
using test::Rig;

namespace {

/// What trace would record of the rig's answer: every row of every layer and head.
Recording record(const Rig& live, const ui::UiState& state) {
    Recording r;
    r.info = *state.model;
    r.text = "What is attention";
    r.program = "Lapidary test";
    r.tokens = state.selected()->tokens;
    r.answer_begin = state.selected()->answer_begin;
    for (uint32_t q = 0; q < r.tokens.size(); ++q) {
        auto capture = std::make_shared<model::Capture>();
        capture->first_position = q;
        capture->n_positions = 1;
        for (uint32_t l = 0; l < r.info.n_layers; ++l) {
            const uint32_t window = r.info.layers[l].window;
            const uint32_t first = window != 0 && q >= window ? q - window + 1 : 0;
            model::LiveRows rows{
                .layer = l, .position = q, .first_key = first, .n_keys = q - first + 1};
            for (uint32_t h = 0; h < r.info.n_heads; ++h) {
                rows.max.push_back(0);
                rows.lse.push_back(0);
                for (uint32_t k = first; k <= q; ++k) {
                    const double w = std::max(1e-12, double(live.engine.weight(l, h, q, k)));
                    rows.log16.push_back(
                        uint16_t(std::min(65534.0, std::round(-std::log(w) * 2048))));
                }
            }
            capture->live.push_back(std::move(rows));
        }
        r.captures.push_back(std::move(capture));
        RecordedStep step;
        const std::vector<float> logits = live.engine.logits(q);
        const double log_sum = model::log_sum_exp(logits);
        double kept = 0;
        for (const auto& [id, logprob] : model::top_logprobs(logits, 20, log_sum)) {
            step.next.ids.push_back(id);
            step.next.logprobs.push_back(logprob);
            kept += std::exp(double(logprob));
        }
        step.next.rest = 1 - kept;
        for (uint32_t l = 0; l < r.info.n_layers; ++l) {
            step.lens.emplace_back().layer = l;
        }
        r.steps.push_back(std::move(step));
    }
    return r;
}

/// A recording that is open in a window.
struct Replay {
    ReplayEngine engine;
    std::unique_ptr<ui::Offscreen> screen;

    explicit Replay(const Recording& recording, ui::StartOptions start = {}) : engine(recording) {
        start.model_path = recording.info.path;
        start.replay_text = recording.text;
        start.replay_given = !recording.drawn();
        try {
            screen = std::make_unique<ui::Offscreen>(engine, start, 1440, 900);
        } catch (const ui::WindowError& error) {
            SKIP("no picture can be drawn here: " << error.what());
        }
        screen->registry().record_texts = true;
    }
    void play(const std::string& script) {
        std::string error;
        const bool played = screen->play(script, error);
        INFO(error);
        REQUIRE(played);
    }
};

Recording recorded_answer() {
    Rig r;
    r.play("wait ready\nsend What is attention\nwait idle\n");
    Recording recording = record(r, r.state());
    recording.info.replayed = true;  // as reading a file sets it
    return recording;
}

const ui::DrawnText* text_with(const ui::Registry& registry, std::string_view part) {
    for (const ui::DrawnText& t : registry.texts()) {
        if (t.text.find(part) != std::string::npos) {
            return &t;
        }
    }
    return nullptr;
}

}  // namespace

TEST_CASE("a replay opens on the strongest head of its last row") {
    Recording recording = recorded_answer();
    // One link of a head that is not where the window stands anyway takes all there is.
    auto changed = std::make_shared<model::Capture>(*recording.captures.back());
    for (model::LiveRows& rows : changed->live) {
        if (rows.layer == 2) {
            REQUIRE(rows.first_key == 0);
            rows.lse[3] = rows.max[3];
            rows.log16[3 * rows.n_keys + 5] = 0;
        }
    }
    recording.captures.back() = changed;
    const model::Capture& last = *changed;
    float best = 0;
    uint32_t layer = 0, head = 0;
    for (const model::LiveRows& rows : last.live) {
        for (uint32_t h = 0; h < recording.info.n_heads; ++h) {
            for (uint32_t j = 0; j < rows.n_keys; ++j) {
                const uint32_t key = rows.first_key + j;
                if (key > 0 && key + 3 <= rows.position && rows.weight(h, j) > best) {
                    best = rows.weight(h, j);
                    layer = rows.layer;
                    head = h;
                }
            }
        }
    }
    REQUIRE(layer == 2);
    REQUIRE(head == 3);
    Replay r(recording);
    r.play("wait ready\nwait idle\n");
    CHECK(r.screen->app().state.selection.layer == layer);
    CHECK(r.screen->app().state.selection.head == head);
}

TEST_CASE("a text that was read is a text in its replay, with no answer behind it") {
    Recording recording = recorded_answer();
    recording.answer_begin = uint32_t(recording.tokens.size());
    Replay replay(recording);
    replay.play("wait ready\nwait idle\nwait frames 3\n");
    const ui::Conversation& chat = replay.screen->app().state.chat();
    REQUIRE(chat.given_text() != ui::kNoNode);
    CHECK(chat.path().size() == 1);
    CHECK(chat.at(chat.given_text()).tokens.size() == recording.tokens.size());
    CHECK(text_with(replay.screen->registry(), "length limit") == nullptr);
}

TEST_CASE("a replay's sampler shows what was drawn with and cannot be moved") {
    Recording recording = recorded_answer();
    recording.info.sampling.temperature = 0.3f;
    recording.sampling.temperature = 0.8f;
    Replay r(recording);
    r.play("wait ready\nwait idle\nwait frames 3\nexpect as recorded\n");
    const ui::Registry& registry = r.screen->registry();
    REQUIRE(registry.find("sampler.temperature") != nullptr);
    CHECK_FALSE(registry.find("sampler.temperature")->enabled);
    REQUIRE(registry.number("sampler.temperature") != nullptr);
    CHECK(registry.number("sampler.temperature")->text == "0.80");
    r.play("drag sampler.temperature 40 0\nwait frames 3\n");
    CHECK(r.screen->app().state.sampling.temperature == 0.8f);
}

TEST_CASE("what a recording does not keep is said above the sampler, not over it") {
    Recording recording = recorded_answer();
    recording.steps.clear();  // as an older Lapidary made them
    Replay r(recording);
    r.play("wait ready\nwait idle\n");
    const std::string sentence =
        "Full vocabulary not captured: " + r.screen->app().state.distribution.not_captured;
    for (const char* const size : {"1920x1080", "1920x800", "1600x900"}) {
        INFO(size);
        r.play(std::string("resize ") + size + "\nwait frames 6\n");
        const ui::Registry& registry = r.screen->registry();
        const ui::DrawnText* const title = text_with(registry, "Sampler");
        const ui::DrawnText* line = text_with(registry, "Full vocabulary");
        REQUIRE((title != nullptr && line != nullptr));
        std::string said = line->text;
        float bottom = line->rect.bottom();
        for (const ui::DrawnText& t : registry.texts()) {  // the lines come one after the other
            if (&t > line && said.size() < sentence.size()) {
                said += (said.back() == ' ' ? "" : " ") + t.text;
                bottom = t.rect.bottom();
            }
        }
        CHECK(said == sentence);
        CHECK(bottom <= title->rect.y);
    }
}

TEST_CASE("a replay shows the matrix and the tokens of the live window, and says that it is one") {
    const support::TempDir dir;
    const std::string path = (dir.path() / "talk.lapidary").string();
    ViewExport live_matrix, live_tokens;
    {
        Rig r;
        r.play("wait ready\nsend What is attention\nwait idle\nselect head 2 1\nwait idle\n");
        live_matrix = ui::view_data(r.state(), "matrix");
        live_tokens = ui::view_data(r.state(), "tokens");
        write_recording(record(r, r.state()), path);
    }
    ReplayEngine engine(read_recording(path));
    ui::StartOptions start;
    start.model_path = path;
    start.replay_text = engine.recording().text;
    std::unique_ptr<ui::Offscreen> screen;
    try {
        screen = std::make_unique<ui::Offscreen>(engine, start, 1440, 900);
    } catch (const ui::WindowError& error) {
        SKIP("no picture can be drawn here: " << error.what());
    }
    screen->registry().record_texts = true;
    std::string error;
    const bool played = screen->play(
        "wait ready\nwait idle\nselect head 2 1\nwait idle\nexpect replayed\nkey Escape\nwait "
        "frames 3\n",
        error);
    INFO(error);
    REQUIRE(played);
    ui::UiState& state = screen->app().state;
    const ViewExport matrix = ui::view_data(state, "matrix");
    REQUIRE(matrix.grids.size() == 1);
    REQUIRE(matrix.grids[0].values.size() >= live_matrix.grids[0].values.size());
    const uint32_t n = live_matrix.grids[0].n_cols;
    size_t n_compared = 0;
    for (uint32_t q = 0; q < live_matrix.grids[0].n_rows; ++q) {
        for (uint32_t k = 0; k < n; ++k) {
            const float a = live_matrix.grids[0].values[size_t{q} * n + k];
            const float b = matrix.grids[0].values[size_t{q} * matrix.grids[0].n_cols + k];
            if (!std::isnan(a)) {
                ++n_compared;
                CHECK(std::abs(a - b) <= 1e-3f);
            }
        }
    }
    CHECK(n_compared > 100);
    CHECK(ui::view_data(state, "tokens").token_ids == live_tokens.token_ids);
    CHECK_FALSE(ui::view_data(state, "heads").empty());

    // The timeline goes both ways.
    const uint32_t at = state.selection.position;
    REQUIRE(screen->play("key Left\nwait frames 3\nkey Left\nwait frames 3\n", error));
    CHECK(state.selection.position == at - 2);
    REQUIRE(screen->play("key Right\nwait frames 3\n", error));
    CHECK(state.selection.position == at - 1);
    REQUIRE(screen->play("key Home\nwait frames 3\n", error));
    CHECK(state.selection.position == 0);
    REQUIRE(screen->play("key End\nwait frames 3\n", error));
    CHECK(state.selection.position == at);
}

TEST_CASE("a recording that is opened from inside gets a window of its own") {
    const support::TempDir dir;
    const std::string path = (dir.path() / "talk.lapidary").string();
    write_recording(recorded_answer(), path);
    {
        Rig r;  // without a display there is no other window
        r.play("wait ready\nopen " + path + "\nwait trouble\nexpect This file is a recording\n" +
               "expect In a terminal: lapidary\n");
        CHECK(r.state().ready());
    }
    std::string opened;
    ui::StartOptions start;
    start.open_window = [&opened](const std::string& file) {
        opened = file;
        return std::string();
    };
    Rig r(1440, 900, {}, start);
    r.play("wait ready\nopen " + path + "\nwait frames 3\nexpect in a window of its own\n");
    CHECK(opened == path);
    CHECK(r.state().ready());
    CHECK_FALSE(r.state().trouble);
    CHECK_FALSE(r.state().loading());
}

// Regenerate put an error in the recorded answer's place.
TEST_CASE("a replay offers nothing that would have to be computed") {
    Replay replay(recorded_answer());
    replay.play("wait ready\nwait idle\nkey Escape\n");
    const ui::UiState& state = replay.screen->app().state;
    const size_t n = state.chat().size();
    const ui::NodeId answer = state.chat().last(model::Role::model);
    CHECK_FALSE(state.computes());
    CHECK_FALSE(state.continue_obstacle(answer).empty());
    replay.play(
        "key Ctrl+R\nwait frames 5\nkey Ctrl+Shift+R\nkey Ctrl+J\nkey Ctrl+E\nwait frames 5\n");
    CHECK(state.chat().size() == n);
    CHECK(state.chat().last(model::Role::model) == answer);
    CHECK(state.rows_in_cache() > 0);
}

// It was accepted, shown as failed, and saved nowhere.
TEST_CASE("a replay refuses a text of one's own before anything is typed") {
    const support::TempDir folder;
    const std::string file = folder.path().string() + "/mine.txt";
    std::ofstream(file) << "In this function";
    Replay r(recorded_answer());
    r.play(
        "wait ready\nwait idle\nkey Ctrl+T\nwait frames 4\nrefute text.field\n"
        "expect A recording computes nothing: open a model to score a text.\n");
    CHECK_FALSE(r.screen->registry().find("rail.text")->enabled);
    CHECK_FALSE(r.screen->registry().find("inspector.text")->enabled);
    CHECK(r.screen->registry().find("rail.text")->label.find("A recording computes") == 0);
    ui::UiState& state = r.screen->app().state;
    const size_t n = state.listed_chats().size();
    r.screen->app().drop(file);
    state.read_text("In this function");
    r.play("wait frames 4\nwait idle\n");
    CHECK(state.listed_chats().size() == n);
    CHECK(state.chat().given_text() == ui::kNoNode);
}

TEST_CASE(
    "a replay says of a token that was not recorded that it was not, and what it is at most") {
    Replay r(recorded_answer());
    r.play("wait ready\nwait idle\nselect position 10\ntab 3\nwait idle\n");
    const KeptDistribution& kept = *r.screen->app().state.distribution.kept;
    REQUIRE(kept.ids.size() == 20);
    TokenId absent = 0;
    while (std::ranges::count(kept.ids, absent) > 0) {
        ++absent;
    }
    const auto find = [&](TokenId id) {
        r.screen->app().ui.view.search = std::to_string(id);
        r.play("wait frames 3\n");
    };
    find(absent);
    r.play("expect not among the 20 recorded\nexpect ≤\nrefute –\n");
    const ui::BoundNumber* most = r.screen->registry().number("candidate.0.most");
    REQUIRE(most != nullptr);
    CHECK(std::abs(most->value - std::exp(double(kept.logprobs[18]))) < 1e-9);
    find(kept.ids[3]);
    r.play("refute not among\n");
    const ui::BoundNumber* raw = r.screen->registry().number("candidate.0.raw");
    REQUIRE(raw != nullptr);
    CHECK(std::abs(raw->value - std::exp(double(kept.logprobs[3]))) < 1e-6);
    CHECK(r.screen->registry().number("candidate.0.rank")->value == 4);
    r.screen->app().ui.view.search = "no such token";
    r.play("wait frames 3\nexpect No token of the recording has this text\n");
}

// New chat led to a page without an input box, and its cards to an error.
TEST_CASE("a replay's window leads nowhere where something would have to be computed") {
    Replay r(recorded_answer());
    r.play("wait ready\nwait idle\nkey Ctrl+B\nkey Escape\nwait frames 4\n");
    const ui::UiState& state = r.screen->app().state;
    const ui::Registry& registry = r.screen->registry();
    const std::string user = "chat." + std::to_string(state.chat().last(model::Role::user));
    const std::string answer = "chat." + std::to_string(state.chat().last(model::Role::model));
    for (const std::string& id :
         {std::string("rail.new"), user + ".edit", answer + ".regenerate"}) {
        INFO(id);
        REQUIRE(registry.find(id) != nullptr);
        CHECK_FALSE(registry.find(id)->enabled);
    }
    CHECK(registry.find(user + ".edit")->label == "This is a recording: nothing can be computed");
    r.play("click rail.new\nkey Ctrl+N\nkey Ctrl+Shift+N\nwait frames 4\n");
    CHECK(state.chats.size() == 1);
    r.play("hover rail.new\nwait frames 60\nexpect nothing can be computed\n");
    // Where the chat is put away, the cards of the start page stay dead.
    r.play("key Ctrl+Shift+D\nwait frames 4\n");
    REQUIRE(registry.find("welcome.try.0") != nullptr);
    CHECK_FALSE(registry.find("welcome.try.0")->enabled);
    r.play("click welcome.try.0\nwait frames 4\nrefute A text that was read\n");
    CHECK(state.chat().empty());
}

TEST_CASE("a replay's window says in its title that it is one, and why nothing is found") {
    {
        Rig live;
        live.play("wait ready\nsend What is attention\nwait idle\nrefute Recording:\n");
        CHECK(live.screen->app().window_title() == "Lapidary");
    }
    Replay r(recorded_answer());
    r.play(
        "wait ready\nwait idle\nkey Ctrl+F\nwait frames 4\ntype quartz\nwait frames 4\n"
        "expect Recording: What is attention\nrefute Chats are not searched in a recording's w…\n");
    CHECK(r.screen->app().window_title() == "Recording: What is attention – Lapidary");
    std::string said;
    for (const ui::DrawnText& t : r.screen->registry().texts()) {
        const bool goes_on = !said.empty() && said.find("window") == std::string::npos;
        said += goes_on || t.text.starts_with("Chats are not") ? t.text + " " : "";
    }
    std::erase(said, ' ');
    CHECK(said == "Chatsarenotsearchedinarecording'swindow");
}

// The click did nothing at all.
TEST_CASE("from a recording's window the shipped model opens in one of its own") {
    std::string opened;
    ui::StartOptions start;
    start.open_window = [&opened](const std::string& file) {
        opened = file;
        return std::string();
    };
    Recording recording = recorded_answer();
    recording.info.path = "talk.lapidary";
    recording.info.shipped = false;
    Replay r(recording, start);
    r.play(
        "wait ready\nwait idle\nclick top.model\nwait frames 4\nclick menu.shipped\nwait "
        "frames 4\nexpect in a window of its own\n");
    CHECK(opened.ends_with("lapidary-demo.gguf"));
    CHECK_FALSE(r.screen->app().state.loading());
    CHECK(r.screen->app().state.model->replayed);
}
