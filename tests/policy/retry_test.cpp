#include "policy/retry.h"

#include <gtest/gtest.h>

namespace gatepost::policy {
namespace {

using namespace std::chrono_literals;

TEST(Retry, DoublesUpToTheLongestPause) {
    const config::RetryTimes times{60s, 3600s, 5 * 24h};
    struct Case {
        unsigned attempts;
        std::chrono::milliseconds longest;  // the shortest is three quarters of it
    };
    for (const auto& [attempts, longest] : {Case{0, 60s},
                                            {1, 60s},
                                            {2, 120s},
                                            {3, 240s},
                                            {6, 1920s},
                                            {7, 3600s},
                                            {1000, 3600s},
                                            {~0U, 3600s}}) {
        EXPECT_EQ(pause_after(attempts, times, 0), longest) << attempts;
        for (const std::uint64_t chance : {1ULL, 12345ULL, 99999999999ULL, ~0ULL}) {
            EXPECT_LE(pause_after(attempts, times, chance), longest) << attempts;
            EXPECT_GE(pause_after(attempts, times, chance), longest * 3 / 4) << attempts;
        }
    }
}

TEST(Retry, GivesUpWhatIsOldAndWasTried) {
    const config::RetryTimes times{60s, 3600s, 100s};
    EXPECT_TRUE(is_expired(100s, 3, times));
    EXPECT_FALSE(is_expired(99s, 50, times));
    EXPECT_FALSE(is_expired(std::chrono::seconds(365 * 24h), 2, times));
}

}  // namespace
}  // namespace gatepost::policy
