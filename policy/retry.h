// When a message that could not be delivered is tried again, and when it is given up.
#pragma once

#include <chrono>
#include <cstdint>

#include "config/settings.h"

namespace gatepost::policy {

// From the end of a try to the next: `first` after the first try, then twice as long each time, up to `max`;
// shortened by up to a quarter, so that what failed together does not come back together. `chance`: any
// number.
std::chrono::milliseconds pause_after(unsigned attempts, const config::RetryTimes& times,
                                      std::uint64_t chance);

// `age`: spent in the queue while it could be tried. `attempts`: tries, and times at which others had found
// its destination away. Whoever had only one or two such chances in that time, for whatever reason, gets
// another.
bool is_expired(std::chrono::seconds age, unsigned attempts, const config::RetryTimes& times);

}  // namespace gatepost::policy
