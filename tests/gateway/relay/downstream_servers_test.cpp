#include "gateway/relay/downstream_servers.h"

#include <gtest/gtest.h>

namespace gatepost::gateway {
namespace {

using protocol::Capabilities;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;
using Order = std::vector<std::size_t>;

constexpr DownstreamServers::Time kStart{std::chrono::hours(1000)};
constexpr minutes kMaxAge{5};

Capabilities with(bool dsn, std::size_t max_size) {
    Capabilities can;
    can.is_extended = can.size = true;
    can.dsn = dsn;
    can.max_size = max_size;
    return can;
}

TEST(DownstreamServers, OfferWhatAllCanDoThatAreThere) {
    DownstreamServers servers(3);
    EXPECT_FALSE(servers.offered()) << "nobody has said anything yet";
    servers.note_failure(2, milliseconds(1), kStart);
    EXPECT_FALSE(servers.offered());
    servers.note_greeting(0, with(true, 2000), kStart);
    EXPECT_EQ(servers.offered(), with(true, 2000));
    servers.note_greeting(1, with(false, 1000), kStart);
    EXPECT_EQ(servers.offered(), with(false, 1000));
    servers.note_failure(1, milliseconds(1), kStart);
    EXPECT_EQ(servers.offered(), with(true, 2000)) << "who is away does not count";
    servers.note_failure(0, milliseconds(1), kStart);
    EXPECT_EQ(servers.offered(), with(false, 1000)) << "but when all are, what they could do together";
    servers.note_greeting(1, with(true, 500), kStart);
    EXPECT_EQ(servers.offered(), with(true, 500)) << "the last greeting counts";
}

TEST(DownstreamServers, AreTriedFromTheLastThatGreeted) {
    DownstreamServers servers(3);
    EXPECT_EQ(servers.order(kStart), (Order{0, 1, 2}));
    servers.note_greeting(1, {}, kStart);
    EXPECT_EQ(servers.order(kStart), (Order{1, 2, 0}));
    servers.note_failure(1, milliseconds(1), kStart);
    EXPECT_EQ(servers.order(kStart), (Order{2, 0, 1})) << "refused at once: asked last";
    servers.note_failure(2, milliseconds(1), kStart);
    servers.note_failure(0, milliseconds(1), kStart);
    EXPECT_EQ(servers.order(kStart), (Order{1, 2, 0})) << "all the same when all have failed";
}

TEST(DownstreamServers, ThatLetUsWaitAreLeftAloneForAWhile) {
    DownstreamServers servers(2);
    servers.note_failure(0, seconds(10), kStart);
    EXPECT_EQ(servers.order(kStart), Order{1});
    servers.note_failure(1, seconds(10), kStart);
    EXPECT_EQ(servers.order(kStart), Order{});
    EXPECT_EQ(servers.order(kStart + seconds(14)), Order{});
    EXPECT_EQ(servers.order(kStart + seconds(15)), (Order{0, 1}));
    servers.note_greeting(0, {}, kStart + seconds(1));
    EXPECT_EQ(servers.order(kStart + seconds(1)), Order{0}) << "there after all";
}

TEST(DownstreamServers, AreAskedAgainWhenWhatTheySaidIsOld) {
    DownstreamServers servers(1);
    EXPECT_TRUE(servers.is_due(0, kMaxAge, kStart));
    servers.begin_asking(0);
    EXPECT_FALSE(servers.is_due(0, kMaxAge, kStart)) << "one asks for all";
    EXPECT_TRUE(servers.may_know_soon());
    servers.note_greeting(0, {}, kStart);
    servers.end_asking(0);
    EXPECT_FALSE(servers.may_know_soon());
    EXPECT_FALSE(servers.is_due(0, kMaxAge, kStart + kMaxAge));
    EXPECT_TRUE(servers.is_due(0, kMaxAge, kStart + kMaxAge + seconds(1)));
}

TEST(DownstreamServers, ThatFailAreAskedLessAndLessOften) {
    DownstreamServers servers(1);
    auto now = kStart;
    auto last = seconds(0);
    for (int failure = 0; failure < 20; ++failure) {
        servers.note_failure(0, milliseconds(1), now);
        EXPECT_FALSE(servers.is_due(0, kMaxAge, now));
        seconds pause{0};
        while (!servers.is_due(0, kMaxAge, now + pause)) pause += seconds(1);
        EXPECT_GE(pause, last);
        EXPECT_LE(pause, seconds(60));
        last = pause;
        now += pause;
        servers.begin_asking(0);
        EXPECT_FALSE(servers.may_know_soon()) << "no client waits for who is away";
        servers.end_asking(0);
    }
    EXPECT_EQ(last, seconds(60));
    servers.note_greeting(0, {}, now);
    servers.note_failure(0, milliseconds(1), now);
    EXPECT_TRUE(servers.is_due(0, kMaxAge, now + seconds(2))) << "a greeting begins it anew";
}

}  // namespace
}  // namespace gatepost::gateway
