// V6: all branches of a chat in one view, each two actions away; branching from the prompt; Undo.
#include "app/ui/state/branch_tree.h"

#include <algorithm>
#include <chrono>
#include <set>
#include <utility>

#include "app/chats/chat_export.h"
#include "app/ui/state/cut_message.h"
#include "tests/support/catch.h"
#include "tests/support/chat_window.h"
#include "tests/support/temp_dir.h"
#include "tests/ui/rig.h"

using namespace app;
using namespace app::ui;

namespace {

bool same(const Selection& a, const Selection& b) {
    return a.branch == b.branch && a.position == b.position && a.layer == b.layer &&
           a.head == b.head && a.query == b.query && a.key == b.key && a.locked == b.locked;
}

/// A token that was not drawn at `position`.
TokenId other_token(const Message& m, uint32_t position) {
    const auto it = std::find_if(m.tokens[position].top.begin(), m.tokens[position].top.end(),
                                 [&](const TopToken& t) { return t.id != m.tokens[position].id; });
    return it->id;
}

/// "<x>" is a control token; all others are their bytes.
std::vector<TokenInfo> tokens_of(const std::vector<std::string>& pieces) {
    std::vector<TokenInfo> out;
    for (const std::string& piece : pieces) {
        TokenInfo t;
        t.position = uint32_t(out.size());
        t.control = piece.front() == '<';
        t.text = piece;
        t.bytes = t.control ? "" : piece;
        out.push_back(t);
    }
    return out;
}

/// An answer to "Tell me about a kite." whose sequence was cut at `position` for ".".
Message branched(std::vector<std::string> pieces, uint32_t position, uint32_t answer_begin) {
    pieces.resize(position);
    pieces.insert(pieces.end(), {".", " So"});
    Message m;
    m.role = model::Role::model;
    m.tokens = tokens_of(pieces);
    m.answer_begin = answer_begin;
    m.branch = BranchNote{position, ".", "x"};
    return m;
}

}  // namespace

TEST_CASE("any of 50 branches is reached by opening the tree and one click (V6)") {
    test::Rig r(1280, 720);  // the smallest window that must hold them all
    r.play("wait ready\nkey F2\nsend What is it\nwait idle\n");
    // Answers, token branches of them, edited questions: 50 leaves.
    UiState& s = r.state();
    const NodeId first = s.selection.branch;
    for (int i = 1; i < 50; ++i) {
        const Message& m = s.chat().at(first);
        const uint32_t position = m.answer_begin + 1 + uint32_t(i % 30);
        if (i % 3 == 0) {
            s.regenerate(first);
        } else if (i % 10 == 1) {
            s.edit_and_resend(s.chat().at(first).parent, "And so " + std::to_string(i));
        } else {
            s.show_branch(first);
            s.branch(position, other_token(s.chat().at(first), position));
        }
        r.play("wait idle\n");
    }
    std::vector<NodeId> leaves;
    for (NodeId id = 0; id < NodeId(s.chat().size()); ++id) {
        if (s.chat().at(id).children.empty()) {
            leaves.push_back(id);
        }
    }
    REQUIRE(leaves.size() == 50);
    const std::vector<BranchRow> rows = branch_rows(s.chat());
    CHECK(rows.size() == s.chat().size());  // every message once
    std::set<NodeId> once;
    for (const BranchRow& row : rows) {
        CHECK(once.insert(row.id).second);
    }
    for (const NodeId leaf : leaves) {
        INFO(leaf);
        r.play("key Ctrl+Shift+B\nwait frames 2\nclick branch." + std::to_string(leaf) +
               "\nwait frames 2\n");
        CHECK(s.selection.branch == leaf);
        const std::vector<NodeId> path = s.chat().path();
        CHECK(path.back() == leaf);
    }
    CHECK(r.registry().number("branches.count") == nullptr);  // it closed itself
}

