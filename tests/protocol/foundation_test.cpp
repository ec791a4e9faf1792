// ascii, domain, ip_address and header: what the floors above take for granted.
#include <gtest/gtest.h>

#include "protocol/ascii.h"
#include "protocol/domain.h"
#include "protocol/header.h"
#include "protocol/ip_address.h"

namespace gatepost::protocol {
namespace {

TEST(Ascii, KnowsWellFormedUtf8) {
    const struct {
        std::string text;
        bool is_well_formed;
        const char* why;
    } rows[] = {
        {"plain", true, "ASCII"},
        {"\xc3\xbc", true, "two octets"},
        {"\xe2\x82\xac", true, "three octets"},
        {"\xf0\x9f\x93\xa7", true, "four octets"},
        {"\xf4\x8f\xbf\xbf", true, "U+10FFFF"},
        {"\xc3", false, "cut short"},
        {"\xbc", false, "continuation without a lead"},
        {"\xc0\xaf", false, "overlong slash"},
        {"\xe0\x80\xaf", false, "overlong in three"},
        {"\xf0\x80\x80\xaf", false, "overlong in four"},
        {"\xed\xa0\x80", false, "surrogate"},
        {"\xf4\x90\x80\x80", false, "above U+10FFFF"},
        {"\xff", false, "no UTF-8 octet"},
    };
    for (const auto& row : rows) EXPECT_EQ(is_utf8(row.text), row.is_well_formed) << row.why;
}

TEST(Ascii, EscapesWhatCouldEndALineOrReachATerminal) {
    EXPECT_EQ(escaped("a\r\nb\x1b[2J\\\x7f\xc2\x85"), "a\\x0d\\x0ab\\x1b[2J\\x5c\\x7f\\xc2\\x85");
    EXPECT_EQ(escaped("abcdef", 3), "abc...");
}

TEST(Ascii, HasNoCaseBeyondAscii) {
    EXPECT_TRUE(equals_ignoring_case("MaIl", "mAiL"));
    EXPECT_FALSE(equals_ignoring_case("\xc3\x9c", "\xc3\xbc"));
    EXPECT_FALSE(equals_ignoring_case("[", "{"));
    EXPECT_TRUE(starts_with_ignoring_case("from:<a>", "FROM:"));
    EXPECT_FALSE(starts_with_ignoring_case("FRO", "FROM:"));
    EXPECT_EQ(trimmed(" \t a b\t"), "a b");
    EXPECT_EQ(trimmed(" \t"), "");
}

TEST(Domain, IsOneSpellingOrNone) {
    const struct {
        std::string text, want;  // "": no domain
        const char* why;
    } rows[] = {
        {"Example.ORG", "example.org", "case"},
        {"example.org.", "example.org", "one final dot"},
        {"example.org..", "", "two final dots"},
        {"_dmarc.example.org", "_dmarc.example.org", "underscore"},
        {"b\xc3\xbc"
         "cher.example",
         "xn--bcher-kva.example", "U-label"},
        {"", "", "empty"},
        {".", "", "only a dot"},
        {".example", "", "empty first label"},
        {"a..b", "", "empty label"},
        {"exa mple", "", "space"},
        {"example.org(.attacker", "", "CVE-2020-12272: a comment in a name"},
        {std::string("a\0b", 3), "", "NUL"},
        {"\xff.example", "", "no UTF-8"},
        {"bank\xe2\x80\x8b.example", "", "zero width space (notes/attacks.md 51)"},
        {"bank\xe3\x80\x82"
         "example",
         "", "ideographic full stop"},
        {"\xef\xbd\x82\xef\xbd\x81nk.example", "", "full-width letters are not mapped"},
        {std::string(63, 'a') + ".b", std::string(63, 'a') + ".b", "63 octets in a label"},
        {std::string(64, 'a') + ".b", "", "64 octets in a label"},
    };
    for (const auto& row : rows) {
        const auto domain = Domain::parse(row.text);
        EXPECT_EQ(domain ? domain->text() : "", row.want) << row.why;
    }
}

TEST(Domain, HasAtMost253Octets) {
    std::string name;
    while (name.size() < 252) name += "a.";
    EXPECT_TRUE(Domain::parse(name + "b"));
    EXPECT_FALSE(Domain::parse(name + "bc"));
}

TEST(Domain, ComparesLabelByLabel) {
    const auto bank = *Domain::parse("bank.example");
    EXPECT_TRUE(Domain::parse("www.bank.example")->is_or_is_below(bank));
    EXPECT_TRUE(bank.is_or_is_below(bank));
    EXPECT_FALSE(Domain::parse("evilbank.example")->is_or_is_below(bank));
    EXPECT_FALSE(Domain::parse("example")->is_or_is_below(bank));
    EXPECT_EQ(Domain::parse("a.b.c")->labels(), 3u);
    EXPECT_EQ(Domain::parse("a.b.c")->last_labels(2).text(), "b.c");
    EXPECT_EQ(Domain::parse("a.b.c")->last_labels(3).text(), "a.b.c");
    EXPECT_EQ(Domain::parse("a.b.c")->last_labels(9).text(), "a.b.c");
}

TEST(IpAddress, ReadsBothFamilies) {
    const struct {
        const char *text, *want;
    } rows[] = {
        {"192.0.2.1", "192.0.2.1"},
        {"2001:DB8::1", "2001:db8::1"},
        {"::ffff:192.0.2.1", "192.0.2.1"},
        {"::1", "::1"},
        {"192.0.2", ""},
        {"192.0.2.256", ""},
        {"192.0.2.1 ", ""},
        {"", ""},
        {"[192.0.2.1]", ""},
        {"fe80::1%eth0", ""},
    };
    for (const auto& row : rows) {
        const auto ip = IpAddress::parse(row.text);
        EXPECT_EQ(ip ? ip->text() : "", row.want) << row.text;
    }
    EXPECT_FALSE(IpAddress::parse(std::string_view("192.0.2.1\0x", 11)));
}

TEST(IpAddress, HasAReverseName) {
    EXPECT_EQ(IpAddress::parse("192.0.2.1")->reverse_name(), "1.2.0.192.in-addr.arpa");
    EXPECT_EQ(IpAddress::parse("2001:db8::567:89ab")->reverse_name(),  // RFC 3596 section 2.5, shortened
              "b.a.9.8.7.6.5.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa");
}

TEST(IpAddress, HasANetwork) {
    const struct {
        const char* address;
        unsigned prefix;
        const char* network;
    } rows[] = {
        {"192.0.2.255", 24, "192.0.2.0"},
        {"192.0.2.255", 32, "192.0.2.255"},
        {"192.0.2.255", 31, "192.0.2.254"},
        {"192.0.2.255", 0, "0.0.0.0"},
        {"192.0.2.255", 128, "192.0.2.255"},
        {"2001:db8:1:2ff:3:4:5:6", 56, "2001:db8:1:200::"},
        {"2001:db8:1:2ff:3:4:5:6", 64, "2001:db8:1:2ff::"},
        {"2001:db8:1:2ff:3:4:5:6", 0, "::"},
    };
    for (const auto& row : rows) {
        EXPECT_EQ(IpAddress::parse(row.address)->network(row.prefix), *IpAddress::parse(row.network))
            << row.address << "/" << row.prefix;
    }
}

TEST(IpNetwork, ContainsByPrefixAndFamily) {
    const struct {
        const char *network, *address;
        bool contains;
    } rows[] = {
        {"10.0.0.0/8", "10.255.0.1", true},
        {"10.0.0.0/8", "11.0.0.1", false},
        {"192.0.2.1", "192.0.2.1", true},
        {"192.0.2.1", "192.0.2.2", false},
        {"0.0.0.0/0", "203.0.113.9", true},
        {"0.0.0.0/0", "2001:db8::1", false},
        {"2001:db8::/33", "2001:db8:7fff::1", true},
        {"2001:db8::/33", "2001:db8:8000::1", false},
    };
    for (const auto& row : rows) {
        EXPECT_EQ(IpNetwork::parse(row.network)->contains(*IpAddress::parse(row.address)), row.contains)
            << row.network << ' ' << row.address;
    }
    for (const char* bad :
         {"10.0.0.0/33", "10.0.0.0/", "10.0.0.0/-1", "10.0.0.0/8x", "/8", "2001:db8::/129"}) {
        EXPECT_FALSE(IpNetwork::parse(bad)) << bad;
    }
}

TEST(Header, KeepsFieldsAsTheyStand) {
    const auto header = Header::parse("From: a@x\r\nSubject : folded\r\n\tonce\r\nfrom:b@y");
    ASSERT_TRUE(header) << header.problem();
    ASSERT_EQ(header->size(), 3u);
    EXPECT_EQ((*header)[0].name, "From");
    EXPECT_EQ((*header)[0].body, " a@x");
    EXPECT_EQ((*header)[1].name, "Subject");
    EXPECT_EQ((*header)[1].raw, "Subject : folded\r\n\tonce\r\n");
    EXPECT_EQ(unfolded((*header)[1].body), " folded\tonce");
    EXPECT_EQ(header->find("FROM"), (std::vector<std::size_t>{0, 2}));
}

TEST(Header, RefusesWhatIsNoHeader) {
    const struct {
        const char *block, *why;
    } rows[] = {
        {" continued: from nothing\r\n", "first line is a continuation"},
        {"From a@x Mon Nov 23\r\n", "mbox line: no colon"},
        {"garbage\r\nFrom: a@x\r\n", "no colon"},
        {": empty name\r\n", "no name"},
        {"Fr om: a@x\r\n", "space in the name"},
        {"From: a@x\r\n\r\nTo: b@y\r\n", "an empty line ends a header"},
        {"Fr\xc3\xb6m: a@x\r\n", "8-bit name"},
    };
    for (const auto& row : rows) EXPECT_FALSE(Header::parse(row.block)) << row.why;
}

TEST(Header, IsBounded) {
    EXPECT_FALSE(Header::parse("A: b\r\nC: d\r\n", {11, 1000, 1000}));
    EXPECT_FALSE(Header::parse("A: b\r\nC: d\r\n", {1000, 1, 1000}));
    EXPECT_FALSE(Header::parse("A: b\r\n c\r\n", {1000, 1000, 9}));
    EXPECT_TRUE(Header::parse("A: b\r\n c\r\n", {10, 1, 10}));
}

}  // namespace
}  // namespace gatepost::protocol
