#include "protocol/date.h"

#include <cstdio>

namespace gatepost::protocol {

std::string internet_date(std::chrono::sys_seconds time) {
    static constexpr const char* kDays[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    static constexpr const char* kMonths[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                              "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    const auto day = std::chrono::floor<std::chrono::days>(time);
    const std::chrono::year_month_day date(day);
    const std::chrono::hh_mm_ss clock(time - day);
    char text[64];
    const int size =
        std::snprintf(text, sizeof text, "%s, %u %s %04d %02d:%02d:%02d +0000",
                      kDays[std::chrono::weekday(day).c_encoding()], static_cast<unsigned>(date.day()),
                      kMonths[static_cast<unsigned>(date.month()) - 1], static_cast<int>(date.year()),
                      static_cast<int>(clock.hours().count()), static_cast<int>(clock.minutes().count()),
                      static_cast<int>(clock.seconds().count()));
    return std::string(text, static_cast<std::size_t>(size));
}

}  // namespace gatepost::protocol