TEST_CASE("a branch stands below the answer that it left, with what it changed (V6)") {
    test::ChatWindow w("");
    w.send("What is it");
    UiState& s = w.state;
    const NodeId first = s.selection.branch;
    const uint32_t at = w.answer().answer_begin + 4;
    const TokenId choice = other_token(w.answer(), at);
    const std::vector<TokenId> before =
        s.ids_before(w.answer(), uint32_t(w.answer().tokens.size()));
    s.branch(at, choice);
    w.settle();
    const NodeId second = s.selection.branch;
    const Message& m = s.chat().at(second);
    // Ids before n equal, id n the choice, the old branch untouched.
    REQUIRE(m.tokens.size() > at);
    for (uint32_t i = 0; i < at; ++i) {
        CHECK(m.tokens[i].id == before[i]);
    }
    CHECK(m.tokens[at].id == choice);
    CHECK(s.ids_before(s.chat().at(first), uint32_t(before.size())) == before);
    s.regenerate(first);
    w.settle();
    CHECK(branch_origin(s.chat(), second) == first);
    const std::vector<BranchRow> rows = branch_rows(s.chat());
    REQUIRE(rows.size() == 4);
    CHECK(rows[1].id == first);
    CHECK(rows[2].id == second);
    CHECK(rows[2].depth == rows[1].depth + 1);
    CHECK(rows[3].depth == rows[1].depth);
    CHECK(branch_label(s.chat(), second, 80).find("instead of") != std::string::npos);
}

TEST_CASE("the prompt can be branched, but for its first token (V6)") {
    test::ChatWindow w("");
    w.send("In this function");
    UiState& s = w.state;
    const NodeId first = s.selection.branch;
    const uint32_t n = w.answer().answer_begin;
    REQUIRE(n > 4);
    CHECK_FALSE(s.branch_obstacle(0).empty());
    for (const uint32_t at : {1u, 3u, n - 1}) {
        INFO(at);
        s.show_branch(first);
        w.settle();
        const std::vector<TokenId> ids = s.ids_before(w.answer(), at);
        const TokenId choice = other_token(w.answer(), at);
        s.branch(at, choice);
        w.settle();
        const Message& m = w.answer();
        REQUIRE(s.selection.branch != first);
        REQUIRE(m.tokens.size() > at + 1);
        CHECK(s.ids_before(m, at) == ids);
        CHECK(m.tokens[at].id == choice);
        CHECK(m.answer_begin == at);
        const auto* sent = std::get_if<Generate>(&w.engine.commands().back());
        if (sent != nullptr) {
            CHECK(sent->tokens.size() == at + 1);
        }
    }
}

TEST_CASE("a branch inside a message says what the model read of it") {
    const std::vector<std::string> whole = {"<bos>",   "<start>", "user",  "\n", "Tell",  " me",
                                            " about",  " a",      " kite", ".",  "<end>", "\n",
                                            "<start>", "model",   "\n",    "It", " is"};
    const auto cut_at = [&](uint32_t position, uint32_t begin, const std::string& system = {}) {
        Conversation chat;
        chat.info.system = system;
        const NodeId user = chat.add(kNoNode, model::Role::user, "Tell me about a kite.");
        return cut_message(chat, chat.insert(user, branched(whole, position, begin)));
    };
    const auto cut = cut_at(6, 6);
    REQUIRE(cut);
    CHECK(cut->user);
    CHECK(cut->read == "Tell me");
    CHECK(cut->cut == " about a kite.");
    const std::string words = cut_words(*cut, ".");
    CHECK(words.find("read “Tell me”, then “.”,") != std::string::npos);
    CHECK(words.find("not shown “ about a kite.”") != std::string::npos);
    CHECK(words.find("next question goes behind the whole chat") != std::string::npos);
    // The first token of the message; its last; the token that ends the turn.
    CHECK(cut_at(4, 4)->read.empty());
    CHECK(cut_at(4, 4)->cut == "Tell me about a kite.");
    CHECK(cut_at(10, 10)->cut.empty());
    // A branch of the cut answer is still one to the cut message.
    CHECK(cut_at(7, 6)->read == "Tell me");
    // In the answer, at its first token and behind it, the whole message was read.
    CHECK_FALSE(cut_at(15, 15));
    CHECK_FALSE(cut_at(16, 15));
    // Another message's beginning is told, and nothing made up about this one.
    Conversation chat;
    const NodeId user = chat.add(kNoNode, model::Role::user, "And a boat?");
    const auto other = cut_message(chat, chat.insert(user, branched(whole, 6, 6)));
    REQUIRE(other);
    CHECK(other->read == "Tell me");
    CHECK(other->cut.empty());
    CHECK(turn_before(tokens_of(whole), 16)->text == "It");
    CHECK_FALSE(turn_before(tokens_of(whole), 16)->user);
    CHECK_FALSE(turn_before(tokens_of(whole), 3));
}

