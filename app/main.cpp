// lapidary: arguments, then a command or the window. The top catch: every error of the world ends
// here, as a sentence and an exit code.
#include "app/commands/args.h"
#include "app/commands/commands.h"
#include "app/commands/console.h"
#include "app/commands/interrupt.h"
#include "app/commands/opened.h"
#include "gpu/base.h"

#if LAPIDARY_GUI
#include "app/exports/picture.h"
#include "app/ui/text/picture_painter.h"
#include "app/ui/window/run_window.h"
#endif

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <new>
#include <string>
#include <vector>

namespace {

#if LAPIDARY_GUI
constexpr bool kHasWindow = true;
#else
constexpr bool kHasWindow = false;
#endif

bool has_display() {
    const auto set = [](const char* name) {
        const char* value = std::getenv(name);
        return value != nullptr && *value != '\0';
    };
    return set("DISPLAY") || set("WAYLAND_DISPLAY");
}

int without_command(const app::Options& options) {
#if LAPIDARY_GUI
    if (!options.script.empty() || has_display()) {
        const int exit_code = app::run_window(options);
        if (exit_code == base::exit_code(base::ErrorKind::no_device) && options.script.empty()) {
            app::tell("  'lapidary chat' talks in the terminal and needs no window.\n");
        }
        return exit_code;
    }
#endif
    app::tell(
        "lapidary: {}; this is the chat in the terminal. 'lapidary --help' lists what else "
        "there is.\n",
        has_display() ? "built without the window"
                      : "no display here ($DISPLAY and $WAYLAND_DISPLAY are empty)");
    return app::chat_command(options);
}

int dispatch(app::Options options) {
    app::take_text_file(options);
    switch (options.command) {
        case app::CommandName::none:
            return without_command(options);
        case app::CommandName::run:
            return app::run_command(options);
        case app::CommandName::chat:
            return app::chat_command(options);
        case app::CommandName::score:
            return app::score_command(options);
        case app::CommandName::trace:
            return app::trace_command(options);
        case app::CommandName::bench:
            return app::bench_command(options);
        case app::CommandName::info:
            return app::info_command(options);
        case app::CommandName::models:
            return app::models_command(options);
        case app::CommandName::devices:
            return app::devices_command(options);
    }
    return 0;
}

/// An answer that did not arrive (a full disk) is no success.
int with_output_written(int exit_code) {
    app::flush_output();
    return exit_code;
}

int fail(const char* what, const std::string& hint, int exit_code) {
    std::fflush(stdout);  // the order of a terminal; that it fails too is no news
    app::tell("lapidary: {}\n", what);
    if (!hint.empty()) {
        app::tell("  {}\n", hint);
    }
    return exit_code;
}

}  // namespace

int main(int argc, char** argv) {
    app::occupy_standard_files();
#if LAPIDARY_GUI
    app::use_picture_painter(&app::ui::paint_picture);
#endif
    try {
        const app::ParsedArguments parsed =
            app::parse_arguments(std::vector<std::string>(argv + 1, argv + argc), kHasWindow);
        return with_output_written(parsed.exit_code ? *parsed.exit_code : dispatch(parsed.options));
    } catch (const base::Error& error) {
        return fail(error.what(), error.hint(), base::exit_code(error.kind()));
    } catch (const base::Cancelled&) {
        return fail("stopped", "", app::interrupted_exit_code());
    } catch (const app::OutputClosed&) {
        return 128 + SIGPIPE;  // what a shell makes of a program that the signal ends
    } catch (const std::bad_alloc&) {
        return fail("there is not enough memory",
                    "Close other programs, or choose a smaller model "
                    "or context (-c).",
                    base::exit_code(base::ErrorKind::out_of_memory));
    } catch (const std::exception& error) {
        return fail(error.what(), "This is a mistake in Lapidary; please report it.", 1);
    }
}
