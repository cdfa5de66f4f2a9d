// The settings page and the presets of the sampler.
#include "tests/support/catch.h"

#include <nlohmann/json.hpp>

#include "app/ui/state/presets.h"
#include "app/ui/text/text_field.h"
#include "tests/ui/rig.h"

using namespace app;
using namespace app::ui;

TEST_CASE("a preset survives JSON to the bit, with what other versions wrote into it") {
    model::SamplingParams s;
    s.temperature = 0.7f;
    s.top_p = 0.95f;
    s.min_p = 0.05f;
    s.top_k = 40;
    s.repeat_penalty = 1.1f;
    s.presence_penalty = -0.3f;
    s.seed = 99;
    std::string problem;
    const auto read = preset_from_json(
        R"({"name": "Poems", "temperature": 0.7, "top_p": 0.95, "min_p": 0.05, "top_k": 40,
            "repeat_penalty": 1.1, "presence_penalty": -0.3, "mirostat": {"tau": 5}})",
        problem);
    REQUIRE(read);
    CHECK(same_sampling(read->sampling, s));
    const std::string text = preset_to_json(*read);
    CHECK(text.find("\"top_p\": 0.95\n") != std::string::npos);  // not 0.949999988
    CHECK(text.find("mirostat") != std::string::npos);
    const auto again = preset_from_json(text, problem);
    REQUIRE(again);
    CHECK(again->name == "Poems");
    CHECK(same_sampling(again->sampling, s));
    CHECK(nlohmann::json::parse(preset_to_json(*again)) == nlohmann::json::parse(text));
}

TEST_CASE("what is no preset is refused with a reason") {
    for (const char* bad :
         {"", "{}", "[1]", "{\"name\": 3}", "{\"name\": \"  \"}", "{\"name\": \"x\", \"top_p\": 7}",
          "{\"name\": \"x\", \"top_k\": -4}"}) {
        INFO(bad);
        std::string problem;
        CHECK_FALSE(preset_from_json(bad, problem));
        CHECK_FALSE(problem.empty());
    }
}

TEST_CASE("presets are saved over, renamed and never two of one name") {
    std::vector<Preset> presets;
    model::SamplingParams s;
    CHECK_FALSE(save_preset(presets, "  ", s));
    CHECK(save_preset(presets, " one ", s));
    s.temperature = 2;
    CHECK(save_preset(presets, "two", s));
    CHECK(save_preset(presets, "one", s));
    REQUIRE(presets.size() == 2);
    CHECK(presets[0].name == "one");
    CHECK(presets[0].sampling.temperature == 2);
    CHECK_FALSE(rename_preset(presets, 0, "two"));
    CHECK_FALSE(rename_preset(presets, 0, ""));
    CHECK(rename_preset(presets, 0, "three"));
    CHECK(rename_preset(presets, 0, "three"));
    s.seed = 5;
    CHECK(matching_preset(presets, s)->name == "three");
    s.top_k = 3;
    CHECK(matching_preset(presets, s) == nullptr);
}

TEST_CASE("presets by clicks: save, take, rename, delete and undo") {
    test::Rig r(1440, 900);
    r.play(
        "wait ready\nsend What is it\nwait idle\ndrag sampler.temperature 40 0\nwait frames 3\n"
        "expect Changed sampling\nclick composer.sampling\nwait frames 4\nclick "
        "preset.save_name\ntype Warm\nclick preset.save\nwait frames 3\n");
    REQUIRE(r.view().config.presets.size() == 1);
    const model::SamplingParams warm = r.state().sampling;
    CHECK(same_sampling(r.view().config.presets[0].sampling, warm));
    r.play("click sampling.reset\nwait frames 4\nexpect Gemma 2 defaults\n");
    CHECK_FALSE(same_sampling(r.state().sampling, warm));
    r.play(
        "key Escape\nwait frames 3\nclick composer.sampling\nwait frames 4\nclick preset.0\nwait "
        "frames 4\n");
    CHECK(same_sampling(r.state().sampling, warm));
    r.play(
        "key Escape\nwait frames 3\nexpect Warm\nclick composer.sampling\nwait frames 4\nclick "
        "preset.0.rename\nwait frames 4\nkey Ctrl+A\ntype Hot\nkey Enter\nwait frames 4\n");
    CHECK(r.view().config.presets[0].name == "Hot");
    r.play("click preset.copy\nwait frames 3\n");
    CHECK(r.clipboard().find("\"name\": \"Hot\"") != std::string::npos);
    r.play(
        "key Escape\nwait frames 3\nclick composer.sampling\nwait frames 4\nclick "
        "preset.0.delete\nwait frames 4\n");
    CHECK(r.view().config.presets.empty());
    r.play("key Escape\nwait frames 120\nexpect deleted\nclick toast.action\nwait frames 3\n");
    REQUIRE(r.view().config.presets.size() == 1);
    CHECK(r.view().config.presets[0].name == "Hot");
}

TEST_CASE("each chat keeps what it draws with") {
    test::Rig r(1440, 900);
    r.play("wait ready\nsend What is it\nwait idle\n");
    r.state().sampling.temperature = 0.25f;
    r.play("wait frames 3\nkey Ctrl+N\nwait frames 3\nsend What is it\nwait idle\n");
    r.state().sampling.temperature = 1.75f;
    r.play("wait frames 3\n");
    const size_t second = r.state().current_chat;
    r.state().show_chat(0);
    r.play("wait frames 3\n");
    CHECK(r.state().sampling.temperature == 0.25f);
    r.state().show_chat(second);
    r.play("wait frames 3\n");
    CHECK(r.state().sampling.temperature == 1.75f);
}

TEST_CASE("settings are found by their words, and every one does what it says") {
    test::Rig r(1440, 900);
    const Config& c = r.view().config;
    r.play(
        "wait ready\nkey Ctrl+,\nwait frames 4\nexpect settings.theme.Dark\nrefute "
        "settings.forget\ntype access\nwait frames 3\nexpect settings.contrast.On\nexpect "
        "settings.motion.On\nrefute settings.theme.Dark\nclick settings.contrast.On\nclick "
        "settings.motion.On\nwait frames 3\n");
    CHECK(c.high_contrast);
    CHECK(c.reduced_motion);
    r.play(
        "key Escape\nwait frames 3\nclick rail.settings\nwait frames 4\nclick "
        "settings.level.All\nwait frames 3\nexpect settings.forget\nclick "
        "settings.theme.Light\nclick settings.larger\nwait frames 4\n");
    CHECK(c.theme == ThemeMode::light);
    CHECK(c.scale_percent == 125);
    CHECK(r.registry().number("settings.scale")->value == 125);
    r.play("click settings.smaller\nwait frames 4\nclick settings.smaller\nwait frames 4\n");
    CHECK(c.scale_percent == 75);
    CHECK_FALSE(r.registry().find("settings.smaller")->enabled);
    r.play("click settings.query\ntype zzz\nwait frames 3\nexpect No setting has these words\n");
}

TEST_CASE("the key that sends is the reader's choice") {
    test::Rig r(1280, 800);
    r.view().config.send_key = SendKey::ctrl_enter;
    r.play("wait ready\nclick composer.text\ntype What\nkey Enter\ntype is it\nwait frames 3\n");
    CHECK(r.state().chat().empty());
    CHECK(typed_text(r.view().composer) == "What\nis it");
    r.play("key Ctrl+Enter\nwait idle\n");
    REQUIRE_FALSE(r.state().chat().empty());
    CHECK(r.state().chat().at(0).text == "What\nis it");
}
