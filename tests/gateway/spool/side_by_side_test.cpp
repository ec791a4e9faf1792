#include "gateway/spool/side_by_side.h"

#include <gtest/gtest.h>

#include <atomic>
#include <barrier>
#include <set>

namespace gatepost::gateway {
namespace {

TEST(SideBySide, DoesEachOnceHoweverManyThereAre) {
    SideBySide threads(4);
    for (const std::size_t count : {0, 1, 2, 3, 4, 5, 100, 1, 50}) {
        std::vector<std::atomic<int>> done(count);
        threads.run(count, [&](std::size_t i) { ++done[i]; });
        for (const auto& each : done) EXPECT_EQ(each, 1) << "of " << count;
    }
}

// Each waits for the others: it would not come to an end otherwise.
TEST(SideBySide, DoesAsManyAtOnceAsItMay) {
    SideBySide threads(4);
    for (int round = 0; round < 50; ++round) {
        std::barrier together(4);
        threads.run(4, [&](std::size_t) { together.arrive_and_wait(); });
    }
}

TEST(SideBySide, DoesNoMoreAtOnceThanItMayAndBeginsNoThreadTwice) {
    SideBySide threads(3);
    std::atomic<int> now{0}, most{0};
    std::mutex mutex;
    std::set<std::thread::id> seen;
    for (int round = 0; round < 20; ++round) {
        threads.run(10, [&](std::size_t) {
            const int with_me = ++now;
            {
                const std::lock_guard lock(mutex);
                most = std::max<int>(most, with_me);
                seen.insert(std::this_thread::get_id());
            }
            std::this_thread::yield();
            --now;
        });
    }
    EXPECT_LE(most, 3);
    EXPECT_LE(seen.size(), 3u);
}

TEST(SideBySide, AloneNeedsNoThread) {
    SideBySide alone(1);
    alone.run(5,
              [me = std::this_thread::get_id()](std::size_t) { EXPECT_EQ(std::this_thread::get_id(), me); });
}

}  // namespace
}  // namespace gatepost::gateway
