// The arithmetic of limits on time and number, with time as an argument.
#include <gtest/gtest.h>

#include "policy/patience.h"
#include "policy/pressure.h"
#include "policy/rate_table.h"
#include "policy/tarpit.h"

namespace gatepost::policy {
namespace {

using config::seconds;
using std::chrono::milliseconds;
using Time = Patience::Time;

const Time kBegin = Time() + std::chrono::hours(1000);

Time at(double second) {
    return kBegin + std::chrono::duration_cast<Time::duration>(std::chrono::duration<double>(second));
}

TEST(Pressure, ShortensIdleTimeFromFourFifthsOn) {
    config::Limits limits;  // 1000 sessions, 300 s and 60 s
    const struct {
        std::size_t sessions;
        int idle;
        const char* why;
    } rows[] = {
        {0, 300, "nobody there"},
        {800, 300, "just four fifths"},
        {900, 180, "half way"},
        {950, 120, "three quarters"},
        {1000, 60, "all taken"},
        {5000, 60, "after a reload with fewer"},
        {801, 299, "1.2 s less, in whole seconds"},
    };
    for (const auto& row : rows) EXPECT_EQ(idle_time(limits, row.sessions), seconds(row.idle)) << row.why;
}

TEST(Pressure, NeverLengthensIdleTime) {
    config::Limits limits;
    limits.command_timeout = seconds(10);
    EXPECT_EQ(idle_time(limits, 0), seconds(10));
    EXPECT_EQ(idle_time(limits, 1000), seconds(10)) << "shorter than the stressed one";
    limits.sessions = 1;
    limits.command_timeout = seconds(300);
    EXPECT_EQ(idle_time(limits, 1), seconds(60)) << "the only place is taken";
}

TEST(Pressure, BeginsAndEndsAtDifferentNumbers) {
    config::Limits limits;
    Pressure pressure;
    const struct {
        std::size_t sessions;
        bool changed, is_on;
    } rows[] = {{800, false, false}, {801, true, true},   {900, false, true}, {700, false, true},
                {699, true, false},  {800, false, false}, {1000, true, true}, {0, true, false}};
    for (const auto& row : rows) {
        EXPECT_EQ(pressure.update(limits, row.sessions), row.changed) << row.sessions;
        EXPECT_EQ(pressure.is_on(), row.is_on) << row.sessions;
    }
}

TEST(Patience, ACommandsTimeRunsFromTheAnswerBefore) {
    const config::Limits limits;
    Patience patience(limits, at(0));
    EXPECT_EQ(patience.deadline(seconds(300)), at(300));
    EXPECT_FALSE(patience.is_over(at(299), seconds(300)));
    EXPECT_TRUE(patience.is_over(at(300), seconds(300)));
    patience.wait_for_command(at(100));
    EXPECT_FALSE(patience.is_over(at(300), seconds(300)));
    EXPECT_TRUE(patience.is_over(at(300), seconds(60))) << "sessions have run short meanwhile";
}

TEST(Patience, TheSessionEndsBehindTheTransaction) {
    config::Limits limits;
    limits.session_timeout = seconds(100);
    limits.transaction_timeout = seconds(50);
    Patience patience(limits, at(0));
    patience.wait_for_command(at(90));
    EXPECT_TRUE(patience.is_over(at(100), seconds(300)));
    patience.begin_transaction(at(90));
    EXPECT_FALSE(patience.is_over(at(100), seconds(300)));
    EXPECT_EQ(patience.deadline(seconds(300)), at(140));
    EXPECT_TRUE(patience.is_over(at(140), seconds(300)));
    patience.end_transaction();
    EXPECT_TRUE(patience.is_over(at(101), seconds(300)));
}

TEST(Patience, ContentHasItsOwnEnd) {
    config::Limits limits;
    limits.data_timeout = seconds(600);
    limits.data_rate = 0;
    Patience patience(limits, at(0));
    patience.begin_transaction(at(0));
    patience.begin_content(at(10));
    EXPECT_EQ(patience.deadline(seconds(1)), at(610)) << "the idle time is for commands";
    EXPECT_FALSE(patience.is_over(at(609), seconds(1)));
    EXPECT_TRUE(patience.is_over(at(610), seconds(1)));
    limits.transaction_timeout = seconds(100);
    patience.begin_transaction(at(0));
    EXPECT_TRUE(patience.is_over(at(100), seconds(1)));
    patience.end_content();
    patience.wait_for_command(at(50));
    EXPECT_EQ(patience.deadline(seconds(1)), at(51));
}

TEST(Patience, ContentHasToComeAtARate) {
    config::Limits limits;
    limits.data_rate = 100;
    limits.data_rate_window = seconds(10);
    const struct {
        std::size_t octets;  // in the first window
        bool is_over;
        const char* why;
    } rows[] = {{0, true, "nothing"},
                {10, true, "an octet a second"},
                {999, true, "one too few"},
                {1000, false, "just enough"},
                {100000, false, "more"}};
    for (const auto& row : rows) {
        Patience patience(limits, at(0));
        patience.begin_content(at(0));
        EXPECT_EQ(patience.deadline(seconds(300)), at(10));
        for (std::size_t i = 0; i < row.octets; ++i) patience.came(1);
        EXPECT_FALSE(patience.is_over(at(9.9), seconds(300))) << row.why;
        EXPECT_EQ(patience.is_over(at(10), seconds(300)), row.is_over) << row.why;
    }
}

TEST(Patience, EveryWindowOfContentIsMeasuredAnew) {
    config::Limits limits;
    limits.data_rate = 100;
    limits.data_rate_window = seconds(10);
    Patience patience(limits, at(0));
    patience.begin_content(at(0));
    patience.came(1'000'000);
    EXPECT_FALSE(patience.is_over(at(10), seconds(300)));
    patience.came(999);
    EXPECT_EQ(patience.deadline(seconds(300)), at(20));
    EXPECT_TRUE(patience.is_over(at(20), seconds(300))) << "what came before does not help";
}

TEST(Tarpit, DelaysGrowAndEnd) {
    config::Defence defence;
    const auto delay = [&](Misdeeds before, Misdeeds now) { return delay_of(defence, before, now); };
    EXPECT_EQ(delay({0, 0}, {100, 100}), milliseconds(0)) << "off by default";
    defence.tarpit = {3, milliseconds(1000), milliseconds(2500)};
    defence.harvest = {5, milliseconds(2000), 20};
    const struct {
        Misdeeds before, now;
        int delay;
        const char* why;
    } rows[] = {
        {{0, 0}, {0, 0}, 0, "an honest client"},
        {{2, 0}, {3, 0}, 0, "so many are free"},
        {{3, 0}, {4, 0}, 1000, "the first that is not"},
        {{4, 0}, {5, 0}, 2000, "the next costs as much more"},
        {{9, 0}, {10, 0}, 2500, "up to max"},
        {{0, 0}, {5, 0}, 3000, "of a batch, each costs its own"},
        {{10, 0}, {10, 0}, 0, "a good command behind errors"},
        {{0, 4}, {0, 5}, 0, "so many unknown recipients are free"},
        {{0, 5}, {0, 6}, 2000, "the first that is not"},
        {{0, 15}, {0, 16}, 2000, "all cost the same"},
        {{3, 5}, {4, 6}, 3000, "both"},
        {{0, 0}, {1000000, 1000000}, 60000, "never more than a minute"},
        {{7, 7}, {0, 0}, 0, "a delivered message made up for it"},
    };
    for (const auto& row : rows) EXPECT_EQ(delay(row.before, row.now), milliseconds(row.delay)) << row.why;
}

protocol::IpAddress ip(const std::string& text) {
    return *protocol::IpAddress::parse(text);
}

TEST(RateTable, AllowsAMinutesNumberAtOnceAndThenEvenly) {
    RateTable table(1);
    const auto client = ip("192.0.2.1");
    for (int i = 0; i < 6; ++i) EXPECT_TRUE(table.take(client, 6, at(0))) << i;
    EXPECT_FALSE(table.take(client, 6, at(0)));
    EXPECT_FALSE(table.take(client, 6, at(9.9)));
    EXPECT_TRUE(table.take(client, 6, at(10))) << "one every ten seconds";
    EXPECT_FALSE(table.take(client, 6, at(10)));
    EXPECT_TRUE(table.take(ip("192.0.2.2"), 6, at(10))) << "another client has its own";
    for (int i = 0; i < 6; ++i) EXPECT_TRUE(table.take(client, 6, at(200))) << "all of it is back";
}

TEST(RateTable, WhoIsRefusedOwesNothingMore) {
    RateTable table(1);
    EXPECT_TRUE(table.take(ip("::2"), 1, at(0)));
    for (int i = 0; i < 1000; ++i) EXPECT_FALSE(table.take(ip("::2"), 1, at(30)));
    EXPECT_TRUE(table.take(ip("::2"), 1, at(60)));
}

TEST(RateTable, AFloodOfAddressesPushesOutTheOldest) {
    RateTable table(7, 64);
    const auto victim = ip("192.0.2.1");
    EXPECT_TRUE(table.take(victim, 1, at(0)));
    EXPECT_FALSE(table.take(victim, 1, at(1)));
    for (unsigned i = 0; i < 100000; ++i) {
        const std::array<std::uint8_t, 4> bytes{10, std::uint8_t(i >> 16), std::uint8_t(i >> 8),
                                                std::uint8_t(i)};
        EXPECT_TRUE(table.take(*protocol::IpAddress::from_bytes(bytes), 1, at(2)));
    }
    EXPECT_TRUE(table.take(victim, 1, at(3))) << "forgotten: the error is on the client's side";
}

}  // namespace
}  // namespace gatepost::policy
