#include "app/ui/state/chat_list.h"

namespace app::ui {

std::string_view chat_group(std::time_t used_at, std::time_t now) {
    if (used_at == 0 || used_at >= now) {
        return "Today";
    }
    std::tm day{};
    localtime_r(&now, &day);
    day.tm_hour = day.tm_min = day.tm_sec = 0;
    const auto before = [&](int days) {
        std::tm then = day;
        then.tm_mday -= days;
        then.tm_isdst = -1;
        return std::mktime(&then);  // days of summer time's change have 23 or 25 hours
    };
    return used_at >= before(0)    ? "Today"
           : used_at >= before(1)  ? "Yesterday"
           : used_at >= before(7)  ? "Last 7 days"
           : used_at >= before(30) ? "Last 30 days"
                                   : "Earlier";
}

}  // namespace app::ui
