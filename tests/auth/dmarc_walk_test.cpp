#include "auth/dmarc_walk.h"

#include <gtest/gtest.h>

#include "dmarc_zone.h"

namespace gatepost::auth {
namespace {

using protocol::Domain;

Domain domain(std::string_view text) {
    return *Domain::parse(text);
}

std::string names(std::string_view start) {
    std::string text;
    for (const auto& name : names_of_walk(domain(start))) text += (text.empty() ? "" : " ") + name.text();
    return text;
}

TEST(TreeWalk, AsksAtMostEightNames) {
    EXPECT_EQ(names("com"), "com");
    EXPECT_EQ(names("a.example.com"), "a.example.com example.com com");
    EXPECT_EQ(names("a.b.c.d.e.f.g.h"),
              "a.b.c.d.e.f.g.h b.c.d.e.f.g.h c.d.e.f.g.h d.e.f.g.h e.f.g.h f.g.h g.h h")
        << "an eight-label name skips nothing";
    EXPECT_EQ(names("a.b.c.d.e.f.g.h.i"),
              "a.b.c.d.e.f.g.h.i c.d.e.f.g.h.i d.e.f.g.h.i e.f.g.h.i f.g.h.i g.h.i h.i i");
    EXPECT_EQ(names("a.b.c.d.e.f.g.h.i.j.mail.example.com"),
              "a.b.c.d.e.f.g.h.i.j.mail.example.com g.h.i.j.mail.example.com h.i.j.mail.example.com "
              "i.j.mail.example.com j.mail.example.com mail.example.com example.com com");
}

TEST(TreeWalk, AsksForAllItsNamesInOneRound) {
    DnsFacts facts;
    EXPECT_EQ(walk_tree(domain("a.b.example.com"), facts).end, Walk::End::pending);
    EXPECT_FALSE(facts.is_complete());
    const auto missing = facts.take_missing();
    ASSERT_EQ(missing.size(), 4u);
    for (const auto& question : missing) facts.learn(question, DnsAnswer{.status = DnsStatus::nx_domain});
    EXPECT_TRUE(walk_tree(domain("a.b.example.com"), facts).is_whole());
    EXPECT_TRUE(facts.is_complete());
}

struct Row {
    std::vector<std::pair<std::string, std::string>> zone;
    std::string start;
    std::string organizational;
    std::string policy;  // where the applicable record stands; empty: nowhere
    std::size_t names;
    std::string_view reason;
};

TEST(TreeWalk, FindsTheOrganizationalDomain) {
    const std::string r = "v=DMARC1; p=reject";
    const Row rows[] = {
        {{}, "a.example.com", "a.example.com", "", 3, "nothing found: the start name (R-19)"},
        {{{"example.com", r}}, "a.example.com", "example.com", "example.com", 3, "fewest labels (R-18)"},
        {{{"a.example.com", r}, {"example.com", r}},
         "a.example.com",
         "example.com",
         "a.example.com",
         3,
         "own record applies, fewest labels still"},
        {{{"b.example.com", r}, {"example.com", r}},
         "a.b.example.com",
         "example.com",
         "example.com",
         4,
         "a record between the two is not used (R-22)"},
        {{{"example.com", r + "; psd=n"}, {"com", r}},
         "a.example.com",
         "example.com",
         "example.com",
         2,
         "psd=n stops (R-12, R-16)"},
        {{{"bank.example", r + "; psd=y"}},
         "a.mega.bank.example",
         "mega.bank.example",
         "bank.example",
         3,
         "psd=y: one label below, although no record is there (R-17)"},
        {{{"bank.example", r + "; psd=y"}},
         "bank.example",
         "bank.example",
         "bank.example",
         1,
         "psd=y at the start name (R-20)"},
        {{{"mega.bank.example", r}, {"bank.example", r + "; psd=y"}},
         "a.mega.bank.example",
         "mega.bank.example",
         "mega.bank.example",
         3,
         "the organization's record hides the PSD's"},
        {{{"com", r + "; psd=y"}},
         "example.com",
         "example.com",
         "com",
         2,
         "psd=y at a top-level domain (R-14)"},
        {{{"com", r}}, "example.com", "com", "com", 2, "a top-level record without psd= (specs example 16)"},
        {{{"example.com", r + "; psd=maybe"}, {"com", r}},
         "example.com",
         "com",
         "example.com",
         2,
         "an invalid psd= stops nothing"},
        {{{"c.d.e.f.example.com", r + "; psd=y"}},
         "1.2.3.4.a.b.c.d.e.f.example.com",
         "b.c.d.e.f.example.com",
         "c.d.e.f.example.com",
         3,
         "one label below, in the part that the walk jumped over"},
    };
    for (const auto& row : rows) {
        Zone zone;
        for (const auto& [name, text] : row.zone) zone.dmarc(name, text);
        auto facts = zone.facts();
        const auto walk = walk_tree(domain(row.start), facts);
        EXPECT_TRUE(walk.is_whole()) << row.reason;
        EXPECT_EQ(organizational_domain(walk).text(), row.organizational) << row.reason;
        const auto* record = applicable_record(walk);
        EXPECT_EQ(record ? record->name.text() : "", row.policy) << row.reason;
        EXPECT_EQ(walk.names, row.names) << row.reason;
    }
}

TEST(TreeWalk, StopsAtAnErrorAndNotAtAnAbsence) {
    Zone zone;
    zone.dmarc("example.com", "v=DMARC1; p=none").failing(RecordType::txt, "_dmarc.b.example.com");
    auto facts = zone.facts();
    const auto walk = walk_tree(domain("a.b.example.com"), facts);
    EXPECT_EQ(walk.end, Walk::End::error);
    EXPECT_EQ(walk.names, 2u);
    EXPECT_TRUE(walk.found.empty()) << "a parent's weaker policy must not be seen (R-13)";
}

TEST(TreeWalk, GoesOnPastNamesWithSeveralRecords) {
    Zone zone;
    zone.dmarc("a.example.com", "v=DMARC1; p=none").dmarc("a.example.com", "v=DMARC1; p=none");
    zone.dmarc("example.com", "v=DMARC1; p=reject");
    auto facts = zone.facts();
    const auto walk = walk_tree(domain("a.example.com"), facts);
    EXPECT_EQ(walk.repeated, std::vector<Domain>{domain("a.example.com")});
    EXPECT_EQ(applicable_record(walk)->name, domain("example.com"));
}

TEST(TreeWalk, CanRefuseATopLevelOrganizationalDomain) {
    Zone zone;
    zone.dmarc("com", "v=DMARC1; p=none").dmarc("example.com", "v=DMARC1; p=reject");
    auto facts = zone.facts();
    const auto walk = walk_tree(domain("example.com"), facts);
    EXPECT_EQ(organizational_domain(walk, SingleLabelOd::refused), domain("example.com"));
    const auto other = walk_tree(domain("other.com"), facts);
    EXPECT_EQ(organizational_domain(other, SingleLabelOd::refused), domain("other.com"));
    EXPECT_EQ(applicable_record(other, SingleLabelOd::refused), nullptr);
    Zone said;
    said.dmarc("com", "v=DMARC1; p=none; psd=n");
    auto said_facts = said.facts();
    EXPECT_EQ(organizational_domain(walk_tree(domain("a.com"), said_facts), SingleLabelOd::refused),
              domain("com"));
}

TEST(TreeWalk, TreatsANameTooLongForDnsAsAbsent) {
    std::string name;
    for (int i = 0; i < 62; ++i) name += "abc.";
    name += "com";  // 251 octets: a domain, but with _dmarc. no question
    Zone zone;
    zone.dmarc("abc.com", "v=DMARC1; p=reject");
    auto facts = zone.facts();
    const auto walk = walk_tree(domain(name), facts);
    EXPECT_TRUE(walk.is_whole());
    EXPECT_FALSE(walk.start_exists);
    EXPECT_EQ(applicable_record(walk)->name, domain("abc.com"));
}

}  // namespace
}  // namespace gatepost::auth
