#include "auth/spf_walk.h"

#include <gtest/gtest.h>

#include "tests/support/spf_zone.h"

namespace gatepost::auth {
namespace {

using tests::settle_in;
using tests::SpfZoneData;

struct Walked {
    SpfOutcome outcome;
    std::string deciding_domain;
};

std::string repeated(const std::string& text, int times) {
    std::string all;
    for (int i = 0; i < times; ++i) all += text;
    return all;
}

Walked walked(const SpfZoneData& zone, const std::string& record, const char* ip = "192.0.2.1") {
    const SpfClient client{*protocol::IpAddress::parse(ip), "helo.example", "mx.example.org", 0};
    DnsFacts facts;
    return settle_in(zone, facts, [&](DnsFacts& known) {
        SpfInquiry inquiry(client, {"alice", "d.example"}, known);
        SpfWalk walk(inquiry, "d.example", std::move(*SpfRecord::parse(record)));
        auto outcome = walk.run(spf_engine_of_this_thread());
        return Walked{std::move(outcome), walk.deciding_domain()};
    });
}

SpfZoneData zone() {
    SpfZoneData zone;
    zone.address("d.example", "192.0.2.1");
    zone.address("near.example", "192.0.2.99");
    zone.address("far.example", "198.51.100.1");
    zone.mx("mail.example", "near.example");
    zone.mx("mail.example", "d.example");
    for (int i = 0; i < 10; ++i) zone.mx("ten.example", "far.example");
    for (int i = 0; i < 11; ++i) zone.mx("eleven.example", "d.example");
    zone.txt("pass.example", "v=spf1 +all");
    zone.txt("fail.example", "v=spf1 -all");
    zone.txt("soft.example", "v=spf1 ~all");
    zone.txt("bad.example", "v=spf1 bogus");
    zone.txt("on.example", "v=spf1 redirect=fail.example");
    zone.txt("nine.example", "v=spf1" + repeated(" a:far.example", 9));
    zone.txt("void.example", "v=spf1 a:gone1.example a:gone2.example");
    zone.fail("broken.example");
    return zone;
}

// RFC 7208 sections 4.6 to 6.1.
TEST(SpfWalk, ComesToTheStandardsResults) {
    const struct {
        const char* reason;
        std::string record;
        SpfResult result;
        const char *mechanism, *deciding_domain;
    } rows[] = {
        {"4.7: the end", "v=spf1", SpfResult::neutral, "default", "d.example"},
        {"5.1", "v=spf1 ~all", SpfResult::softfail, "all", "d.example"},
        {"5.3: its own address", "v=spf1 -a", SpfResult::fail, "a", "d.example"},
        {"5.3: a network", "v=spf1 a:near.example/24 -all", SpfResult::pass, "a:near.example/24",
         "d.example"},
        {"5.3: another network", "v=spf1 a:far.example/24 -all", SpfResult::fail, "all", "d.example"},
        {"5.4: any of the exchangers", "v=spf1 ?mx:mail.example -all", SpfResult::neutral, "mx:mail.example",
         "d.example"},
        {"5.6: certain", "v=spf1 a:far.example ip4:192.0.2.0/28 -all", SpfResult::pass, "ip4:192.0.2.0/28",
         "d.example"},
        {"5.7: any address", "v=spf1 exists:far.example -all", SpfResult::pass, "exists:far.example",
         "d.example"},
        {"5.2: pass is a match", "v=spf1 -include:pass.example +all", SpfResult::fail, "include:pass.example",
         "d.example"},
        {"5.2: fail is none", "v=spf1 include:fail.example ~all", SpfResult::softfail, "all", "d.example"},
        {"5.2: nor softfail", "v=spf1 include:soft.example ?all", SpfResult::neutral, "all", "d.example"},
        {"6.1: its result and its explanation", "v=spf1 redirect=fail.example", SpfResult::fail, "all",
         "fail.example"},
        {"6.1: on and on", "v=spf1 redirect=on.example", SpfResult::fail, "all", "fail.example"},
        {"6.2: not that of an include", "v=spf1 include:on.example -all", SpfResult::fail, "all",
         "d.example"},
    };
    for (const auto& row : rows) {
        const auto [outcome, domain] = walked(zone(), row.record);
        EXPECT_EQ(name(outcome.result), name(row.result)) << row.reason << ": " << outcome.why;
        EXPECT_EQ(outcome.mechanism, row.mechanism) << row.reason;
        EXPECT_EQ(domain, row.deciding_domain) << row.reason;
    }
}

// RFC 7208 section 4.6.4: the limits count over the whole check, and at them the record is in error.
TEST(SpfWalk, KeepsTheLimits) {
    const struct {
        const char* reason;
        std::string record;
        SpfResult result;
    } rows[] = {
        {"ten terms", "v=spf1" + repeated(" a:far.example", 10) + " -all", SpfResult::fail},
        {"eleven", "v=spf1" + repeated(" a:far.example", 11) + " -all", SpfResult::permerror},
        {"nine in an include, which is one too", "v=spf1 include:nine.example -all", SpfResult::fail},
        {"and another", "v=spf1 include:nine.example a:far.example -all", SpfResult::permerror},
        {"a match comes before the eleventh", "v=spf1 a" + repeated(" a:far.example", 11), SpfResult::pass},
        {"networks are none", "v=spf1" + repeated(" ip4:203.0.113.1", 20) + " -all", SpfResult::fail},
        {"ten exchangers", "v=spf1 mx:ten.example -all", SpfResult::fail},
        {"eleven", "v=spf1 mx:eleven.example -all", SpfResult::permerror},
        {"two void look-ups", "v=spf1 a:gone1.example exists:gone2.example -all", SpfResult::fail},
        {"three", "v=spf1 a:gone1.example exists:gone2.example mx:gone3.example -all", SpfResult::permerror},
        {"two of them in an include", "v=spf1 include:void.example a:gone3.example -all",
         SpfResult::permerror},
        {"a record that includes itself", "v=spf1 redirect=loop.example", SpfResult::permerror},
    };
    SpfZoneData zones = zone();
    zones.txt("loop.example", "v=spf1 include:loop.example -all");
    for (const auto& row : rows)
        EXPECT_EQ(name(walked(zones, row.record).outcome.result), name(row.result)) << row.reason;
}

// RFC 7208 sections 5, 5.2 and 6.1: what cannot be found out, and what should have been there.
TEST(SpfWalk, SaysWhatWentWrong) {
    const struct {
        const char* record;
        SpfResult result;
    } rows[] = {
        {"v=spf1 a:broken.example +all", SpfResult::temperror},
        {"v=spf1 mx:broken.example +all", SpfResult::temperror},
        {"v=spf1 exists:broken.example +all", SpfResult::temperror},
        {"v=spf1 include:broken.example +all", SpfResult::temperror},
        {"v=spf1 redirect=broken.example", SpfResult::temperror},
        {"v=spf1 include:far.example +all", SpfResult::permerror},
        {"v=spf1 include:gone.example +all", SpfResult::permerror},
        {"v=spf1 include:bad.example +all", SpfResult::permerror},
        {"v=spf1 redirect=far.example", SpfResult::permerror},
        {"v=spf1 redirect=bad.example", SpfResult::permerror},
    };
    for (const auto& [record, result] : rows) {
        const auto outcome = walked(zone(), record).outcome;
        EXPECT_EQ(name(outcome.result), name(result)) << record;
        EXPECT_NE(outcome.why, "") << record;
        EXPECT_EQ(outcome.mechanism, "") << record;
    }
}

// What a match comes before is not asked.
TEST(SpfWalk, StopsAtTheFirstMatch) {
    EXPECT_EQ(walked(zone(), "v=spf1 a a:broken.example include:bad.example").outcome.result,
              SpfResult::pass);
}

}  // namespace
}  // namespace gatepost::auth
