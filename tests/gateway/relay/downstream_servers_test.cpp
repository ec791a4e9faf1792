#include "gateway/relay/downstream_servers.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace gatepost::gateway {
namespace {

using protocol::Capabilities;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;
using Order = std::vector<std::size_t>;

constexpr DownstreamServers::Time kStart{std::chrono::hours(1000)};
constexpr minutes kMaxAge{5};
using Change = DownstreamServers::Change;
using Preferences = std::vector<DownstreamServers::Preference>;

// Each has its place for its priority, as in a list without priorities.
DownstreamServers in_a_row(std::size_t count) {
    Preferences preferences;
    for (std::size_t i = 0; i < count; ++i) preferences.push_back({i, 1});
    return DownstreamServers(preferences);
}

Capabilities with(bool dsn, std::size_t max_size) {
    Capabilities can;
    can.is_extended = can.size = true;
    can.dsn = dsn;
    can.max_size = max_size;
    return can;
}

TEST(DownstreamServers, OfferWhatAllCanDoThatAreThere) {
    DownstreamServers servers = in_a_row(3);
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

TEST(DownstreamServers, AreTriedByPriority) {
    DownstreamServers servers({{20, 1}, {10, 1}, {30, 1}});
    EXPECT_EQ(servers.order(kStart, 1), (Order{1, 0, 2}));
    servers.note_greeting(2, {}, kStart);
    EXPECT_EQ(servers.order(kStart, 1), (Order{1, 0, 2})) << "whoever greeted last";
    servers.note_failure(1, milliseconds(1), kStart);
    EXPECT_EQ(servers.order(kStart, 1), (Order{0, 2, 1})) << "refused at once: asked last";
    servers.note_failure(2, milliseconds(1), kStart);
    servers.note_failure(0, milliseconds(1), kStart);
    EXPECT_EQ(servers.order(kStart, 1), (Order{1, 0, 2})) << "all the same when all have failed";
    servers.note_greeting(2, {}, kStart);
    EXPECT_EQ(servers.order(kStart, 1), (Order{2, 1, 0}));
}

// Over many messages each gets its share; 5000 draws, so the bounds are some 6 standard deviations wide.
TEST(DownstreamServers, OfOnePriorityGetTheirWeight) {
    const struct {
        Preferences preferences;
        std::vector<double> shares;
        const char* reason;
    } rows[] = {
        {{{0, 1}, {0, 1}}, {0.5, 0.5}, "alike"},
        {{{0, 1}, {0, 3}}, {0.25, 0.75}, "as their weights say"},
        {{{0, 60}, {0, 30}, {0, 10}}, {0.6, 0.3, 0.1}, "three"},
        {{{0, 0}, {0, 5}}, {0, 1}, "nothing while there is another"},
        {{{0, 0}, {0, 0}}, {0.5, 0.5}, "nobody has a weight"},
        {{{1, 100}, {0, 1}, {0, 1}}, {0, 0.5, 0.5}, "of another priority"},
    };
    for (const auto& row : rows) {
        const DownstreamServers servers(row.preferences);
        std::vector<double> first(row.preferences.size());
        for (std::uint64_t chance = 0; chance < 5000; ++chance) {
            Order order = servers.order(kStart, chance);
            first[order.front()] += 1.0 / 5000;
            std::sort(order.begin(), order.end());
            for (std::size_t i = 0; i < order.size(); ++i) EXPECT_EQ(order[i], i) << "each of them once";
        }
        for (std::size_t i = 0; i < first.size(); ++i)
            EXPECT_NEAR(first[i], row.shares[i], 0.05) << row.reason;
    }
}

TEST(DownstreamServers, OfOnePriorityTakeOverFromEachOtherFirst) {
    DownstreamServers servers({{0, 1}, {0, 1}, {1, 1}});
    servers.note_failure(0, milliseconds(1), kStart);
    for (std::uint64_t chance = 0; chance < 100; ++chance)
        EXPECT_EQ(servers.order(kStart, chance), (Order{1, 2, 0}));
}

TEST(DownstreamServers, TellOnceThatAServerIsAwayAndOnceThatItIsBack) {
    DownstreamServers servers = in_a_row(1);
    EXPECT_EQ(servers.note_greeting(0, {}, kStart), Change::none) << "nobody has missed it";
    EXPECT_EQ(servers.note_failure(0, milliseconds(1), kStart), Change::became_unavailable);
    EXPECT_FALSE(servers.is_there(0));
    EXPECT_EQ(servers.note_failure(0, milliseconds(1), kStart), Change::none);
    EXPECT_EQ(servers.note_break(0, milliseconds(1), kStart), Change::none);
    EXPECT_EQ(servers.note_greeting(0, {}, kStart + minutes(20)), Change::became_available);
    EXPECT_TRUE(servers.is_there(0));
    EXPECT_EQ(servers.note_greeting(0, {}, kStart + minutes(20)), Change::none);
}

// It greets, takes MAIL and breaks: each message would try it first and find it gone.
TEST(DownstreamServers, ThatBreakInTheTransactionAreNotBelievedAtOnce) {
    DownstreamServers servers = in_a_row(2);
    auto now = kStart;
    seconds last{0};
    for (int i = 0; i < 12; ++i) {
        servers.note_greeting(0, {}, now);
        EXPECT_EQ(servers.order(now, 1), (Order{0, 1}));
        EXPECT_EQ(servers.note_break(0, milliseconds(1), now), Change::became_unavailable);
        EXPECT_EQ(servers.note_greeting(0, {}, now), Change::none);
        EXPECT_EQ(servers.order(now, 1), (Order{1, 0}));
        EXPECT_FALSE(servers.is_due(0, kMaxAge, now));
        seconds rest{0};
        while (!servers.is_due(0, kMaxAge, now + rest)) rest += seconds(1);
        EXPECT_EQ(servers.note_greeting(0, {}, now + rest), Change::became_available);
        EXPECT_GE(rest, last) << "longer each time";
        EXPECT_LE(rest, minutes(10));
        last = rest;
        now += rest;
    }
    EXPECT_EQ(last, minutes(10));
    servers.note_answer(0);
    servers.note_break(0, milliseconds(1), now);
    EXPECT_EQ(servers.note_greeting(0, {}, now + seconds(2)), Change::became_available) << "it had served";
}

TEST(DownstreamServers, ThatHangInTheTransactionRestAsLongAsTheyWereWaitedFor) {
    DownstreamServers servers = in_a_row(2);
    servers.note_break(0, minutes(2), kStart);
    EXPECT_EQ(servers.order(kStart, 1), Order{1});
    servers.note_break(1, minutes(2), kStart);
    EXPECT_EQ(servers.order(kStart + seconds(14), 1), Order{}) << "a client would wait for minutes";
    EXPECT_EQ(servers.note_greeting(0, {}, kStart + seconds(119)), Change::none);
    EXPECT_EQ(servers.note_greeting(0, {}, kStart + seconds(120)), Change::became_available);
}

TEST(DownstreamServers, ThatLetUsWaitAreLeftAloneForAWhile) {
    DownstreamServers servers = in_a_row(2);
    servers.note_failure(0, seconds(10), kStart);
    EXPECT_EQ(servers.order(kStart, 1), Order{1});
    EXPECT_EQ(servers.order(kStart + seconds(14), 1), Order{1});
    EXPECT_EQ(servers.order(kStart + seconds(15), 1), (Order{1, 0}));
}

// One of them may be back; and if not, it costs one client its time, and not all of them.
TEST(DownstreamServers, AreTriedAnywayWhileAllAreLeftAlone) {
    DownstreamServers servers({{0, 1}, {0, 1}, {1, 1}});
    servers.note_failure(2, seconds(10), kStart);
    servers.note_failure(1, seconds(10), kStart + seconds(10));
    servers.note_failure(0, seconds(10), kStart + seconds(10));
    auto now = kStart + seconds(11);
    EXPECT_EQ(servers.order(now, 1), Order{2}) << "its rest ends first";
    servers.begin_trying(2, now, now + seconds(30));
    EXPECT_EQ(servers.order(now, 1), Order{}) << "and of the others the failure is of a moment ago";
    EXPECT_EQ(servers.order(now + seconds(1), 1), Order{0}) << "the first of those that are alike";
    now += seconds(4);
    servers.note_failure(2, seconds(4), now);
    EXPECT_EQ(servers.order(now, 1), Order{0});
    servers.note_greeting(2, {}, now);
    EXPECT_EQ(servers.order(now, 1), Order{2}) << "there after all";
}

TEST(DownstreamServers, ThatLetUsWaitAreTriedByOneAtATime) {
    DownstreamServers servers = in_a_row(1);
    servers.begin_trying(0, kStart, kStart + seconds(30));
    EXPECT_EQ(servers.order(kStart, 1), Order{0}) << "it has not failed yet";
    servers.note_failure(0, milliseconds(1), kStart);
    servers.begin_trying(0, kStart, kStart + seconds(30));
    EXPECT_EQ(servers.order(kStart, 1), Order{0}) << "it refused at once, which costs nobody anything";
    servers.note_failure(0, seconds(10), kStart);
    const auto later = kStart + seconds(60);
    servers.begin_trying(0, later, later + seconds(30));
    EXPECT_FALSE(servers.may_try(0, later));
    EXPECT_FALSE(servers.is_due(0, kMaxAge, later)) << "nor is it asked what it can do";
    EXPECT_EQ(servers.order(later + seconds(29), 1), Order{});
    EXPECT_EQ(servers.order(later + seconds(30), 1), Order{0}) << "whatever became of that try";
    servers.note_greeting(0, {}, later);
    servers.begin_trying(0, later, later + seconds(30));
    EXPECT_TRUE(servers.may_try(0, later)) << "it is there";
}

TEST(DownstreamServers, ThatAreBeingTriedAreWorthAShortWait) {
    DownstreamServers servers = in_a_row(2);
    const auto none = DownstreamServers::Time::min();
    servers.begin_trying(0, kStart, kStart + seconds(30));
    EXPECT_EQ(servers.worth_waiting_until(kStart), none) << "whoever wants it may try it himself";
    servers.note_failure(0, seconds(10), kStart);
    EXPECT_EQ(servers.worth_waiting_until(kStart), none);
    servers.begin_trying(0, kStart, kStart + seconds(30));
    EXPECT_EQ(servers.worth_waiting_until(kStart), kStart + seconds(1));
    EXPECT_EQ(servers.worth_waiting_until(kStart + seconds(1)), none) << "it is in vain, as it seems";
    servers.note_failure(0, seconds(1), kStart);
    EXPECT_EQ(servers.worth_waiting_until(kStart), none);
}

TEST(DownstreamServers, AreAskedAgainWhenWhatTheySaidIsOld) {
    DownstreamServers servers = in_a_row(1);
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
    DownstreamServers servers = in_a_row(1);
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
