#include "gateway/server/admission.h"

#include <gtest/gtest.h>

namespace gatepost::gateway {
namespace {

using protocol::IpAddress;
namespace reply = protocol::reply;

const Admission::Time kNow = Admission::Time() + std::chrono::hours(1000);

IpAddress ip(const std::string& text) {
    return *IpAddress::parse(text);
}

config::Limits limits(std::size_t sessions, std::size_t of_client) {
    config::Limits limits;
    limits.sessions = sessions;
    limits.sessions_per_client = of_client;
    return limits;
}

// What it is told, "" if it is welcome.
std::string told(const std::optional<protocol::Reply>& refusal) {
    return refusal ? refusal->text() : "";
}

const std::string kTooMany = protocol::Reply(reply::kTooManySessions).text();
const std::string kTooManyOfClient = protocol::Reply(reply::kTooManySessionsOfClient).text();
const std::string kTooManyOfNetwork = protocol::Reply(reply::kTooManySessionsOfNetwork).text();

class Door : public testing::Test {
  protected:
    std::string enter(const std::string& client, const config::Limits& limits) {
        return told(admission.enter(ip(client), limits, kNow));
    }
    Admission admission;
};

TEST_F(Door, LimitsTheSessionsOfOneClient) {
    const auto few = limits(100, 2);
    EXPECT_EQ(enter("192.0.2.1", few), "");
    EXPECT_EQ(enter("192.0.2.1", few), "");
    EXPECT_EQ(enter("192.0.2.1", few), kTooManyOfClient);
    EXPECT_EQ(enter("192.0.2.2", few), "");
    admission.leave(ip("192.0.2.1"));
    EXPECT_EQ(enter("192.0.2.1", few), "");
    EXPECT_EQ(enter("192.0.2.1", few), kTooManyOfClient);
}

TEST_F(Door, LimitsAllSessions) {
    const auto few = limits(2, 10);
    EXPECT_EQ(enter("192.0.2.1", few), "");
    EXPECT_EQ(enter("192.0.2.2", few), "");
    EXPECT_EQ(enter("2001:db8::1", few), kTooMany);
    admission.leave(ip("192.0.2.2"));
    EXPECT_EQ(enter("2001:db8::1", few), "");
}

TEST_F(Door, LimitsTheSessionsOfOneNetwork) {
    auto few = limits(100, 2);
    few.sessions_per_network = 3;
    const struct {
        const char* client;
        std::string told;
        const char* why;
    } rows[] = {
        {"192.0.2.1", "", "1 of its /24"},
        {"192.0.2.2", "", "2"},
        {"192.0.2.255", "", "3"},
        {"192.0.2.0", kTooManyOfNetwork, "4"},
        {"192.0.3.0", "", "the /24 beside it"},
        {"2001:db8:1:200::1", "", "1 of its /56"},
        {"2001:db8:1:200:ffff::1", "", "the same /64: the same client"},
        {"2001:db8:1:200::2", kTooManyOfClient, "3 of one client"},
        {"2001:db8:1:2ff::1", "", "another client of the /56, and the 3rd of that"},
        {"2001:db8:1:2fe::1", kTooManyOfNetwork, "the 4th"},
        {"2001:db8:1:300::1", "", "the /56 beside it"},
    };
    for (const auto& row : rows) EXPECT_EQ(enter(row.client, few), row.told) << row.client << ", " << row.why;
    admission.leave(ip("192.0.2.1"));
    EXPECT_EQ(enter("192.0.2.0", few), "") << "the place is free again";
}

TEST_F(Door, LeavesHalfOfTheSessionsToOtherNetworks) {
    const auto common = limits(4, 1);
    EXPECT_EQ(enter("192.0.2.1", common), "");
    EXPECT_EQ(enter("192.0.2.2", common), "");
    EXPECT_EQ(enter("192.0.2.3", common), kTooManyOfNetwork);
    EXPECT_EQ(enter("198.51.100.1", common), "");
    admission.leave(ip("192.0.2.1"));
    admission.leave(ip("192.0.2.2"));
    for (const char* local : {"127.0.0.1", "127.0.0.2", "127.0.0.3"}) EXPECT_EQ(enter(local, common), "");
    EXPECT_EQ(enter("127.0.0.4", common), kTooMany) << "of this machine's own any number, up to all";
}

TEST_F(Door, GivesNoPlaceToWhoWasRefused) {
    EXPECT_EQ(enter("192.0.2.1", limits(1, 1)), "");
    EXPECT_EQ(enter("192.0.2.1", limits(5, 1)), kTooManyOfClient);
    EXPECT_EQ(enter("192.0.2.2", limits(1, 1)), kTooMany);
    EXPECT_EQ(admission.sessions(), 1u);
    admission.leave(ip("192.0.2.1"));
    EXPECT_EQ(admission.sessions(), 0u);
    EXPECT_EQ(enter("192.0.2.1", limits(1, 1)), "");
}

TEST_F(Door, LimitsWhatAClientBeginsInAMinute) {
    config::Limits few;
    few.sessions_per_minute = few.messages_per_minute = few.recipients_per_minute = 2;
    using Ask = std::optional<protocol::Reply> (Admission::*)(const IpAddress&, const config::Limits&,
                                                              Admission::Time);
    const struct {
        Ask ask;
        std::string told;
    } rows[] = {{&Admission::enter, "421 4.7.0 Too many connections in a minute, slow down"},
                {&Admission::mail, "452 4.7.1 Too many messages in a minute, slow down"},
                {&Admission::recipient, "450 4.7.1 Too many recipients in a minute, slow down"}};
    for (const auto& row : rows) {
        const auto ask = [&](const char* client, int second) {
            return told((admission.*row.ask)(ip(client), few, kNow + std::chrono::seconds(second)));
        };
        EXPECT_EQ(ask("2001:db8::1", 0), "");
        EXPECT_EQ(ask("2001:db8::2", 0), "");
        EXPECT_EQ(ask("2001:db8::3", 0), row.told) << "one client, for it has the whole /64";
        EXPECT_EQ(ask("192.0.2.1", 0), "") << "another one";
        EXPECT_EQ(ask("2001:db8::1", 30), "") << "evenly, two a minute";
    }
}

TEST_F(Door, HasNoRatesUnlessTold) {
    const config::Limits common;
    for (int i = 0; i < 100000; ++i) {
        ASSERT_EQ(enter("192.0.2.1", common), "");
        admission.leave(ip("192.0.2.1"));
        ASSERT_EQ(told(admission.mail(ip("192.0.2.1"), common, kNow)), "");
        ASSERT_EQ(told(admission.recipient(ip("192.0.2.1"), common, kNow)), "");
    }
}

TEST_F(Door, DelaysSoManyAtOnceAndNobodyUnderPressure) {
    EXPECT_FALSE(admission.begin_delay(0));
    EXPECT_TRUE(admission.begin_delay(2));
    EXPECT_TRUE(admission.begin_delay(2));
    EXPECT_FALSE(admission.begin_delay(2));
    admission.end_delay();
    EXPECT_TRUE(admission.begin_delay(2));
    admission.end_delay();
    admission.end_delay();
    const auto one = limits(1, 1);
    EXPECT_EQ(admission.changed_pressure(one), std::nullopt);
    enter("192.0.2.1", one);
    EXPECT_EQ(admission.changed_pressure(one), true);
    EXPECT_EQ(admission.changed_pressure(one), std::nullopt) << "told once";
    EXPECT_FALSE(admission.begin_delay(2));
    admission.leave(ip("192.0.2.1"));
    EXPECT_EQ(admission.changed_pressure(one), false);
    EXPECT_TRUE(admission.begin_delay(2));
    admission.end_delay();
}

}  // namespace
}  // namespace gatepost::gateway
