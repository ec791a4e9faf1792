// The date of RFC 5322 section 3.3, always in UTC.
#pragma once

#include <chrono>
#include <string>

namespace gatepost::protocol {

// "Mon, 23 Nov 2026 14:30:00 +0000"
std::string internet_date(std::chrono::sys_seconds time);

}  // namespace gatepost::protocol
