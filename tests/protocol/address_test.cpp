#include "protocol/address.h"

#include <gtest/gtest.h>

namespace gatepost::protocol {
namespace {

std::string repeated(std::size_t count, char c) {
    return std::string(count, c);
}

TEST(Path, ReadsWhatRfc5321Allows) {
    const struct {
        std::string text, local_part, domain, canonical;
        const char* why;
    } rows[] = {
        {"<a@b.example>", "a", "b.example", "a@b.example", "plain"},
        {"<John.Doe@B.Example>", "John.Doe", "b.example", "John.Doe@b.example",
         "case of the local-part stays"},
        {"<\"a b\"@d>", "a b", "d", "\"a b\"@d", "quoted string"},
        {"<\"plain\"@d>", "plain", "d", "plain@d", "needless quotes go (RFC 5321 section 4.1.2)"},
        {"<\"a\\\"b\\\\\"@d>", "a\"b\\", "d", "\"a\\\"b\\\\\"@d", "quoted pairs"},
        {"<\"\\a\"@d>", "a", "d", "a@d", "needless backslash goes"},
        {"<\"a>b\"@d>", "a>b", "d", "\"a>b\"@d", "angle bracket in quotes"},
        {"<\"x@bank\"@attacker>", "x@bank", "attacker", "\"x@bank\"@attacker",
         "domain is behind the last unquoted @"},
        {"<@a,@b:u@d>", "u", "d", "u@d", "source route (appendix C)"},
        {"<@bank.example,@any:'a@attacker>", "'a", "attacker", "'a@attacker", "notes/attacks.md 62"},
        {"<u@[192.0.2.1]>", "u", "[192.0.2.1]", "u@[192.0.2.1]", "IPv4 literal"},
        {"<u@[IPv6:2001:DB8::1]>", "u", "[IPv6:2001:db8::1]", "u@[IPv6:2001:db8::1]", "IPv6 literal"},
        {"<u@[ipv6:::1]>", "u", "[IPv6:::1]", "u@[IPv6:::1]", "the tag has no case"},
        {"<!#$%&'*+-/=?^_`{|}~@d>", "!#$%&'*+-/=?^_`{|}~", "d", "!#$%&'*+-/=?^_`{|}~@d", "all of atext"},
        {"<" + repeated(64, 'a') + "@d>", repeated(64, 'a'), "d", repeated(64, 'a') + "@d", "64 octets"},
        {"<a@xn--bcher-kva.example>", "a", "xn--bcher-kva.example", "a@xn--bcher-kva.example", "A-label"},
    };
    for (const auto& row : rows) {
        const std::string input = row.text + " REST";
        const auto parsed = parse_reverse_path(input);
        ASSERT_TRUE(parsed) << row.text << ": " << parsed.problem();
        EXPECT_EQ(parsed->path.local_part, row.local_part) << row.why;
        EXPECT_EQ(parsed->path.domain_text(), row.domain) << row.why;
        EXPECT_EQ(parsed->path.text(), row.canonical) << row.why;
        EXPECT_FALSE(parsed->path.is_null || parsed->path.has_utf8) << row.why;
        EXPECT_EQ(parsed->rest, " REST") << row.why;
        EXPECT_TRUE(parse_forward_path(row.text)) << row.why;
    }
}

TEST(Path, RefusesAllElse) {
    const struct {
        std::string text;
        const char* why;
    } rows[] = {
        {"", "empty"},
        {"a@d", "no brackets"},
        {"<a@d", "not closed"},
        {"<<a@d>>", "two brackets"},
        {"< a@d>", "space"},
        {"<a@d >", "space"},
        {"<a>", "no domain"},
        {"<@d>", "no local-part"},
        {"<a@>", "empty domain"},
        {"<a@d@e>", "two @"},
        {"<a@bank'@x.attacker>", "notes/attacks.md 62"},
        {"<a,b@d>", "list"},
        {"<a@d,b@e>", "list"},
        {"<a@d;b@e>", "list"},
        {"<.a@d>", "leading dot"},
        {"<a.@d>", "trailing dot"},
        {"<a..b@d>", "two dots"},
        {"<a b@d>", "unquoted space"},
        {"<(any@legit>", "CVE-2019-20790 family: no comments in a path"},
        {"<any@legit(.attacker>", "a comment in a domain"},
        {"<a@d.>", "trailing dot of the domain"},
        {"<a@.d>", "empty label"},
        {"<a@d e>", "space in the domain"},
        {"<\"a@d>", "quotes not closed"},
        {"<\"a\"b@d>", "text behind the quotes"},
        {"<\"a\\>", "cut after a backslash"},
        {std::string("<a\0b@d>", 7), "NUL"},
        {std::string("<\"a\0b\"@d>", 9), "quoted NUL"},
        {std::string("<\"a\\\0b\"@d>", 10), "escaped NUL"},
        {std::string("<a@d\0.e>", 8), "NUL in the domain"},
        {"<\"a\rb\"@d>", "CR"},
        {"<\"a\nb\"@d>", "LF"},
        {"<\"a\\\rb\"@d>", "escaped CR"},
        {"<a\tb@d>", "tab"},
        {"<\"a\x7f\"@d>", "DEL"},
        {"<a\xc2\x85@d>", "C1 control"},
        {"<a\xe2\x80\xa8@d>", "U+2028, a line end to some"},
        {"<a\xe2\x80\xa9@d>", "U+2029, a line end to some"},
        {"<\xff@d>", "no UTF-8"},
        {"<a\xc3@d>", "UTF-8 cut short"},
        {"<@a,b:u@d>", "route without @"},
        {"<@a:@b:u@d>", "two routes"},
        {"<@a,@b u@d>", "route without colon"},
        {"<@:u@d>", "empty route"},
        {"<u@[192.0.2.256]>", "no address"},
        {"<u@[2001:db8::1]>", "IPv6 without its tag"},
        {"<u@[IPv6:192.0.2.1]>", "IPv4 behind the IPv6 tag"},
        {"<u@[x-tag:data]>", "unknown tag"},
        {"<u@[192.0.2.1>", "bracket not closed"},
        {"<u@[192.0.2.1].d>", "text behind the literal"},
        {"<" + repeated(65, 'a') + "@d>", "local-part of 65 octets"},
    };
    for (const auto& row : rows) {
        EXPECT_FALSE(parse_reverse_path(row.text)) << row.why;
        EXPECT_FALSE(parse_forward_path(row.text)) << row.why;
    }
}

TEST(Path, HasAtMost256Octets) {
    const std::string labels = repeated(63, 'a') + '.' + repeated(63, 'b') + '.' + repeated(63, 'c') + '.';
    const std::string domain = labels + repeated(50, 'd');  // 242 octets
    EXPECT_TRUE(parse_reverse_path("<" + repeated(11, 'u') + "@" + domain + ">"));
    EXPECT_FALSE(parse_reverse_path("<" + repeated(12, 'u') + "@" + domain + ">"));
}

TEST(Path, CountsALabelsNotULabels) {
    std::string name;
    for (int i = 0; i < 40; ++i) name += "\xc3\xbc.";  // each becomes xn--tda
    EXPECT_FALSE(parse_reverse_path("<u@" + name + "example>"));
}

TEST(Path, IsNullOnlyForSenders) {
    const auto null = parse_reverse_path("<>");
    ASSERT_TRUE(null);
    EXPECT_TRUE(null->path.is_null);
    EXPECT_EQ(null->path.text(), "");
    EXPECT_FALSE(parse_forward_path("<>"));
}

TEST(Path, LetsPostmasterGoWithoutDomainOnlyAsRecipient) {
    for (const char* text : {"<Postmaster>", "<POSTMASTER>", "<postmaster>", "<\"postmaster\">"}) {
        const auto parsed = parse_forward_path(text);
        ASSERT_TRUE(parsed) << text;
        EXPECT_TRUE(is_postmaster(parsed->path));
        EXPECT_FALSE(parsed->path.domain);
        EXPECT_FALSE(parse_reverse_path(text)) << text;
    }
    EXPECT_TRUE(is_postmaster(parse_forward_path("<PostMaster@d>")->path));
    EXPECT_FALSE(is_postmaster(parse_forward_path("<postmaster2@d>")->path));
}

TEST(Path, FlagsUtf8AndWritesALabels) {
    const auto local = parse_reverse_path("<m\xc3\xbcller@d>");
    ASSERT_TRUE(local);
    EXPECT_TRUE(local->path.has_utf8);
    EXPECT_EQ(local->path.text(), "m\xc3\xbcller@d");
    const auto domain = parse_reverse_path(
        "<a@b\xc3\xbc"
        "cher.example>");
    ASSERT_TRUE(domain);
    EXPECT_TRUE(domain->path.has_utf8);
    EXPECT_EQ(domain->path.text(), "a@xn--bcher-kva.example");
}

TEST(Path, ShowsRoutingInTheLocalPart) {
    const struct {
        const char* text;
        bool has_routing;
    } rows[] = {
        {"<user%remote@ours>", true},     {"<remote!user@ours>", true}, {"<\"user@remote\"@ours>", true},
        {"<\"remote:user\"@ours>", true}, {"<\"a%b\"@ours>", true},     {"<user+tag@ours>", false},
        {"<\"a b\"@ours>", false},        {"<o'neil@ours>", false},     {"<SRS0=x=y=z=u@ours>", false},
    };
    for (const auto& row : rows)
        EXPECT_EQ(has_routing(parse_forward_path(row.text)->path), row.has_routing) << row.text;
}

}  // namespace
}  // namespace gatepost::protocol
