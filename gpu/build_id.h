// Which build of the program this is.
#pragma once

#include <string>

namespace gpu {

/// The linker's hash of the running program (.note.gnu.build-id) in hex digits: another one for
/// every change of its code. Empty where the linker wrote none.
std::string build_id();

}  // namespace gpu
