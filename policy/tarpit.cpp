#include "policy/tarpit.h"

#include <algorithm>

namespace gatepost::policy {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kLongest{60000};

}  // namespace

milliseconds delay_of(const config::Defence& defence, const Misdeeds& before, const Misdeeds& now) {
    milliseconds sum{0};
    const auto& [after, delay, max] = defence.tarpit;
    for (auto i = std::max(before.errors, after); after > 0 && i < now.errors && sum < kLongest; ++i) {
        const auto times = static_cast<milliseconds::rep>(i - after + 1);
        sum += std::min(delay * times, max);
    }
    const auto& harvest = defence.harvest;
    auto refused = std::max(before.refused, harvest.slow_after);
    for (; harvest.slow_after > 0 && refused < now.refused && sum < kLongest; ++refused) sum += harvest.delay;
    return std::min(sum, kLongest);
}

}  // namespace gatepost::policy
