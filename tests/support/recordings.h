// A small recording without fault, and what tests do to one.
#pragma once

#include <string>

#include "app/recordings/recording.h"

namespace support {

inline constexpr uint32_t kRecordedTokens = 20, kRecordedLayers = 3, kRecordedHeads = 2;
inline constexpr uint32_t kRecordedWindow = 8;  // of layers 0 and 2; layer 1 is global

/// Every field agrees with every other one. The last token has been drawn and has no rows.
app::Recording small_recording();

std::string bytes_of(const std::string& path);
/// Why the file is refused, empty: it is not. It must be as it was.
std::string refusal_of(const std::string& path);
void run_sql(const std::string& path, const std::string& sql);

}  // namespace support
