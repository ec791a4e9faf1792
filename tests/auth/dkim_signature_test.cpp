#include "auth/dkim_signature.h"

#include <gtest/gtest.h>

#include <limits>
#include <string>
#include <vector>

namespace gatepost::auth {
namespace {

using protocol::Header;

const std::string kHash = "2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=";
const std::string kTags = "v=1; a=rsa-sha256; d=example.com; s=sel; h=From:To; bh=" + kHash + "; b=AAAA";

struct Parsed {
    Header header;
    DkimSignature signature;
};

Parsed parse(const std::string& body) {
    auto header = Header::parse("DKIM-Signature: " + body + "\r\n");
    Parsed parsed{*header, {}};
    parsed.signature = parse_dkim_signature(parsed.header[0], 0);
    return parsed;
}

// kTags with one tag replaced, or left out if `tag` has no value.
std::string with(const std::string& name, const std::string& tag) {
    std::string out;
    for (const auto& one : {"v=1", "a=rsa-sha256", "d=example.com", "s=sel", "h=From:To"}) {
        const std::string text = one;
        const bool is_it = text.substr(0, text.find('=')) == name;
        if (!is_it) out += text + "; ";
        if (is_it && !tag.empty()) out += tag + "; ";
    }
    const std::string hash = name == "bh" ? tag : "bh=" + kHash;
    const std::string value = name == "b" ? tag : "b=AAAA";
    if (!hash.empty()) out += hash + "; ";
    if (!value.empty()) out += value + "; ";
    const bool is_optional = name.size() == 1 && std::string("cilqtx").find(name) != std::string::npos;
    return is_optional ? out + tag : out;
}

TEST(DkimSignature, ReadsItsTags) {
    const auto [header, signature] = parse(
        "v=1; a=ed25519-sha256; c=relaxed/simple; d=Example.COM; s=Sel.a;\r\n\th=from : To:\r\n\tsubject; "
        "i=joe=3Djr@a.example.com; "
        "l=12; q=dns/txt; t=1000; x=2000; bh=" +
        kHash.substr(0, 10) + "\r\n\t" + kHash.substr(10) + "; b= AA\r\n\tAA ; z=x");
    ASSERT_FALSE(signature.flaw) << signature.flaw->why;
    EXPECT_EQ(signature.algorithm, "ed25519-sha256");
    EXPECT_EQ(signature.key_type, KeyType::ed25519);
    EXPECT_EQ(signature.header_canonicalization, Canonicalization::relaxed);
    EXPECT_EQ(signature.body_canonicalization, Canonicalization::simple);
    EXPECT_EQ(signature.domain->text(), "example.com");
    EXPECT_EQ(signature.selector, "sel.a");
    EXPECT_EQ(signature.key_name(), "sel.a._domainkey.example.com");
    EXPECT_EQ(signature.identity_domain->text(), "a.example.com");
    EXPECT_EQ(signature.signed_names, (std::vector<std::string_view>{"from", "To", "subject"}));
    EXPECT_EQ(signature.signature_text, "AAAA");
    EXPECT_EQ(signature.signature, std::string(3, '\0'));
    EXPECT_EQ(signature.body_length, 12u);
    EXPECT_EQ(signature.timestamp, 1000);
    EXPECT_EQ(signature.expiration, 2000);
}

TEST(DkimSignature, TakesWhatTheRfcAllows) {
    struct {
        std::string body;
        const char* reason;
    } const cases[] = {
        {kTags, "nothing but what is required"},
        {kTags + ";", "a final semicolon"},
        {with("c", "c=simple"), "one word"},
        {with("i", "i=@example.com"), "no local part"},
        {with("i", "i=\"a@b\"@a.b.example.com"), "an at sign in the local part"},
        {with("h", "h=FROM"), "From in any case"},
        {with("h", "h=from:from:x-nothing"), "a name twice, a name that is not there"},
        {with("q", "q=http/x:dns/txt"), "dns/txt among others"},
        {with("s", "s=a_b.c-d"), "a selector of several labels"},
        {with("d", "d=m\xc3\xbcnchen.example"), "a U-label (RFC 8616 section 5)"},
        {with("a", "a=RSA-SHA256"), "ABNF literals have no case"},
    };
    for (const auto& row : cases) {
        const auto parsed = parse(row.body);
        EXPECT_FALSE(parsed.signature.flaw) << row.reason << ": " << parsed.signature.flaw->why;
    }
    EXPECT_EQ(parse(with("d", "d=m\xc3\xbcnchen.example")).signature.domain->text(),
              "xn--mnchen-3ya.example");
}

TEST(DkimSignature, SaysWhatIsWrong) {
    using enum DkimResult;
    struct {
        std::string body;
        DkimResult result;
        const char* why;
    } const cases[] = {
        {with("v", ""), neutral, "no v= tag"},
        {with("a", ""), neutral, "no a= tag"},
        {with("b", ""), neutral, "no b= tag"},
        {with("bh", ""), neutral, "no bh= tag"},
        {with("d", ""), neutral, "no d= tag"},
        {with("h", ""), neutral, "no h= tag"},
        {with("s", ""), neutral, "no s= tag"},
        {with("v", "v=2"), neutral, "unknown signature version"},
        {with("v", "v=1.0"), neutral, "unknown signature version"},
        {with("v", "v="), neutral, "unknown signature version"},
        {with("a", "a=rsa-sha512"), neutral, "unknown algorithm"},
        {with("a", "a=rsa"), neutral, "unknown algorithm"},
        {with("a", "a=rsa-sha1"), permerror, "rsa-sha1 is not accepted"},
        {with("b", "b="), neutral, "malformed b="},
        {with("b", "b=A"), neutral, "malformed b="},
        {with("b", "b=AA$A"), neutral, "malformed b="},
        {with("b", "b=" + std::string(1372, 'A')), neutral, "b= is too long"},
        {with("bh", "bh=AAAA"), neutral, "malformed bh="},
        {with("bh", "bh="), neutral, "malformed bh="},
        {with("c", "c=nofws"), neutral, "unknown canonicalization"},
        {with("c", "c=relaxed/"), neutral, "unknown canonicalization"},
        {with("c", "c=simple/simple/simple"), neutral, "unknown canonicalization"},
        {with("d", "d=com"), neutral, "d= has a single label"},
        {with("d", "d="), neutral, "d= is not a domain name"},
        {with("d", "d=example..com"), neutral, "d= is not a domain name"},
        {with("d", "d=.example.com"), neutral, "d= is not a domain name"},
        {with("d", "d=example.com."), neutral, "d= is not a domain name"},
        {with("d", "d=legit.example(.attacker.example"), neutral, "d= is not a domain name"},
        {with("d", "d=legit.example .attacker.example"), neutral, "d= is not a domain name"},
        {with("d", "d=exa\\mple.com"), neutral, "d= is not a domain name"},
        {with("d", "d=example.com#x"), neutral, "d= is not a domain name"},
        {with("s", "s="), neutral, "malformed s="},
        {with("s", "s=a..b"), neutral, "malformed s="},
        {with("s", "s=a."), neutral, "malformed s="},
        {with("s", "s=a b"), neutral, "malformed s="},
        {with("s", "s=" + std::string(64, 'a')), neutral, "malformed s="},
        {with("h", "h=to:subject"), neutral, "From is not signed"},
        {with("h", "h="), neutral, "malformed h="},
        {with("h", "h=from:"), neutral, "malformed h="},
        {with("h", "h=from:to subject"), neutral, "malformed h="},
        {with("i", "i=@evil.com"), neutral, "i= is outside d="},
        {with("i", "i=@notexample.com"), neutral, "i= is outside d="},
        {with("i", "i=@com"), neutral, "i= is outside d="},
        {with("i", "i=joe"), neutral, "malformed i="},
        {with("i", "i="), neutral, "malformed i="},
        {with("i", "i=@"), neutral, "malformed i="},
        {with("i", "i=a=4@example.com"), neutral, "malformed i="},
        {with("i", "i=a@example.com=00"), neutral, "malformed i="},
        {with("l", "l="), neutral, "malformed l="},
        {with("l", "l=-1"), neutral, "malformed l="},
        {with("l", "l=0x10"), neutral, "malformed l="},
        {with("l", "l=" + std::string(77, '0')), neutral, "malformed l="},
        {with("q", "q=http"), neutral, "unknown query method"},
        {with("q", "q="), neutral, "unknown query method"},
        {with("t", "t=now"), neutral, "malformed time"},
        {with("x", "x="), neutral, "malformed time"},
        {with("x", "x=1000; t=2000"), neutral, "x= is not after t="},
        {with("x", "x=1000; t=1000"), neutral, "x= is not after t="},
        {kTags + "; s=other", neutral, "repeated tag"},
        {kTags + "; nonsense", neutral, "tag without ="},
    };
    for (const auto& row : cases) {
        SCOPED_TRACE(row.body);
        const auto parsed = parse(row.body);
        ASSERT_TRUE(parsed.signature.flaw);
        EXPECT_EQ(parsed.signature.flaw->result, row.result);
        EXPECT_EQ(parsed.signature.flaw->why, row.why);
    }
}

TEST(DkimSignature, SignsAThousandFieldsAndNoMore) {
    std::string names = "from";
    for (int i = 1; i < 1000; ++i) names += ":x";
    EXPECT_FALSE(parse(with("h", "h=" + names)).signature.flaw);
    EXPECT_EQ(parse(with("h", "h=" + names + ":x")).signature.flaw->why, "too many names in h=");
}

TEST(DkimSignature, NamesDomainAndSelectorOfAFlawedSignature) {
    const auto parsed = parse(with("v", "v=2"));
    EXPECT_EQ(parsed.signature.domain->text(), "example.com");
    EXPECT_EQ(parsed.signature.selector, "sel");
    EXPECT_EQ(parsed.signature.algorithm, "rsa-sha256");
    EXPECT_EQ(parsed.signature.signature_text, "AAAA");
}

TEST(DkimSignature, TakesLongNumbersAsInfinite) {
    constexpr auto kForever = std::numeric_limits<std::int64_t>::max();
    EXPECT_EQ(parse(with("x", "x=999999999999")).signature.expiration, 999999999999);
    EXPECT_EQ(parse(with("x", "x=1000000000000")).signature.expiration, kForever);
    EXPECT_EQ(parse(with("x", "x=" + std::string(500, '9'))).signature.expiration, kForever);
    constexpr auto kLargest = std::numeric_limits<std::uint64_t>::max();
    EXPECT_EQ(parse(with("l", "l=18446744073709551615")).signature.body_length, kLargest);
    EXPECT_EQ(parse(with("l", "l=18446744073709551616")).signature.body_length, kLargest);
    EXPECT_EQ(parse(with("l", "l=" + std::string(75, '0') + "7")).signature.body_length, 7u);
}

// What the header hash takes for that signature above these fields.
std::string signed_text(const std::string& tags, const std::string& fields) {
    const auto header = Header::parse("DKIM-Signature: " + tags + "\r\n" + fields);
    const auto signature = parse_dkim_signature((*header)[0], 0);
    EXPECT_FALSE(signature.flaw) << signature.flaw->why;
    return signed_header(*header, SignedFields(*header).select(signature.signed_names, 0), (*header)[0],
                         signature);
}

TEST(SignedHeader, LeavesOutTheValueOfBAlone) {  // RFC 6376 section 3.7
    const std::string from = "From: a@example.com\r\n";
    const std::string front = "v=1; a=rsa-sha256; d=example.com; s=sel; h=From; ";
    struct {
        std::string behind, relaxed, simple;
        const char* reason;
    } const cases[] = {
        {"bh=" + kHash + "; b=AAAA", "bh=" + kHash + "; b=", "bh=" + kHash + "; b=", "at the end"},
        {"b=AAAA; bh=" + kHash, "b=; bh=" + kHash, "b=; bh=" + kHash, "before bh="},
        {"bh=" + kHash + "; b = AA\r\n\tAA ;", "bh=" + kHash + "; b =;", "bh=" + kHash + "; b =;",
         "with all white space around the value"},
        {"bh=" + kHash + "; b=AAAA\r\n\t",
         "bh=" + kHash + "; b=", "bh=" + kHash + "; b=", "with the fold behind it"},
        {"z=b=x; bh=" + kHash + "; b=AAAA",
         "z=b=x; bh=" + kHash + "; b=", "z=b=x; bh=" + kHash + "; b=", "not in the value of another tag"},
    };
    for (const auto& row : cases) {
        EXPECT_EQ(signed_text("c=relaxed; " + front + row.behind, from),
                  "from:a@example.com\r\ndkim-signature:c=relaxed; " + front + row.relaxed)
            << row.reason;
        EXPECT_EQ(signed_text(front + row.behind, from), from + "DKIM-Signature: " + front + row.simple)
            << row.reason;
    }
}

TEST(SignedFields, TakesTheLowestFieldNotYetTaken) {  // RFC 6376 section 5.4.2
    const auto header =
        Header::parse("From: 0\r\nX: 1\r\nFROM : 2\r\nDKIM-Signature: 3\r\nDKIM-Signature: 4\r\nfrom: 5\r\n");
    const SignedFields fields(*header);
    using Names = std::vector<std::string_view>;
    struct {
        Names names;
        std::size_t own;
        std::vector<std::size_t> selected;
        const char* reason;
    } const cases[] = {
        {{"from"}, 3, {5}, "the lowest first"},
        {{"From", "x", "from", "FROM", "from"},
         3,
         {5, 1, 2, 0},
         "upwards, in the order of h=; none left adds nothing"},
        {{"to", "zz", "a"}, 3, {}, "names that are not there"},
        {{"dkim-signature", "dkim-signature"}, 3, {4}, "never the signature itself"},
        {{"dkim-signature", "dkim-signature"}, 4, {3}, "never the signature itself, even as lowest"},
    };
    for (const auto& row : cases) EXPECT_EQ(fields.select(row.names, row.own), row.selected) << row.reason;
}

}  // namespace
}  // namespace gatepost::auth
