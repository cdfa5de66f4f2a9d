// The user's own folders. A variable of the environment counts only where it holds a whole path.
#pragma once

#include <string>

namespace app {

/// $HOME; empty: there is none.
std::string home_folder();

/// $VARIABLE/lapidary, else ~BELOW_HOME/lapidary; empty: there is neither.
/// xdg_folder("XDG_STATE_HOME", "/.local/state")
std::string xdg_folder(const char* variable, const char* below_home);

/// Where a dialog proposes to save: ~/Downloads where it is a folder, else the home folder, else
/// /tmp.
std::string proposed_folder();

/// As a shell reads it: "~" or "~/" at the beginning is the home folder, if there is one.
std::string expand_home(const std::string& path);

}  // namespace app
