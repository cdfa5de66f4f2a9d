// A text that is pasted or loaded: read, scored, coloured, looked into like a chat, never answered.
#include <cmath>
#include <filesystem>
#include <fstream>

#include <catch2/catch_approx.hpp>

#include "app/ui/state/text_file.h"
#include "app/ui/text/text_field.h"
#include "tests/support/catch.h"
#include "tests/support/chat_window.h"
#include "tests/support/temp_dir.h"
#include "tests/ui/rig.h"

using namespace app;
using namespace app::ui;

TEST_CASE("a pasted text is scored and looked into, and nothing is written behind it (V11)") {
    test::Rig r(1440, 900);
    r.play(
        "wait ready\nkey Ctrl+T\nwait frames 4\nclick text.field\ntype In this function if return "
        "factorial\nclick text.go\nwait idle\nwait frames 4\n");
    const Message* m = r.state().selected();
    REQUIRE(m != nullptr);
    CHECK(m->given);
    CHECK(m->text == "In this function if return factorial");
    CHECK(m->scored);
    REQUIRE(m->tokens.size() > 4);
    REQUIRE(r.engine.sequence().size() == m->tokens.size());  // nothing was drawn
    CHECK(shade_words(m->tokens[0], TokenColoring::surprise) == "no prediction");
    // Score and perplexity on the screen are those of the distributions.
    double nll = 0;
    for (uint32_t i = 1; i < m->tokens.size(); ++i) {
        const std::vector<float> row = r.engine.logits(i - 1);
        nll += model::log_sum_exp(row) - double(row[size_t(m->tokens[i].id)]);
    }
    const double mean = nll / double(m->tokens.size() - 1);
    const auto number = [&](const char* id) { return r.registry().number(id)->value; };
    CHECK(std::abs(number("text.mean") - mean) < 1e-5);
    CHECK(number("text.perplexity") == Catch::Approx(std::exp(mean)).epsilon(1e-5));
    // Like a chat: a token is selected, its row has attention and the whole distribution.
    r.play("click token.3\nwait frames 4\nexpect candidate.0\nexpect matrix.zoom_in\n");
    CHECK(r.state().selection.position == 3);
    CHECK(r.state().selected_in_cache());
    REQUIRE(r.state().distribution.logits);
    CHECK(*r.state().distribution.logits == r.engine.logits(2));
    // Read only.
    CHECK_FALSE(r.state().branch_obstacle(3).empty());
    CHECK_FALSE(r.state().continue_obstacle(r.state().selection.branch).empty());
    r.play("refute composer.text\nexpect text.another\nkey Ctrl+R\nwait idle\n");
    CHECK(r.state().chat().size() == 1);
    r.state().send("and an answer");
    CHECK(r.state().chat().size() == 1);
    // The next one is a chat of its own, and the chat before is where it was.
    r.play(
        "click text.another\nwait frames 4\nclick text.field\ntype In\nkey Ctrl+Enter\nwait "
        "idle\nwait frames 3\nrefute text.field\n");
    CHECK(r.state().selected()->text == "In");
    CHECK(r.state().listed_chats().size() == 2);
}

TEST_CASE("a text is loaded from a file, and what is none says why (V11)") {
    const support::TempDir folder;
    const auto write = [&](const char* name, const std::string& bytes) {
        const std::string path = folder.path().string() + "/" + name;
        std::ofstream(path, std::ios::binary) << bytes;
        return path;
    };
    std::string problem;
    CHECK(read_text_file(write("a.txt", "gr\xC3\xBC\xC3\x9F dich\n"), problem) ==
          "gr\xC3\xBC\xC3\x9F dich\n");
    CHECK_FALSE(read_text_file(write("b.txt", "\xFF\xFE"), problem));
    CHECK(problem == "The file is no UTF-8 text.");
    CHECK_FALSE(read_text_file(write("c.txt", std::string("a\0b", 3)), problem));
    CHECK_FALSE(read_text_file(write("d.txt", ""), problem));
    CHECK(problem == "The file is empty.");
    CHECK_FALSE(read_text_file(write("e.txt", std::string(kMostTextBytes + 1, 'x')), problem));
    CHECK(problem.find("texts up to") != std::string::npos);
    CHECK_FALSE(read_text_file(folder.path().string(), problem));
    test::Rig r(1280, 800);
    const std::string path = write("f.txt", "In this function");
    r.play(
        "wait ready\nkey Ctrl+T\nwait frames 4\nclick text.go\nwait frames 2\nexpect Paste a "
        "text, or type\nclick text.path\ntype " +
        path + "\nclick text.go\nwait idle\n");
    REQUIRE(r.state().selected() != nullptr);
    CHECK(r.state().selected()->text == "In this function");
}

