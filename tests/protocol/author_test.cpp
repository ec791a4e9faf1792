#include "protocol/author.h"

#include <gtest/gtest.h>

#include <random>

namespace gatepost::protocol {
namespace {

// The domains joined by a space, or the problem in brackets.
std::string reading(const Author& author) {
    switch (author.problem) {
        case AuthorProblem::none: break;
        case AuthorProblem::no_from: return "[no_from]";
        case AuthorProblem::several_from: return "[several_from]";
        case AuthorProblem::malformed: return "[malformed]";
        case AuthorProblem::no_domain: return "[no_domain]";
        case AuthorProblem::too_many_domains: return "[too_many_domains]";
    }
    std::string text;
    for (const auto& domain : author.domains) text += (text.empty() ? "" : " ") + domain.text();
    return text;
}

struct Row {
    std::string_view body;
    std::string_view expected;
    std::string_view reason;
};

using namespace std::string_view_literals;

const Row kRows[] = {
    // plain
    {"user@example.com", "example.com", "bare address"},
    {" user@example.com", "example.com", "space after the colon"},
    {"<user@example.com>", "example.com", "angle address alone"},
    {"User <user@example.com>", "example.com", "display name"},
    {"User<user@example.com>", "example.com", "no space before the angle"},
    {"Test User <test@EXAMPLE.com>", "example.com", "domains have no case"},
    {"\"Test, User\" <test@example.com>", "example.com", "comma in a quoted display name"},
    {"\"Doug \\\"D\\\" Sauder\" <doug@example.com>", "example.com", "quoted pairs in a display name"},
    {"John Q. Public <jqp@example.com>", "example.com", "dot in a display name (RFC 5322 section 4.1)"},
    {"=?utf-8?Q?J=C3=B6rg?= <j@example.com>", "example.com", "encoded word"},
    {"=?utf-8?B?YUBiYW5rLmNvbQ==?= <x@evil.net>", "evil.net", "an encoded word never is an address"},
    {"J\xc3\xb6rg <j@example.com>", "example.com", "UTF-8 display name (RFC 6532)"},
    {"\"\" <a@example.com>", "example.com", "empty quoted display name"},
    {"a@example.com (Doug)", "example.com", "old style name in a comment"},
    {"a @ example.com", "example.com", "white space around the at sign"},
    {"a@example.com.", "example.com", "one final dot is taken off"},
    {"<a@example.com.>", "example.com", "one final dot inside an angle address"},
    {"a+b=c/d@example.com", "example.com", "all of atext"},
    {"a_b@under_score.example.com", "under_score.example.com", "underscore in a domain"},
    // quoted local parts
    {"\"a@b\"@c.example", "c.example", "the at sign that counts is the unquoted one"},
    {"\"x@bank.com\"@attacker.net", "[malformed]",
     "attack 62 in From: somebody else behind the quoted at sign"},
    {"\"x@attacker.net\"@attacker.net", "attacker.net", "the same one"},
    {"\"a b\".c@example.com", "example.com", "obsolete local part of several words"},
    {"\"\"@example.com", "example.com", "empty quoted local part"},
    // comments
    {"(c) a (c) @ (c) example.com (c)", "example.com", "comments everywhere they may stand"},
    {"a@example.com (<x@evil.net>)", "example.com", "an address in a comment is none"},
    {"a@example.com (x (y@z.net (w)) \\) )", "example.com", "nested comment with a quoted parenthesis"},
    {"(a@bank.com) x@evil.net", "evil.net", "comment before the address"},
    {"a@example.com (unclosed", "[malformed]", "unclosed comment"},
    {"a@example.com (()", "[malformed]", "unclosed outer comment"},
    {"a@example.com )", "[malformed]", "comment closed that never was open"},
    {"((((((((((((((((((((x)))))))))))))))))))) a@b.c", "b.c", "twenty levels are read"},
    {"(((((((((((((((((((((x))))))))))))))))))))) a@b.c", "[malformed]", "twenty-one are not"},
    {"a@evil.net(.bank.com)", "evil.net", "a comment does not lengthen the domain"},
    {"a@evil(.bank).net", "[malformed]", "comment inside a domain: readers differ"},
    {"a@evil .net", "[malformed]", "space inside a domain: readers differ"},
    {"a@evil. net", "[malformed]", "space after a dot likewise"},
    {"a . b@example.com", "[malformed]", "space inside a local part likewise"},
    // routes
    {"<@x,@y:u@d.example>", "d.example", "obsolete route (RFC 5322 section 4.4)"},
    {"N <@d.example:u@d.example>", "d.example", "route by way of itself"},
    {"<@x.net,@y.net:u@d.example>", "[malformed]", "route by way of others, whom some readers show"},
    {"N <@x.net:u@d.example>", "[malformed]", "route of one"},
    {"<@d.x,@d.x,@d.x,@d.x,@d.x,@d.x,@d.x,@bank.com:u@d.x>", "[malformed]", "the last of many"},
    {"<@,,x.net:u@d.example>", "[malformed]", "route without a domain after the at sign"},
    {"<,,@x,,:u@d.example>", "d.example", "empty route elements are obsolete but legal"},
    {"<@x.net u@d.example>", "[malformed]", "route without its colon"},
    {"<,:u@d.example>", "[malformed]", "route that names nothing"},
    {"@x.net:u@d.example", "[malformed]", "route outside an angle address"},
    {"@bank.com,@any.net:'a@attacker.net", "[malformed]", "attack 62: half a route"},
    // text where none may be
    {"<a@x.net>admin@bank.com", "[malformed]", "text after an angle address (Weak Links fig. 8)"},
    {"<a@x.net> bank.com", "[malformed]", "word after an angle address"},
    {"<a@x.net><b@y.net>", "[malformed]", "two angle addresses"},
    {"a@x.net b@y.net", "[malformed]", "two addresses without a comma"},
    {"a@x.net; b@y.net", "[malformed]", "semicolon outside a group"},
    {"a@x.net <b@y.net>", "[malformed]", "an unquoted address is no display name"},
    {"\"a@bank.com\" <x@evil.net>", "evil.net", "a quoted one is"},
    {"a@b.net@c.net", "[malformed]", "two at signs"},
    {"<a@b.net@c.net>", "[malformed]", "two at signs in an angle address"},
    {"<<a@b.net>>", "[malformed]", "double angle"},
    {"<a@b.net", "[malformed]", "unclosed angle"},
    {"a@b.net>", "[malformed]", "angle closed that never was open"},
    {"Foo [x] <a@b.net>", "[malformed]", "bracket in a display name"},
    {". <a@b.net>", "[malformed]", "a display name begins with a word"},
    {"\"unclosed <a@b.net>", "[malformed]", "unclosed quotation"},
    {"a@b.net\\", "[malformed]", "stray backslash"},
    {"a@bank.com'@x.attacker.net", "[no_domain]", "attack 62: an apostrophe is in no domain"},
    // no domain
    {"", "[no_domain]", "empty"},
    {" ", "[no_domain]", "blank"},
    {"root", "[no_domain]", "local name"},
    {"<root>", "[no_domain]", "local name in an angle address"},
    {"<>", "[malformed]", "empty angle address"},
    {"undisclosed:;", "[no_domain]", "empty group"},
    {"a@[192.0.2.1]", "[no_domain]", "address literal"},
    {"<a@[IPv6:2001:db8::1]>", "[no_domain]", "address literal of IPv6"},
    {"x@evil.net, a@[192.0.2.1]", "[no_domain]", "one mailbox without a domain spoils the list"},
    {"x@evil.net, root", "[no_domain]", "likewise a local name"},
    {"John Doe", "[malformed]", "words that are no address"},
    {"a@", "[malformed]", "nothing after the at sign"},
    {"@example.com", "[malformed]", "nothing before it"},
    {"a@.example.com", "[malformed]", "leading dot"},
    {"a@example..com", "[malformed]", "empty label"},
    {"a@example.com..", "[malformed]", "two final dots"},
    {"a..b@example.com", "[malformed]", "empty word in a local part"},
    {".a@example.com", "[malformed]", "local part begins with a dot"},
    {"a.@example.com", "[malformed]", "local part ends with a dot"},
    // several
    {"a@example.com, b@example.com", "example.com", "the same domain twice counts once"},
    {"a@example.com, b@EXAMPLE.com.", "example.com", "whatever its spelling"},
    {"a@x.com, b@y.com", "x.com y.com", "two domains, in order"},
    {"a@x.com,, b@y.com,", "x.com y.com", "empty elements (RFC 5322 section 4.4)"},
    {"Team: a@x.com, B <b@y.com>;", "x.com y.com", "members of a group count (RFC 6854)"},
    {"T: a@x.com;, U: b@y.com;", "x.com y.com", "two groups"},
    {"T: a@x.com; b@y.com", "[malformed]", "text after a group"},
    {"T: a@x.com", "[malformed]", "unclosed group"},
    {"T: U: a@x.com;;", "[malformed]", "groups do not nest"},
    {": a@x.com;", "[malformed]", "group without a name"},
    {"T:;;", "[malformed]", "group closed twice"},
    {"T:,;", "[no_domain]", "group of nothing but a comma"},
    {"a@a.x, a@b.x, a@c.x, a@d.x, a@e.x", "a.x b.x c.x d.x e.x", "five domains are evaluated"},
    {"a@a.x, a@b.x, a@c.x, a@d.x, a@e.x, a@f.x", "[too_many_domains]", "six are not"},
    // names
    {"u@b\xc3\xbc"
     "cher.example",
     "xn--bcher-kva.example", "U-label (specs example 30)"},
    {"u@XN--BCHER-KVA.example", "xn--bcher-kva.example", "A-label in capitals"},
    {"u@bank\xe2\x80\x8b.com", "[no_domain]", "zero width space"},
    {"u@bank\xc2\xad.com", "[no_domain]", "soft hyphen"},
    {"u@\xef\xbd\x82"
     "ank.com",
     "[no_domain]", "full-width letter"},
    {"u@bank\xe3\x80\x82"
     "com",
     "[no_domain]", "ideographic full stop"},
    {"u@bank\xe2\x80\x80.com", "[no_domain]", "en quad"},
    {"u@b!ang.com", "[no_domain]", "atext that is no domain"},
    // octets
    {"a\0@example.com"sv, "[malformed]", "NUL"},
    {"a@example.com\0"sv, "[malformed]", "NUL at the end"},
    {"a@x.net\rFrom: b@bank.com", "[malformed]", "bare CR"},
    {"a@x.net\nFrom: b@bank.com", "[malformed]", "bare LF"},
    {"a@x.net\xe2\x80\xa8 (From: b@bank.com)", "[malformed]", "line separator that some readers split at"},
    {"a@x.net (\xc2\x85)", "[malformed]", "next line, likewise"},
    {"J\xf6rg <j@example.com>", "[malformed]", "Latin-1"},
    {"J\xc3 <j@example.com>", "[malformed]", "half a character"},
    {"a@example.com\x1b[0m", "[malformed]", "escape"},
    {"a@example.com\x7f", "[malformed]", "delete"},
    // folding
    {"User\r\n <user@example.com>", "example.com", "folded before the address"},
    {"a@example.com (c\r\n\tc)", "example.com", "folded in a comment"},
    {"\"a\r\n b\" <user@example.com>", "example.com", "folded in a quotation"},
    {"<user@\r\n example.com>", "example.com", "folded after the at sign"},
    {"<user@example\r\n .com>", "[malformed]", "folded inside a domain"},
};

TEST(Author, ReadsEachSpellingOneWay) {
    for (const auto& row : kRows) EXPECT_EQ(reading(parse_author(row.body)), row.expected) << row.reason;
}

TEST(Author, SaysWhyInItsOwnWords) {
    const auto author = parse_author("evil\r\n text <a@b.c> x");
    EXPECT_EQ(author.problem, AuthorProblem::malformed);
    EXPECT_EQ(author.why, "text after an address");
    EXPECT_TRUE(author.domains.empty());
}

struct HeaderRow {
    std::string block;
    std::string_view expected;
    std::string_view reason;
};

TEST(Author, NeedsExactlyOneFromField) {
    const HeaderRow rows[] = {
        {"Subject: x\r\nFrom: a@x.net\r\n", "x.net", "one"},
        {"FROM: a@x.net\r\n", "x.net", "capitals"},
        {"From : a@x.net\r\n", "x.net", "space before the colon (RFC 5322 section 4.5.8)"},
        {"From:\r\n a@x.net\r\n", "x.net", "folded at once"},
        {"From: a@x.net\r\nFrom: a@x.net\r\n", "[several_from]", "twice the same"},
        {"From: a@x.net\r\nSubject: s\r\nfrom : b@y.net\r\n", "[several_from]", "case and space"},
        {"From: a@x.net\r\nFROM\t: b@y.net\r\n", "[several_from]", "tab before the colon"},
        {"Sender: a@x.net\r\nReply-To: a@x.net\r\n", "[no_from]", "Sender never stands in (specs R-35)"},
        {"Resent-From: a@x.net\r\n", "[no_from]", "nor does Resent-From"},
        {"X-From: a@x.net\r\n", "[no_from]", "nor does a longer name"},
    };
    for (const auto& row : rows) {
        const auto header = Header::parse(row.block);
        ASSERT_TRUE(header) << row.reason;
        EXPECT_EQ(reading(find_author(*header)), row.expected) << row.reason;
    }
}

// A folding is no more than white space: putting one where white space stands must not change who the author
// is.
TEST(Author, StaysTheSameHoweverItIsFolded) {
    for (const auto& row : kRows) {
        std::string folded;
        for (std::size_t i = 0; i < row.body.size(); ++i) {
            if (row.body[i] == ' ' && !folded.ends_with("\r\n")) folded += "\r\n";
            folded += row.body[i];
        }
        EXPECT_EQ(reading(parse_author(folded)), row.expected) << row.reason;
    }
}

// Of random pieces: a comment in front, which is no more than white space, never changes the reading, and
// what is read has domains exactly if it has no problem.
TEST(Author, NeverHasTwoReadings) {
    static constexpr std::string_view kPieces[] = {
        "a@b.c", "<", ">",  "@", ",", ";",     ":",        "\"",        "(",       ")",    " ",
        "x",     ".", "\\", "[", "]", "\r\n ", "\xc3\xbc", "d.example", "<u@v.w>", "\"q\""};
    std::mt19937 random(5322);
    for (int round = 0; round < 20000; ++round) {
        std::string body;
        for (auto count = random() % 8; count > 0; --count) body += kPieces[random() % std::size(kPieces)];
        const auto author = parse_author(body);
        EXPECT_EQ(author, parse_author(" (x) " + body)) << body;
        EXPECT_EQ(author.problem == AuthorProblem::none, !author.domains.empty()) << body;
        EXPECT_LE(author.domains.size(), kMaxAuthorDomains);
    }
}

TEST(Author, TakesLinearTime) {
    const std::string shapes[] = {std::string(64000, '('), std::string(64000, '"'), std::string(64000, ','),
                                  std::string(64000, '.'), std::string(64000, '\\')};
    for (const auto& shape : shapes) EXPECT_NE(parse_author(shape).problem, AuthorProblem::none);
    std::string many;
    for (int i = 0; i < 8000; ++i) many += "a@b.net,";
    EXPECT_EQ(reading(parse_author(many)), "b.net");
}

}  // namespace
}  // namespace gatepost::protocol
