#include "auth/iprev.h"

#include <gtest/gtest.h>

#include "tests/support/spf_zone.h"

namespace gatepost::auth {
namespace {

using Names = std::vector<std::string>;

IprevOutcome iprev(const tests::SpfZoneData& zone, const char* ip) {
    DnsFacts facts;
    return tests::settle_in(
        zone, facts, [&](DnsFacts& known) { return check_iprev(*protocol::IpAddress::parse(ip), known); });
}

TEST(Iprev, ConfirmsTheNamesThatLeadBack) {
    tests::SpfZoneData zone;
    for (const char* name : {"forged.example", "mail.example", "mail.example", "smtp.example"})
        zone.ptr("192.0.2.1", name);
    zone.ptr("2001:db8::1", "six.example");
    zone.address("forged.example", "198.51.100.1");
    zone.address("mail.example", "198.51.100.1");
    zone.address("mail.example", "192.0.2.1");
    zone.address("smtp.example", "192.0.2.1");
    zone.address("six.example", "2001:db8::1");
    const auto outcome = iprev(zone, "192.0.2.1");
    EXPECT_EQ(outcome.result, IprevResult::pass);
    EXPECT_EQ(outcome.names, (Names{"mail.example", "smtp.example"}));
    EXPECT_EQ(outcome.claimed, "forged.example");
    EXPECT_EQ(iprev(zone, "2001:db8::1").names, Names{"six.example"});
    EXPECT_EQ(iprev(zone, "::ffff:192.0.2.1").result, IprevResult::pass);
}

struct Row {
    const char* ip;
    IprevResult result;
    const char* reason;
};

TEST(Iprev, TellsFailFromErrors) {
    tests::SpfZoneData zone;
    zone.ptr("192.0.2.2", "other.example");
    zone.address("other.example", "198.51.100.1");
    zone.ptr("192.0.2.3", "gone.example");
    zone.ptr("192.0.2.4", "broken.example");
    zone.fail("broken.example");
    zone.node("6.2.0.192.in-addr.arpa");
    zone.fail("7.2.0.192.in-addr.arpa");
    zone.ptr("192.0.2.8", "broken.example");
    zone.ptr("192.0.2.8", "good.example");
    zone.address("good.example", "192.0.2.8");
    const Row rows[] = {
        {"192.0.2.2", IprevResult::fail, "the name leads elsewhere"},
        {"192.0.2.3", IprevResult::fail, "the name leads nowhere"},
        {"192.0.2.4", IprevResult::temperror, "where the name leads cannot be found out"},
        {"192.0.2.5", IprevResult::permerror, "NXDOMAIN"},
        {"192.0.2.6", IprevResult::permerror, "no PTR record"},
        {"192.0.2.7", IprevResult::temperror, "whether there is a name cannot be found out"},
        {"192.0.2.8", IprevResult::pass, "one good name is enough"},
    };
    for (const auto& row : rows)
        EXPECT_EQ(iprev(zone, row.ip).result, row.result) << row.ip << ": " << row.reason;
}

TEST(Iprev, LooksAtTenNamesOnly) {
    tests::SpfZoneData zone;
    for (int i = 0; i < 10; ++i) zone.ptr("192.0.2.1", "x" + std::to_string(i) + ".example");
    zone.ptr("192.0.2.1", "mail.example");
    zone.address("mail.example", "192.0.2.1");
    EXPECT_EQ(iprev(zone, "192.0.2.1").result, IprevResult::fail);
}

}  // namespace
}  // namespace gatepost::auth