TEST_CASE("a text is in the chats' file as it was scored (V11)") {
    const support::TempDir folder;
    const std::string path = folder.path().string() + "/chats.sqlite";
    std::vector<TokenInfo> before;
    {
        test::ChatWindow w(path);
        w.state.read_text("In this function");
        w.settle();
        before = w.answer().tokens;
        REQUIRE(before.size() > 2);
    }
    test::ChatWindow w(path);
    w.state.show_chat(w.chat_named("In this function"));
    w.settle();
    CHECK(w.state.chat().given_text() == w.state.selection.branch);
    const Message& m = w.answer();
    CHECK(m.given);
    REQUIRE(m.tokens.size() == before.size());
    CHECK(score_of(m.tokens).nll == Catch::Approx(score_of(before).nll));
    w.state.send("nothing");
    w.settle();
    CHECK(w.state.chat().size() == 1);
}

TEST_CASE("a text that cannot be read now stays in its dialog, and Escape does not lose it") {
    test::Rig r(1280, 800);
    r.play("wait ready\nkey Ctrl+T\nwait frames 4\nclick text.field\ntype In this function\n");
    r.state().apply(ModelUnloaded{});
    r.play("click text.go\nwait frames 2\nexpect open one first\n");
    CHECK(typed_text(r.view().text_dialog.text) == "In this function");
    r.play("click text.cancel\nopen shipped\nwait ready\nkey Ctrl+T\nwait frames 4\n");
    CHECK(typed_text(r.view().text_dialog.text) == "In this function");
    r.play("click text.go\nwait idle\nkey Ctrl+T\nwait frames 4\n");
    CHECK(r.state().selected()->text == "In this function");
    CHECK(typed_text(r.view().text_dialog.text).empty());
}

// A text was scored for its own tokens only.
TEST_CASE("what would come after a text that was read is shown, and that nothing was drawn") {
    test::Rig r(1440, 900);
    r.play(
        "wait ready\nkey Ctrl+T\nwait frames 4\nclick text.field\ntype In this function if return\n"
        "key Ctrl+Enter\nwait idle\nwait frames 4\n");
    const auto last = uint32_t(r.state().selected()->tokens.size()) - 1;
    const auto check_after = [&] {
        const Selection& s = r.state().selection;
        CHECK(s.after_last);
        CHECK(s.position == last);
        CHECK(s.query == last);
        REQUIRE(r.state().distribution.logits);
        const std::vector<float> logits = r.engine.logits(last);
        CHECK(*r.state().distribution.logits == logits);
        const float most = *std::max_element(logits.begin(), logits.end());
        CHECK(r.registry().number("candidate.0.raw")->value ==
              Catch::Approx(std::exp(double(most) - model::log_sum_exp(logits))).epsilon(1e-5));
        r.play(
            "expect after the last token: nothing was drawn\nrefute next.rank\n" +
            fmt::format("expect after {}\nexpect Row {} looks back\nexpect lens.0\n", last, last));
    };
    CHECK_FALSE(r.state().selection.locked);  // what is seen first
    check_after();
    const RowLinks links = row_links(r.state().matrix, last, 0.7f, 24);
    REQUIRE(!links.links.empty());
    CHECK(std::abs(links.links.front().weight - r.engine.weight(r.state().selection.layer,
                                                                r.state().selection.head, last,
                                                                links.links.front().key)) < 2e-3f);
    // One step back is the last token, with what it was drawn from; and there again.
    r.play("key Escape\nkey Left\nwait idle\nwait frames 3\nrefute after the last token\n");
    CHECK(r.state().selection.position == last);
    CHECK(r.state().selection.query == last - 1);
    CHECK(*r.state().distribution.logits == r.engine.logits(last - 1));
    r.play("key Right\nwait idle\nwait frames 3\n");
    check_after();
    r.play("key Home\nwait frames 3\nclick step.last\nwait idle\nwait frames 3\n");
    check_after();
    // An answer has none: its last token has been drawn, but has not been through the model.
    r.play(
        "key Ctrl+N\nsend What is it\nwait idle\nkey Escape\nkey End\nkey Right\nwait frames 3\n");
    CHECK_FALSE(r.state().selection.after_last);
    CHECK(r.state().selection.query + 1 == r.state().selection.position);
}
