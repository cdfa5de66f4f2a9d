// What the writer and the reader of recordings share.
#pragma once

#include <cstdint>

namespace app {

constexpr int64_t kRecordingSchema = 4;
constexpr uint32_t kRecordingApplicationId = 0x4C617052;  // "LapR"

}  // namespace app
