#include "gateway/dns/dns_servers.h"

#include <gtest/gtest.h>

namespace gatepost::gateway {
namespace {

using namespace std::chrono_literals;
using Order = std::vector<std::size_t>;

const DnsServers::Time kNow = DnsServers::Time() + 1h;

TEST(DnsServers, AreAskedInTheOrderOfTheConfiguration) {
    DnsServers servers(3);
    EXPECT_EQ(servers.order(kNow), (Order{0, 1, 2}));
}

TEST(DnsServers, ASilentOneIsAskedLastForSomeSeconds) {
    DnsServers servers(3);
    servers.silent(0, kNow, kNow + 3s, 0);
    EXPECT_EQ(servers.order(kNow + 3s), (Order{1, 2, 0}));
    EXPECT_EQ(servers.order(kNow + 3s + DnsServers::kFirstRest - 1ms), (Order{1, 2, 0}));
}

TEST(DnsServers, OneQuestionTriesWhetherItLivesAgain) {
    DnsServers servers(2);
    servers.silent(0, kNow, kNow, 0);
    const auto later = kNow + DnsServers::kFirstRest;
    EXPECT_EQ(servers.order(later), (Order{0, 1})) << "this one tries";
    for (int i = 0; i < 100; ++i)
        EXPECT_EQ(servers.order(later), (Order{1, 0})) << "the herd does not follow";
    servers.heard(0, later, later + 1ms);
    EXPECT_EQ(servers.order(later + 1ms), (Order{0, 1}));
}

TEST(DnsServers, RestTwiceAsLongEachTimeUpToHalfAMinute) {
    DnsServers servers(2);
    auto now = kNow;
    for (const auto rest : {2s, 4s, 8s, 16s, 30s, 30s, 30s}) {
        servers.silent(0, now, now, 0);
        EXPECT_EQ(servers.order(now + rest - 1ms), (Order{1, 0})) << rest.count();
        EXPECT_EQ(servers.order(now + rest), (Order{0, 1})) << rest.count();
        now += rest + 10s;
    }
}

TEST(DnsServers, TheEndsOfTheRestsAreSpread) {
    DnsServers early(2), late(2);
    early.silent(0, kNow, kNow, 0);
    late.silent(0, kNow, kNow, 999);
    const auto end = kNow + DnsServers::kFirstRest;
    EXPECT_EQ(early.order(end), (Order{0, 1}));
    EXPECT_EQ(late.order(end), (Order{1, 0}));
    EXPECT_EQ(late.order(end + 500ms), (Order{0, 1}));
}

TEST(DnsServers, ManyQuestionsInOneSilenceAreOneSilence) {
    DnsServers servers(2);
    for (int i = 0; i < 100; ++i) servers.silent(0, kNow, kNow + 3s, 0);
    EXPECT_EQ(servers.order(kNow + 3s + DnsServers::kFirstRest), (Order{0, 1}));
}

// Otherwise a sender whose zone does not answer could turn us away from our only living server.
TEST(DnsServers, AZoneThatIsSilentWhileOthersAnswerIsNotTheServersFault) {
    DnsServers servers(2);
    servers.heard(0, kNow + 900ms, kNow + 1s);
    servers.silent(0, kNow, kNow + 3s, 0);
    EXPECT_EQ(servers.order(kNow + 3s), (Order{0, 1}));
    servers.silent(0, kNow + 2s, kNow + 5s, 0);
    EXPECT_EQ(servers.order(kNow + 5s), (Order{1, 0})) << "but nothing has been heard since that question";
}

TEST(DnsServers, AreBelievedOverASafePathOnly) {
    const auto at = [](const char* ip) { return config::Endpoint{*protocol::IpAddress::parse(ip), 53}; };
    config::Dns settings;
    for (const auto* near : {"127.0.0.1", "127.0.0.53", "::1"})
        EXPECT_TRUE(trusts_ad_of(at(near), settings)) << near;
    for (const auto* far : {"192.0.2.53", "10.0.0.1", "2001:db8::1", "128.0.0.1"}) {
        EXPECT_FALSE(trusts_ad_of(at(far), settings)) << far;
        settings.trust_ad = true;
        EXPECT_TRUE(trusts_ad_of(at(far), settings)) << far;
        settings.trust_ad = false;
    }
}

TEST(DnsServers, BurstsArePaced) {
    DnsServers servers(2);
    for (std::size_t i = 0; i < DnsServers::kBurst; ++i) {
        EXPECT_TRUE(servers.has_room(0, kNow));
        servers.sent(0, kNow + std::chrono::milliseconds(i / 10));
    }
    const auto end = kNow + 9ms;
    EXPECT_FALSE(servers.has_room(0, end));
    EXPECT_TRUE(servers.has_room(1, end)) << "the other server has a buffer of its own";
    servers.heard(0, kNow + 4ms, end);
    EXPECT_TRUE(servers.has_room(0, end)) << "it has read as far as what it answers";
    for (std::size_t i = 0; i < DnsServers::kBurst / 2; ++i) {
        EXPECT_TRUE(servers.has_room(0, end)) << i;
        servers.sent(0, end);
    }
    EXPECT_FALSE(servers.has_room(0, end));
    EXPECT_FALSE(servers.has_room(0, kNow + 5ms + DnsServers::kSettled - 1ms));
    EXPECT_TRUE(servers.has_room(0, kNow + 5ms + DnsServers::kSettled))
        << "what is not answered takes nobody's place";
}

}  // namespace
}  // namespace gatepost::gateway
