// Ctrl-C and the wish to end, as flags that the commands look at between tokens and submits.
#pragma once

namespace app {

/// Catches SIGINT, SIGTERM and SIGHUP (the terminal is gone) from now on. A second one of the
/// latter two ends the program at once.
void install_interrupt();
/// Either of them came: stop what is being done.
bool interrupted();
/// SIGTERM or SIGHUP came: stop, and end the program. Stays so.
bool asked_to_end();
/// Forgets Ctrl-C.
void clear_interrupt();
/// Readable from the moment a signal comes until clear_interrupt(), for poll(); -1 before
/// install_interrupt().
int interrupt_descriptor();
/// Exit code of a program that they ended: 128 and the signal.
int interrupted_exit_code();

}  // namespace app