TEST_CASE("what a branch inside a message did stands above its answer") {
    test::Rig r(1440, 900);
    r.play("wait ready\nsend What is it\nwait idle\nwait frames 3\n");
    UiState& s = r.state();
    const NodeId id = s.selection.branch;
    const std::string note = "chat." + std::to_string(id) + ".cut";
    CHECK(r.registry().find(note) == nullptr);
    // The engine here writes no role's line; a real one's tokens stand in.
    Message& m = s.chat().at(id);
    const Message cut = branched({"<bos>", "<start>", "user", "\n", "What"}, 5, 5);
    m.tokens = cut.tokens;
    m.answer_begin = 5;
    m.n_prompt = 6;
    m.branch = cut.branch;
    s.select_position(5);
    r.play("wait frames 3\nexpect " + note + "\n");
    CHECK(r.registry().has_text("of it the model read “What”"));
}

TEST_CASE("Undo of a branch restores the selection (V6)") {
    test::Rig r(1440, 900);
    r.play("wait ready\nsend What is it\nwait idle\n");
    UiState& s = r.state();
    s.select_head(3, 2);
    r.play("click token.9\nwait idle\nclick candidate.1\nwait frames 2\n");
    s.select_key(4);
    const Selection before = s.selection;
    r.play("click next.branch\nwait idle\nwait frames 2\n");
    REQUIRE(s.selection.branch != before.branch);
    r.play("click toast.action\nwait idle\nwait frames 2\n");
    CHECK(same(s.selection, before));
    CHECK(s.chat().path().back() == before.branch);
    CHECK(s.selected_in_cache());  // computed again by itself
    // By its key too, also while the branch is being written.
    s.branch(before.position, other_token(*s.selected(), before.position));
    r.play("key Ctrl+Shift+Z\nwait idle\nwait frames 3\n");
    CHECK(same(s.selection, before));
    CHECK(s.selected_in_cache());
    CHECK(s.trail.empty());
}

// Bug: a chat file with very many versions of one message kept the window busy for hours, and one
// of very many messages in a row overflowed its stack.
TEST_CASE("a chat of as many messages as a file may hold has its tree at once") {
    const auto n = NodeId(kMostChatMessages);
    for (const bool deep : {false, true}) {
        INFO((deep ? "all in a row" : "all side by side"));
        const auto begun = std::chrono::steady_clock::now();
        Conversation chat;
        NodeId last = chat.add(kNoNode, model::Role::user, "What is it");
        for (NodeId id = 1; id < n; ++id) {
            Message m;
            m.role = deep && id % 2 == 0 ? model::Role::user : model::Role::model;
            if (!deep) {
                m.branch = BranchNote{1, "a", "b"};  // of tokens that nobody has
            }
            const NodeId fresh = chat.insert(deep ? last : 0, std::move(m));
            last = fresh;
        }
        CHECK(chat.sibling_index(n - 1) == (deep ? 0 : size_t(n) - 2));
        CHECK(chat.path().size() == (deep ? size_t(n) : 2));
        const std::vector<BranchRow> rows = branch_rows(chat);
        CHECK(rows.size() == size_t(n));
        CHECK(rows.back().id == n - 1);
        CHECK(rows.back().depth == (deep ? 0 : 2));
        const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - begun;
        CHECK(seconds.count() < 5);
    }
}
