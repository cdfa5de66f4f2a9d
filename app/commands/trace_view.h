// trace with --view, or with a file that is no NPZ: one view of the inspector without a window.
#pragma once

#include "app/args.h"

namespace app {

int trace_view(const Options& options);

}  // namespace app
