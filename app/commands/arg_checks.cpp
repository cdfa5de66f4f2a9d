// Options that do not go together.
#include <algorithm>
#include <tuple>

#include "app/commands/arg_options.h"
#include "app/recordings/recording.h"

namespace app {

namespace {

/// Flags that would change nothing are refused: who gives one expects something of it.
void check_useless(const Options& o) {
    const bool run = o.command == CommandName::run;
    const bool fills = o.fill_before || o.fill_after;
    const bool recording = o.command == CommandName::trace && o.output.ends_with(kRecordingEnding);
    const char* const whole = "for a recording, which keeps all of them";
    const Options untouched;
    const bool view = o.command == CommandName::trace && !recording &&
                      (!o.view.empty() || !o.output.ends_with(".npz"));
    const bool cells = o.view.empty() || o.view == "matrix" || o.view == "heads";
    const bool png = o.output.ends_with(".png");
    const bool picture = png || o.output.ends_with(".svg") || o.output.ends_with(".html");
    const std::tuple<bool, const char*, const char*> rows[] = {
        {recording && o.layers != untouched.layers, "--layers", whole},
        {recording && o.heads != untouched.heads, "--heads", whole},
        {recording && o.queries != untouched.queries, "--queries", whole},
        {recording && o.taps != untouched.taps, "--taps", whole},
        {recording && !o.view.empty(), "--view", whole},
        {view && o.queries != untouched.queries, "--queries", "for a view, which has all rows"},
        {view && o.taps != untouched.taps, "--taps", "for a view"},
        {view && !cells && o.layers != untouched.layers, "--layers", "for a view without cells"},
        {view && !cells && o.heads != untouched.heads, "--heads", "for a view without cells"},
        {o.picture_scale && !png, "--scale", "but for a .png"},
        {o.theme != untouched.theme && !picture, "--theme", "for a file without a picture"},
        {o.sink != untouched.sink && !(picture && cells), "--sink", "but for a picture of cells"},
        {o.bare && !(png && cells), "--bare", "but for a .png of cells"},
        {o.bare && o.sink != untouched.sink, "--sink", "with --bare"},
        {run && o.top > 0 && !o.json, "--top", "without --json"},
        {run && !o.system.empty() && !o.chat && o.batch.empty(), "--system-prompt",
         "without --chat"},
        {run && o.chat && fills, "--chat", "with --fim-before and --fim-after"},
        {run && o.special && (o.chat || fills), "--special", "with --chat and --fim-before"},
        {run && o.top > 0 && !o.batch.empty(), "--top", "with --batch"},
        {o.special && o.tokens.has_value(), "--special", "with --tokens"},
        {o.command == CommandName::score && o.hash && o.top > 0, "--top", "with --hash"},
    };
    for (const auto& [useless, flag, where] : rows) {
        if (useless) {
            usage(fmt::format("{} means nothing {}", flag, where));
        }
    }
}

}  // namespace

void check_combinations(const Options& o) {
    if (o.prompt && !o.file.empty()) {
        usage("both -p and -f are given, expected one of them");
    }
    if (o.tokens && (o.prompt || !o.file.empty())) {
        usage("both --tokens and a text are given, expected one of them");
    }
    const bool has_text = o.prompt || !o.file.empty() || o.tokens;
    const bool fills = o.fill_before || o.fill_after;
    if (o.command == CommandName::run && int(has_text) + int(!o.batch.empty()) + int(fills) != 1) {
        usage("'run' needs exactly one of -p, -f, --batch and --fim-before/--fim-after",
              "For example: lapidary run -p 'Once upon a time' -n 40");
    }
    if ((o.command == CommandName::score || o.command == CommandName::trace) && !has_text) {
        usage("no text is given", "Give it with -p TEXT, -f FILE or --tokens IDS.");
    }
    check_useless(o);
    if (std::any_of(o.stop_texts.begin(), o.stop_texts.end(),
                    [](const auto& t) { return t.empty(); })) {
        usage("--stop is empty, expected a text");
    }
    if (!o.offscreen.empty() && o.script.empty()) {
        usage("--offscreen needs --script");
    }
    if (!o.script_chats.empty() && o.script.empty()) {
        usage("--script-chats needs --script");
    }
}

}  // namespace app
