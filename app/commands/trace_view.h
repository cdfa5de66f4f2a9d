// trace with --view, or with a file that is no NPZ: one view of the inspector without a window.
#pragma once

#include "app/commands/args.h"

namespace app {

int trace_view(const Options& options);
/// -o FILE.lapidary: the whole sequence, to be looked at without the model
/// (app/recordings/recording.h).
int trace_recording(const Options& options);

}  // namespace app
