// What the program writes about itself, in $XDG_STATE_HOME/lapidary: a log that stays small, and a
// marker that stands while a model is being loaded. Never a word of a chat.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace app {

/// $XDG_STATE_HOME/lapidary, else ~/.local/state/lapidary; empty where there is no home.
std::string state_folder();

/// The last lines of the log, at most `max_bytes`; empty: there is none.
std::string log_tail(const std::string& folder, size_t max_bytes = 16 << 10);

/// While it lives, everything that the program logs goes to FOLDER/lapidary.log as well, with the
/// time. Above `max_bytes` the file becomes lapidary.log.1, which becomes .2. A folder that cannot
/// be written to changes nothing.
class LogFile {
public:
    explicit LogFile(const std::string& folder, uint64_t max_bytes = 512 << 10);
    ~LogFile();
    LogFile(const LogFile&) = delete;
    LogFile& operator=(const LogFile&) = delete;

private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

/// A load that did not come to its end.
struct BrokenLoad {
    std::string path;    // empty: the shipped model
    std::string device;  // selector
    std::string when;    // "2026-11-25 14:03"
};

/// Stands in the folder while a model is loaded; a process that died meanwhile leaves it behind.
/// Empty folder: nothing is written.
class LoadMarker {
public:
    explicit LoadMarker(std::string folder) : folder_(std::move(folder)) {}

    /// On the disk when this returns (the load may take the whole machine down).
    void set(const std::string& path, const std::string& device) const;
    void clear() const;

    /// A load whose process is no longer there. Stays until forget().
    std::optional<BrokenLoad> broken() const;
    void forget() const;

private:
    std::string own_file() const;
    std::string folder_;
};

}  // namespace app
