#include "auth/spf_foresight.h"

#include <gtest/gtest.h>

#include <set>

#include "tests/support/spf_zone.h"

namespace gatepost::auth {
namespace {

using tests::SpfZoneData;
using Questions = std::set<DnsQuestion>;

const DnsQuestion kRecordOfD{RecordType::txt, "d.example"};
const char kReverse4[] = "1.2.0.192.in-addr.arpa";

// What is asked next when `known` of the zone has been answered.
Questions foreseen(const SpfZoneData& zone, const char* ip, const Questions& known) {
    DnsFacts facts;
    for (const auto& question : known) facts.learn(question, zone.answer(question));
    const SpfClient client{*protocol::IpAddress::parse(ip), "helo.example", "mx.example.org", 0};
    SpfInquiry inquiry(client, {"alice", "d.example"}, facts);
    foresee(inquiry, "d.example");
    const auto missing = facts.take_missing();
    return {missing.begin(), missing.end()};
}

Questions addresses(const char* letters) {
    Questions all;
    for (; *letters; ++letters) all.insert({RecordType::a, std::string(1, *letters) + ".example"});
    return all;
}

TEST(Foresight, AsksForAllThatTheRecordMayNeedInOneRound) {
    const struct {
        const char *reason, *record, *client;
        Questions questions;
    } rows[] = {
        {"each mechanism that asks",
         "v=spf1 a mx include:i.example exists:e.example ptr -all",
         "192.0.2.1",
         {{RecordType::a, "d.example"},
          {RecordType::mx, "d.example"},
          {RecordType::txt, "i.example"},
          {RecordType::a, "e.example"},
          {RecordType::ptr, kReverse4}}},
        {"RFC 7208 sections 5.3 and 5.7: AAAA for IPv6 clients, but A for exists",
         "v=spf1 a exists:e.example -all",
         "2001:db8::1",
         {{RecordType::aaaa, "d.example"}, {RecordType::a, "e.example"}}},
        {"macros are expanded",
         "v=spf1 exists:%{l}.%{ir}.s.example -all",
         "192.0.2.1",
         {{RecordType::a, "alice.1.2.0.192.s.example"}}},
        {"nothing behind what is certain", "v=spf1 a:b.example ip4:192.0.2.0/24 a:c.example", "192.0.2.1",
         addresses("b")},
        {"but behind what is not", "v=spf1 a:b.example ip4:203.0.113.0/24 a:c.example", "192.0.2.1",
         addresses("bc")},
        {"RFC 7208 section 4.6.4: no more than ten",
         "v=spf1 a:a.example a:b.example a:c.example a:e.example a:f.example a:g.example a:h.example "
         "a:i.example a:j.example a:k.example a:l.example a:m.example -all",
         "192.0.2.1", addresses("abcefghijk")},
        {"redirect", "v=spf1 redirect=r.example", "192.0.2.1", {{RecordType::txt, "r.example"}}},
        {"RFC 7208 section 6.1: not beside all", "v=spf1 ?all redirect=r.example", "192.0.2.1", {}},
        {"nothing of a record with an error", "v=spf1 a:b.example bogus", "192.0.2.1", {}},
    };
    for (const auto& row : rows) {
        SpfZoneData zone;
        zone.txt("d.example", row.record);
        EXPECT_EQ(foreseen(zone, row.client, {kRecordOfD}), row.questions) << row.reason;
    }
}

TEST(Foresight, BeginsWithTheRecord) {
    EXPECT_EQ(foreseen({}, "192.0.2.1", {}), (Questions{kRecordOfD}));
    EXPECT_EQ(foreseen({}, "192.0.2.1", {kRecordOfD}), (Questions{}));
}

TEST(Foresight, GoesOnFromWhatIsKnown) {
    SpfZoneData zone;
    zone.txt("d.example", "v=spf1 include:i.example mx a:b.example redirect=r.example");
    zone.txt("i.example", "v=spf1 a:c.example -all");
    zone.txt("r.example", "v=spf1 exists:e.example -all");
    zone.mx("d.example", "m1.example");
    zone.mx("d.example", "m2.example");
    const DnsQuestion included{RecordType::txt, "i.example"}, redirected{RecordType::txt, "r.example"},
        exchanges{RecordType::mx, "d.example"};
    const Questions hosts{{RecordType::a, "m1.example"}, {RecordType::a, "m2.example"}};
    Questions first = addresses("b");
    first.insert({included, redirected, exchanges});
    EXPECT_EQ(foreseen(zone, "192.0.2.1", {kRecordOfD}), first);
    Questions second = addresses("bce");
    second.insert(hosts.begin(), hosts.end());
    EXPECT_EQ(foreseen(zone, "192.0.2.1", {kRecordOfD, included, redirected, exchanges}), second);
}

// RFC 7208 section 4.6.4: it will be a permerror, so nobody is asked for their sake; and a record that
// includes itself comes to an end.
TEST(Foresight, HasAnEnd) {
    SpfZoneData zone;
    zone.txt("d.example", "v=spf1 mx -all");
    for (int i = 0; i < 11; ++i) zone.mx("d.example", "m" + std::to_string(i) + ".example");
    EXPECT_EQ(foreseen(zone, "192.0.2.1", {kRecordOfD, {RecordType::mx, "d.example"}}), (Questions{}));
    SpfZoneData around;
    around.txt("d.example", "v=spf1 include:d.example a:b.example redirect=d.example");
    EXPECT_EQ(foreseen(around, "192.0.2.1", {kRecordOfD}), (Questions{}));
}

}  // namespace
}  // namespace gatepost::auth
