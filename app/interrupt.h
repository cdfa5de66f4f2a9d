// Ctrl-C as a flag that the commands look at between tokens and submits.
#pragma once

namespace app {

/// Catches SIGINT from now on (and SIGTERM, which asks for the same). System calls are interrupted,
/// so that a read of the keyboard returns too.
void install_interrupt();
bool interrupted();
void clear_interrupt();

}  // namespace app
