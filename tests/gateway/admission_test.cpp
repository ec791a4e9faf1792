#include "gateway/admission.h"

#include <gtest/gtest.h>

namespace gatepost::gateway {
namespace {

using Verdict = Admission::Verdict;

protocol::IpAddress ip(const std::string& text) {
    return *protocol::IpAddress::parse(text);
}

config::Limits limits(std::size_t sessions, std::size_t of_client) {
    config::Limits limits;
    limits.sessions = sessions;
    limits.sessions_per_client = of_client;
    return limits;
}

TEST(Admission, LimitsTheSessionsOfOneClient) {
    Admission admission;
    const auto few = limits(100, 2);
    EXPECT_EQ(admission.enter(ip("192.0.2.1"), few), Verdict::welcome);
    EXPECT_EQ(admission.enter(ip("192.0.2.1"), few), Verdict::welcome);
    EXPECT_EQ(admission.enter(ip("192.0.2.1"), few), Verdict::too_many_of_client);
    EXPECT_EQ(admission.enter(ip("192.0.2.2"), few), Verdict::welcome);
    admission.leave(ip("192.0.2.1"));
    EXPECT_EQ(admission.enter(ip("192.0.2.1"), few), Verdict::welcome);
    EXPECT_EQ(admission.enter(ip("192.0.2.1"), few), Verdict::too_many_of_client);
}

TEST(Admission, LimitsAllSessions) {
    Admission admission;
    const auto few = limits(2, 10);
    EXPECT_EQ(admission.enter(ip("192.0.2.1"), few), Verdict::welcome);
    EXPECT_EQ(admission.enter(ip("192.0.2.2"), few), Verdict::welcome);
    EXPECT_EQ(admission.enter(ip("2001:db8::1"), few), Verdict::too_many);
    admission.leave(ip("192.0.2.2"));
    EXPECT_EQ(admission.enter(ip("2001:db8::1"), few), Verdict::welcome);
}

TEST(Admission, GivesNoPlaceToWhoWasRefused) {
    Admission admission;
    admission.enter(ip("192.0.2.1"), limits(1, 1));
    EXPECT_EQ(admission.enter(ip("192.0.2.1"), limits(5, 1)), Verdict::too_many_of_client);
    EXPECT_EQ(admission.enter(ip("192.0.2.2"), limits(1, 1)), Verdict::too_many);
    EXPECT_EQ(admission.sessions(), 1u);
    admission.leave(ip("192.0.2.1"));
    EXPECT_EQ(admission.sessions(), 0u);
    EXPECT_EQ(admission.enter(ip("192.0.2.1"), limits(1, 1)), Verdict::welcome);
}

}  // namespace
}  // namespace gatepost::gateway
