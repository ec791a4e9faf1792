#include <gtest/gtest.h>

#include "auth/spf_canon.h"
#include "auth/spf_record.h"

namespace gatepost::auth {
namespace {

struct SyntaxRow {
    const char* terms;
    bool is_good;
    const char* reason;
};

TEST(SpfRecord, ReadsStrictly) {
    const SyntaxRow rows[] = {
        {"", true, "no terms"},
        {"   -all  ", true, "spaces between and behind"},
        {"a  mx", true, "more than one space"},
        {"ip4:192.0.2.1 bogus=x -all", true, "unknown modifier"},
        {"ip4:192.0.2.1 bogus -all", false, "unknown mechanism"},
        {"-all ip4:999.1.1.1", false, "an error after all"},
        {"-all.", false, "not all"},
        {"all:x.com", false, "all takes nothing"},
        {"all/8", false, "no prefix either"},
        {"--all", false, "two qualifiers"},
        {"- all", false, "a qualifier alone"},
        {"ALL", true, "no case"},
        {"-redirect=x.com", false, "a modifier has no qualifier"},
        {"redirect:x.com", false, "redirect is no mechanism"},
        {"redirect=", false, "nothing there"},
        {"redirect=x.com redirect=y.com", false, "twice"},
        {"exp=x.com EXP=y.com", false, "twice, no case"},
        {"exp=", false, "nothing there"},
        {"exp=-all", false, "no domain"},
        {"foo=", true, "an unknown modifier may be empty"},
        {"foo=%abc", false, "but not malformed"},
        {"=all", false, "a modifier without a name"},
        {"moo.cow-far_out=man:dog/cat", true, "any name of that alphabet"},
        {"moo.cow/far_out=man:dog/cat", false, "= must come before : and /"},
        {"1x=y", false, "a name begins with a letter"},
        {"include", false, "needs a domain"},
        {"include:", false, "an empty one will not do"},
        {"include:x.com/24", false, "takes no prefix"},
        {"exists:%{ir}.x.com", true, "macros"},
        {"exists", false, "needs a domain"},
        {"ptr", true, "domain optional"},
        {"ptr:", false, "not empty"},
        {"ptr/0", false, "no prefix"},
        {"a:x.com/24//64", true, "dual"},
        {"a/24", true, "without domain"},
        {"a//64", true, "IPv6 only"},
        {"a/24/64", false, "one slash too few"},
        {"a/33", false, "too long"},
        {"a//129", false, "too long"},
        {"a//33", true, "that is IPv6"},
        {"a/024", false, "leading zero"},
        {"a/0//0", true, "zero itself"},
        {"a/", false, "no digits"},
        {"a:", false, "no domain"},
        {"a:/24", false, "no domain"},
        {"a:%{d}/24", true, "after a macro"},
        {"a:b/c.example.com", true, "a slash inside"},
        {"a:111.222.33.44", false, "an address is no domain"},
        {"a:museum", false, "one label"},
        {"mx:x.com//64", true, "as a"},
        {"ip4:192.0.2.0/24", true, "network"},
        {"ip4:192.0.2.1/0", true, "zero"},
        {"ip4:192.0.2.1/33", false, "too long"},
        {"ip4:192.0.2.1/08", false, "leading zero"},
        {"ip4:192.0.2.1/", false, "no digits"},
        {"ip4:192.0.2", false, "three octets"},
        {"ip4:192.0.2.01", false, "leading zero"},
        {"ip4:192.0.2.1:25", false, "no port"},
        {"ip4", false, "no address"},
        {"ip4:", false, "no address"},
        {"ip4:::1", false, "wrong family"},
        {"ip6:2001:db8::/32", true, "network"},
        {"ip6:::ffff:192.0.2.1", true, "mapped"},
        {"ip6::CAFE::BABE", false, "two gaps"},
        {"ip6:2001:db8::/129", false, "too long"},
        {"ip6:192.0.2.1", false, "wrong family"},
        {"a\tmx", false, "only SP separates"},
        {"a:x.com\rptr", false, "control character"},
        {"a:\xef\xbb\xbfx.com", false, "not ASCII"},
    };
    for (const auto& row : rows) {
        const auto record = SpfRecord::parse(std::string("v=spf1 ") + row.terms);
        EXPECT_EQ(static_cast<bool>(record), row.is_good) << row.terms << ": " << row.reason;
    }
}

TEST(SpfRecord, KeepsWhatATermSays) {
    const auto record =
        SpfRecord::parse("v=spf1 ~MX:%{d2}/24//64 ?ip6:2001:db8::/32 redirect=x.com exp=y.com -all");
    ASSERT_TRUE(record);
    ASSERT_EQ(record->terms().size(), 3u);
    const auto& mx = record->terms()[0];
    EXPECT_EQ(mx.mechanism, SpfMechanism::mx);
    EXPECT_EQ(mx.qualifier, SpfResult::softfail);
    EXPECT_EQ(mx.domain->text(), "%{d2}");
    EXPECT_EQ(mx.prefix4, 24);
    EXPECT_EQ(mx.prefix6, 64);
    EXPECT_EQ(mx.written, "MX:%{d2}/24//64");
    EXPECT_EQ(record->terms()[1].qualifier, SpfResult::neutral);
    EXPECT_EQ(record->redirect()->text(), "x.com");
    EXPECT_EQ(record->explanation()->text(), "y.com");
    EXPECT_TRUE(record->has_all());
}

TEST(SpfRecord, ChecksButDoesNotKeepWhatNobodyCanComeTo) {
    const auto terms = [](const std::string& text) {
        return SpfRecord::parse("v=spf1 " + text)->terms().size();
    };
    EXPECT_EQ(terms("mx -all a ip4:10.0.0.1"), 2u);
    std::string many;
    for (int i = 0; i < 30; ++i) many += "a ";
    EXPECT_EQ(terms(many + "ip4:10.0.0.1"), 11u) << "the eleventh is the permerror";
    EXPECT_TRUE(SpfRecord::parse("v=spf1 " + many + "-all redirect=x.com")->has_all());
    EXPECT_FALSE(SpfRecord::parse("v=spf1 " + many + "bogus"));
}

TEST(SpfRecord, RefusesOneThatIsTooLong) {
    std::string text = "v=spf1";
    while (text.size() + 3 <= SpfRecord::kMaxOctets) text += " mx";
    EXPECT_TRUE(SpfRecord::parse(text));
    EXPECT_FALSE(SpfRecord::parse(text + " mx"));
}

TEST(SpfRecord, IsSelectedByItsVersion) {
    const std::vector<std::string> texts = {
        "v=spf1", "v=spf10 -all", "V=sPf1 mx", "v=spf1mx", " v=spf1 mx", "x", "", "v=spf1\tmx"};
    EXPECT_EQ(select_spf_records(texts), (std::vector<std::string_view>{"v=spf1", "V=sPf1 mx"}));
}

struct NetworkRow {
    const char* term;
    const char* client;
    bool holds;
    const char* reason;
};

TEST(SpfTerm, HoldsTheClientsOfItsNetwork) {
    const NetworkRow rows[] = {
        {"ip4:192.0.2.0/25", "192.0.2.127", true, "inside"},
        {"ip4:192.0.2.0/25", "192.0.2.128", false, "outside"},
        {"ip4:10.0.0.1/0", "192.0.2.1", true, "all of them"},
        {"ip4:0.0.0.0/0", "2001:db8::1", false, "of IPv4"},
        {"ip4:192.0.2.1", "::ffff:192.0.2.1", true, "a mapped client is an IPv4 client (RFC 7208 section 5)"},
        {"ip6:::ffff:192.0.2.1", "192.0.2.1", false, "a mapped network is not an IPv4 network"},
        {"ip6:2001:db8::/33", "2001:db8:7fff::1", true, "inside"},
        {"ip6:2001:db8::/33", "2001:db8:8000::1", false, "outside"},
        {"ip6:::/0", "2001:db8::1", true, "all of them"},
    };
    for (const auto& row : rows) {
        const auto record = SpfRecord::parse(std::string("v=spf1 ") + row.term);
        ASSERT_TRUE(record) << row.term;
        EXPECT_EQ(record->terms()[0].holds(*protocol::IpAddress::parse(row.client)), row.holds)
            << row.term << " " << row.client << ": " << row.reason;
    }
}

struct CanonRow {
    const char* terms;
    const char* canonical;
    const char* reason;
};

TEST(SpfCanon, WritesOnlyWhatTheEngineMaySee) {
    const CanonRow rows[] = {
        {"", "v=spf1", "nothing"},
        {"a:x.com mx/24 -all", "v=spf1 +a:n7.x +mx:n8.x -exists:n9.x",
         "aliases in place of names and prefixes"},
        {"ip4:10.0.0.1 ~ip4:192.0.2.1 -all", "v=spf1 ~exists:n7.x",
         "what does not match goes, what does is the end"},
        {"?ptr:x.com exists:%{i}.x.com", "v=spf1 ?exists:n7.x +exists:n8.x",
         "ptr becomes a name that exists or not"},
        {"redirect=x.com include:y.com", "v=spf1 +include:n7.x redirect=n8.x", "redirect last"},
        {"redirect=x.com a ?all", "v=spf1 +a:n7.x ?exists:n8.x", "no redirect where all is"},
        {"redirect=x.com ip4:192.0.2.1", "v=spf1 +exists:n7.x", "nor behind a certain match"},
        {"foo=bar exp=x.com mx", "v=spf1 +mx:n7.x", "modifiers are ours"},
    };
    const auto client = *protocol::IpAddress::parse("192.0.2.1");
    for (const auto& row : rows) {
        const auto record = SpfRecord::parse(std::string("v=spf1 ") + row.terms);
        ASSERT_TRUE(record) << row.terms;
        EXPECT_EQ(canonical(*record, client, 7).text, row.canonical) << row.terms << ": " << row.reason;
    }
}

TEST(SpfCanon, StopsAtTheTermThatIsTooMany) {
    std::string text = "v=spf1";
    for (int i = 0; i < 500; ++i) text += " include:x.com";
    const auto record = SpfRecord::parse(text);
    ASSERT_TRUE(record);
    const auto canon = canonical(*record, *protocol::IpAddress::parse("192.0.2.1"), 100);
    EXPECT_EQ(canon.terms.size(), 11u);
    EXPECT_LT(canon.text.size(), 400u);
}

}  // namespace
}  // namespace gatepost::auth
