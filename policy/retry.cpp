#include "policy/retry.h"

#include <algorithm>

namespace gatepost::policy {
namespace {

using std::chrono::milliseconds;

constexpr unsigned kLeastAttempts = 3;
constexpr unsigned kMostDoublings = 30;

}  // namespace

milliseconds pause_after(unsigned attempts, const config::RetryTimes& times, std::uint64_t chance) {
    const unsigned doublings = std::min(attempts > 0 ? attempts - 1 : 0, kMostDoublings);
    const milliseconds longest = std::max(times.max, times.first);
    const milliseconds first = times.first;
    const milliseconds pause = std::min(
        first.count() > (longest.count() >> doublings) ? longest : milliseconds(first.count() << doublings),
        longest);
    const auto quarter = static_cast<std::uint64_t>(pause.count() / 4);
    return pause - milliseconds(static_cast<std::int64_t>(chance % (quarter + 1)));
}

bool is_expired(std::chrono::seconds age, unsigned attempts, const config::RetryTimes& times) {
    return age >= times.expire && attempts >= kLeastAttempts;
}

}  // namespace gatepost::policy
