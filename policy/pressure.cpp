#include "policy/pressure.h"

#include <algorithm>

namespace gatepost::policy {

using config::seconds;

seconds idle_time(const config::Limits& limits, std::size_t sessions) {
    const seconds least = std::min(limits.stressed_command_timeout, limits.command_timeout);
    // In fifths of a session, so that nothing is rounded: the range is one fifth of all sessions.
    const auto range = limits.sessions;
    const auto above = 5 * std::min(sessions, limits.sessions);
    if (above <= 4 * range) return limits.command_timeout;
    const auto part = static_cast<double>(above - 4 * range) / static_cast<double>(range);
    const auto shorter = static_cast<double>((limits.command_timeout - least).count()) * part;
    return limits.command_timeout - seconds(static_cast<seconds::rep>(shorter));
}

bool Pressure::update(const config::Limits& limits, std::size_t sessions) {
    const bool begins = 5 * sessions > 4 * limits.sessions;
    const bool ends = 10 * sessions < 7 * limits.sessions;
    const bool was_on = is_on_;
    is_on_ = is_on_ ? !ends : begins;
    return is_on_ != was_on;
}

}  // namespace gatepost::policy
