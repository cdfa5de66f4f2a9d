// The window, as the program starts it.
#pragma once

#include "app/commands/args.h"

namespace app {

/// Opens the window (or plays `--script` into a picture with `--offscreen`) and returns the
/// program's exit code.
int run_window(const Options& options);

}  // namespace app
