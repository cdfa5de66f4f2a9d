// Each chat's own sampling, in the chats' file; presets go into it.
#include "app/ui/state/presets.h"

#include "tests/support/catch.h"
#include "tests/support/chat_window.h"
#include "tests/support/temp_dir.h"

using namespace app;
using namespace app::ui;

namespace {

/// As the window does it, frame by frame.
void frames(test::ChatWindow& w, ChatSampling& sampling) {
    for (int i = 0; i < 3; ++i) {
        sampling.follow(w.state);
        w.frame();
    }
    w.settle();
}

}  // namespace

TEST_CASE("a chat draws with its own sampling, also after a restart and with another model") {
    const support::TempDir folder;
    const std::string path = folder.path().string() + "/chats.sqlite";
    const Preset poems{"Poems", {.temperature = 1.3f, .top_k = 7}, {}};
    {
        test::ChatWindow w(path);
        ChatSampling sampling;
        frames(w, sampling);
        w.send("In");
        w.state.sampling = poems.sampling;  // a preset was chosen
        frames(w, sampling);
        w.state.new_chat();
        frames(w, sampling);
        w.state.reset_sampling();
        w.send("factorial");
        w.state.sampling.temperature = 0.25f;
        frames(w, sampling);
        w.state.show_chat(w.chat_named("In"));
        frames(w, sampling);
        CHECK(same_sampling(w.state.sampling, poems.sampling));
        w.state.show_chat(w.chat_named("factorial"));
        frames(w, sampling);
        CHECK(w.state.sampling.temperature == 0.25f);
        w.state.open_model("other.gguf", "", 0);  // brings its own defaults
        w.settle();
        frames(w, sampling);
        CHECK(w.state.sampling.temperature == 0.25f);
    }
    test::ChatWindow w(path);
    ChatSampling sampling;
    frames(w, sampling);
    w.state.show_chat(w.chat_named("In"));
    w.settle();
    frames(w, sampling);
    CHECK(same_sampling(w.state.sampling, poems.sampling));
    CHECK(matching_preset({poems}, w.state.sampling) != nullptr);
    w.state.show_chat(w.chat_named("factorial"));
    w.settle();
    frames(w, sampling);
    CHECK(w.state.sampling.temperature == 0.25f);
    w.state.regenerate(w.state.chat().last(model::Role::model));
    w.settle();
    CHECK(w.answer().sampling.temperature == 0.25f);
}
