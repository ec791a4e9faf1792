// Header tricks by which one reader is shown one author and another reader another one: each is refused or
// has one reading (attacks 46 to 56, Composition Kills sections 5.1 and 5.2, Weak Links A4 to A8 and A14).
#include <gtest/gtest.h>

#include <random>

#include "protocol/author.h"
#include "protocol/encoded_word.h"
#include "protocol/lookalike.h"

namespace gatepost::protocol {
namespace {

using namespace std::string_literals;

// The author domains joined by a space, or why there are none.
std::string reading(const std::string& block) {
    const auto header = Header::parse(block);
    if (!header) return "! " + header.problem();
    const auto author = find_author(*header);
    std::string text = author.problem == AuthorProblem::none ? "" : "! " + author.why;
    for (const auto& domain : author.domains) text += (text.empty() ? "" : " ") + domain.text();
    return text;
}

struct Row {
    std::string block;
    std::string_view expected;
    std::string_view reason;
};

const std::string kEvil = "From: x@evil.net\r\n";
const std::string kBank = "From: a@bank.com\r\n";
constexpr std::string_view kSeveral = "! more than one From field";
constexpr std::string_view kNoColon = "! header line without a colon";
constexpr std::string_view kBadName = "! header line with a malformed field name";

TEST(Ambiguity, OfTheFromFieldItself) {
    const Row rows[] = {
        {kEvil + kBank, kSeveral, "46 two"},
        {kBank + kEvil, kSeveral, "46 the other order"},
        {kEvil + "Subject: s\r\n" + kEvil, kSeveral, "46 twice the same"},
        {kEvil + "FROM: a@bank.com\r\n", kSeveral, "46 capitals"},
        {kEvil + "fRoM: a@bank.com\r\n", kSeveral, "46 mixed case"},
        {kEvil + "From : a@bank.com\r\n", kSeveral, "46 a blank before the colon"},
        {kEvil + "From\t: a@bank.com\r\n", kSeveral, "46 a tab before the colon"},
        {kEvil + "From \t \t: a@bank.com\r\n", kSeveral, "46 blanks and tabs"},
        {kEvil + "From:\r\n a@bank.com\r\n", kSeveral, "46 folded"},
        {kEvil + "From:\r\n\ta@bank.com\r\n", kSeveral, "46 folded by a tab"},
        {kEvil + "From:\r\n", kSeveral, "46 an empty one"},
        {kEvil + "From\r\n : a@bank.com\r\n", kNoColon, "46 folded before the colon"},
        {kEvil + "Fro\r\n m: a@bank.com\r\n", kNoColon, "46 folded within the name"},
        {" From: a@bank.com\r\n" + kEvil, kBadName, "46 a blank in front of the first line"},
        {"\tFrom: a@bank.com\r\n" + kEvil, kBadName, "46 a tab in front of the first line"},
        {kEvil + "\x0b"
                 "From: a@bank.com\r\n",
         kBadName, "46 a vertical tab in front"},
        {kEvil + "\xa0"
                 "From: a@bank.com\r\n",
         kBadName, "46 a Latin-1 blank in front"},
        {kEvil + "\xef\xbb\xbf"
                 "From: a@bank.com\r\n",
         kBadName, "46 a byte order mark in front"},
        {kEvil + "From\x0b: a@bank.com\r\n", kBadName, "46 a vertical tab behind the name"},
        {kEvil + "From\xc2\xa0: a@bank.com\r\n", kBadName, "46 a no-break space behind the name"},
        {kEvil + "From\x7f: a@bank.com\r\n", kBadName, "46 DEL in the name"},
        {kEvil + "Fr\xc3\xb8m: a@bank.com\r\n", kBadName, "46 a letter that looks alike"},
        {kEvil + "\xef\xbc\xa6rom: a@bank.com\r\n", kBadName, "46 a full-width letter"},
        {kEvil + "From\0: a@bank.com\r\n"s, kBadName, "50 NUL in the name"},
        {kEvil + "\0From: a@bank.com\r\n"s, kBadName, "50 NUL in front of it"},
        {kEvil + "\rFrom: a@bank.com\r\n", kBadName, "50 a bare CR in front"},
        {kEvil + "\nFrom: a@bank.com\r\n", kBadName, "50 a bare LF in front"},
        {kEvil + "From a@bank.com\r\n", kNoColon, "46 no colon"},
        {kEvil + "From; a@bank.com\r\n", kNoColon, "46 a semicolon for a colon"},
        {kEvil + "From\xef\xbc\x9a a@bank.com\r\n", kNoColon, "46 a full-width colon"},
        {kEvil + "To b: From: a@bank.com\r\n", kBadName, "46 two words"},
        {"From x@evil.net Fri May 1 12:00:00 2026\r\n" + kBank, kBadName, "56 mbox line"},
        {"From x@evil.net\r\n" + kBank, kNoColon, "56 mbox line without a time"},
        {">From: a@bank.com\r\n" + kEvil, "evil.net", "56 a quoted one is another field"},
        {"garbage\r\n" + kEvil, kNoColon, "56 garbage first"},
        {kEvil + "garbage\r\n" + kBank, kNoColon, "56 garbage in the middle"},
        {kEvil + ": x\r\n", kBadName, "56 a field without a name"},
        {kEvil + "X: y\r\n : a@bank.com\r\n", "evil.net", "a colon in a continuation"},
        {"Subject: x\r\n From: a@bank.com\r\n" + kEvil, "evil.net", "a continuation is no field"},
        {kEvil + "Sender: a@bank.com\r\nReply-To: a@bank.com\r\nResent-From: a@bank.com\r\n", "evil.net",
         "52 only From says who is the author"},
        {"Sender: a@bank.com\r\nResent-From: a@bank.com\r\n", "! no From field",
         "52 nothing stands in for it"},
        {"=?utf-8?Q?From?=: a@bank.com\r\n" + kEvil, "evil.net", "an encoded word is no field name"},
        {"X-From: a@bank.com\r\nFrom-: b@bank.com\r\n" + kEvil, "evil.net", "longer names"},
        {"From:\r\n \r\n x@evil.net\r\n", "! a blank line within it",
         "a line of white space ends some headers"},
        {"From: a@bank.com,\r\n\t\r\n x@evil.net\r\n", "! a blank line within it", "likewise between two"},
        {"From: x@evil.net\r\n \r\nX: y\r\n", "! a blank line within it", "likewise at its end"},
        {"Subject: x\r\n \r\n" + kEvil, "evil.net", "another field may be folded so"},
        {"Subject: x\r\n \r\n" + kEvil + " \r\n" + kBank, kSeveral, "not to hide a second one"},
    };
    for (const auto& row : rows) EXPECT_EQ(reading(row.block), row.expected) << row.reason;
}

constexpr std::string_view kMalformed = "! a malformed address";
constexpr std::string_view kHidden = "! an encoded word that holds an address";
constexpr std::string_view kControls = "! control characters in an encoded word";
constexpr std::string_view kBehind = "! text after an address";

TEST(Ambiguity, OfEncodedWords) {
    const Row rows[] = {
        {"=?utf-8?b?cG90dXNAYmFuay5jb20=?==?utf-8?Q?=00?==?utf-8?b?eA==?=@evil.net", kMalformed,
         "Mailsploit"},
        {"=?utf-8?Q?a=40bank.com?=@evil.net", kMalformed, "in a local part"},
        {"N <=?utf-8?Q?a=40bank.com=3E?=@evil.net>", kMalformed, "in an angle address"},
        {"\"=?utf-8?Q?a=40bank.com?=\"@evil.net", kMalformed, "in a quoted local part"},
        {"x@=?utf-8?Q?bank.com?=", "! a domain that is no valid name", "for a domain"},
        {"=?utf-8?B?YUBiYW5rLmNvbQ==?=,<x@evil.net>", "! an address without a domain", "as a mailbox"},
        {"=?utf-8?B?PGFAYmFuay5jb20+?=", "! an address without a domain", "as the only one"},
        {"=?utf-8?B?PGFAYmFuay5jb20+?= <x@evil.net>", kHidden, "an angle address in a display name"},
        {"=?utf-8?Q?=3Ca=40bank.com=3E?= <x@evil.net>", kHidden, "likewise in Q"},
        {"=?utf-8?q?A_=3ca=40bank.com=3e=2C?= <x@evil.net>", kHidden, "and a comma"},
        {"=?iso-8859-1*en?Q?=3Ca=40bank.com=3E?= <x@evil.net>", kHidden, "with a language"},
        {"=?utf-8?Q?a=40bank.com=2C?= <x@evil.net>", kHidden, "a mailbox and a comma"},
        {"=?utf-8?Q?a=40bank.com=3B?= y <x@evil.net>", kHidden, "or a semicolon"},
        {"=?utf-8?Q?=3Ca=40?= =?utf-8?Q?bank.com=3E?= <x@evil.net>", kHidden, "in two pieces"},
        {"\"=?utf-8?Q?=22_=3Ca=40bank.com=3E?=\" <x@evil.net>", kHidden, "out of a quotation"},
        {"x@evil.net (=?utf-8?Q?=29=2C_a=40bank.com_=28?=)", kHidden, "out of a comment"},
        {"=?utf-8?Q?a=40bank.com?= <x@evil.net>", "evil.net", "a display name that is an address"},
        {"=?utf-8?Q?Doe_=28a=40bank.com=29?= <x@evil.net>", "evil.net", "in parentheses, as forms have it"},
        {"=?utf-8?Q?Doe_=3Cx=40evil.net=3E?= <x@evil.net>", "evil.net", "the author's own"},
        {"=?utf-8?Q?J=C3=B6rg=2C_M?= <x@evil.net>", "evil.net", "a comma in a name"},
        {"=?utf-8?Q?J=C3=B6rg?= =?utf-8?Q?_M=C3=BC?= <x@evil.net>", "evil.net", "a name in two"},
        {"=?iso-2022-jp?B?GyRCOzNFRBsoQg==?= <x@evil.net>", "evil.net", "a Japanese name has escapes"},
        {"=?utf-8?Q?a=00b?= <x@evil.net>", kControls, "NUL"},
        {"=?utf-8?Q?a=0D=0AFrom=3A_a=40bank.com?= <x@evil.net>", kControls, "a line end"},
        {"=?utf-8?B?YQBi?= <x@evil.net>", kControls, "NUL in base64"},
        {"=?utf-7?Q?+ADw-a+AEA-bank.com+AD4-?= <x@evil.net>", kControls, "UTF-7"},
        {"=?utf-16be?B?ADw=?= <x@evil.net>", kControls, "UTF-16"},
        {"=?utf-8?X?a?= <x@evil.net>", "evil.net", "no encoding"},
        {"=?utf-8?Q? <x@evil.net>", "evil.net", "without an end"},
    };
    for (const auto& row : rows)
        EXPECT_EQ(reading("From: " + row.block + "\r\n"), row.expected) << row.reason;
}

TEST(Ambiguity, OfAddressesAndNames) {
    const Row rows[] = {
        {"<a@bank.com>x@evil.net", kBehind, "48"},
        {"<x@evil.net> a@bank.com", kBehind, "48"},
        {"<x@evil.net>\t<a@bank.com>", kBehind, "48"},
        {"x@evil.net <a@bank.com>", kBehind, "48"},
        {"x@evil.net; a@bank.com", kBehind, "48"},
        {"x@evil.net \"a@bank.com\"", kBehind, "48"},
        {"x@evil.net:a@bank.com", kBehind, "48"},
        {"x@evil.net/a@bank.com", "! a domain that is no valid name", "48 a slash"},
        {"<a@bank.com,x@evil.net>", kMalformed, "48 two in one"},
        {"<a@bank.com> <x@evil.net", kBehind, "48 one of them open"},
        {"<a@bank.com\\>, x@evil.net>", kMalformed, "48 a quoted pair outside a quotation"},
        {"\"a@bank.com\\\" <x@evil.net>", "! an unclosed comment, quotation or bracket",
         "48 a quotation left open"},
        {"\"a@bank.com\" <x@evil.net>, \"", "! an unclosed comment, quotation or bracket",
         "likewise at the end"},
        {"(a@bank.com x@evil.net", "! an unclosed comment, quotation or bracket", "49"},
        {"x@evil.net ((a@bank.com)", "! an unclosed comment, quotation or bracket", "49"},
        {"a@bank.com(\\) x@evil.net", "! an unclosed comment, quotation or bracket", "49"},
        {"a@bank.com(<x@evil.net>)", "bank.com", "49 comments are none"},
        {"a@(x@evil.net)bank.com", "bank.com", "49"},
        {"a@bank(.evil.net).com", "! white space inside a domain", "49"},
        {"a(@evil.net)b@bank.com", kMalformed, "49 two words"},
        {"bank: x@evil.net;", "evil.net", "47 a group's name is no author"},
        {"a@bank.com: x@evil.net;", kBehind, "47 an address is no group's name"},
        {"A:;, x@evil.net", "evil.net", "47 an empty group"},
        {"A:;", "! no address in it", "47 only an empty group"},
        {"A: x@evil.net;, B: a@bank.com;", "evil.net bank.com", "47 all members count"},
        {"A: B: x@evil.net;, a@bank.com;", "! a malformed group", "47 nested groups"},
        {"A: x@evil.net; a@bank.com", kBehind, "47 text behind a group"},
        {"<@bank.com:x@evil.net>", "! a source route or quotation that names another domain", "47"},
        {"\"a@bank.com\"@evil.net", "! a source route or quotation that names another domain", "62"},
        {"\"<a@bank.com>\"@evil.net", "! a source route or quotation that names another domain", "62"},
        {"a%bank.com@evil.net", "evil.net", "the percent hack is a local part"},
        {"a\xef\xbc\xa0"
         "bank.com@evil.net",
         kMalformed, "51 a full-width at sign in a local part"},
        {"a\xe2\x80\x8b@evil.net", kMalformed, "51 zero width space in a local part"},
        {"\"a\xe2\x80\xae\"@evil.net", kMalformed, "51 a direction override in one"},
        {"a\xc2\xa0@evil.net", kMalformed, "51 a no-break space in one"},
        {"j\xc3\xb6rg@evil.net", "evil.net", "letters are letters (RFC 6532)"},
        {"\"\xe2\x80\xaemoc.knab@a\" <x@evil.net>", "! text that reads backwards", "Weak Links A14"},
        {"\"\xe2\x80\xad"
         "a\" <x@evil.net>",
         "! text that reads backwards", "likewise to the right"},
        {"=?utf-8?Q?=E2=80=AEmoc.knab=40a?= <x@evil.net>", "! text that reads backwards",
         "in an encoded word"},
        {"\xe2\x80\x8f\xd7\x93\xd7\xa0 <x@evil.net>", "evil.net", "a mark of Hebrew text"},
        {"x@evil.net\xe2\x80\x8b", "! a domain that is no valid name", "51 at the end"},
        {"x@\xd0\xb0pple.com", "xn--pple-43d.com", "51 a Cyrillic letter is a name of its own"},
        {"x@xn--pple-43d.com", "xn--pple-43d.com", "51 the same as A-label"},
        {"x@xn--bank-.com", "! a domain that is no valid name", "51 an A-label that stands for bank.com"},
        {"x@xn--a.com", "! a domain that is no valid name", "51 one that stands for nothing"},
        {"x@xn--.com", "! a domain that is no valid name", "51 an empty one"},
        {"x@xn--bank-.evil.net", "! a domain that is no valid name", "51 in any label"},
        {"x@XN--BCHER-KVA.example", "xn--bcher-kva.example", "in capitals"},
        {"x@bank\xef\xbc\x8e"
         "com",
         "! a domain that is no valid name", "51 a full-width dot"},
        {"x@bank\xe3\x80\x82"
         "com",
         "! a domain that is no valid name", "51 an ideographic dot"},
        {"x@\xd7\x90"
         "a.com",
         "! a domain that is no valid name", "51 both directions in a label (RFC 5893)"},
        {"x@bank\xe2\x80\x8d.com", "! a domain that is no valid name",
         "51 a joiner where none joins (RFC 5892)"},
        {"x@" + std::string(64, 'a') + ".com", "! a domain that is no valid name", "a label over 63"},
        {"x@bank..com", kBehind, "an empty label"},
        {"x@192.0.2.1", "! an IP address, no domain", "an address without brackets"},
        {"x@[192.0.2.1]", "! an address literal, no domain", "and with them"},
        {"x@[bank.com]", "! an address literal, no domain", "a name in them"},
        {"a\0@bank.com, x@evil.net"s, "! control characters or malformed UTF-8", "50"},
        {"a@bank.com\0x@evil.net"s, "! control characters or malformed UTF-8", "50"},
        {"a@bank.com\rx@evil.net", "! control characters or malformed UTF-8", "50"},
        {"a@bank.com\nFrom: x@evil.net", "! control characters or malformed UTF-8", "50"},
        {"J\xf6rg <x@evil.net>", "! control characters or malformed UTF-8", "8-bit that is no UTF-8"},
    };
    for (const auto& row : rows)
        EXPECT_EQ(reading("From: " + row.block + "\r\n"), row.expected) << row.reason;
}

TEST(Ambiguity, OfSize) {
    EXPECT_EQ(reading("From: " + std::string(65 * 1024, 'x') + "@bank.com\r\n"), "! header field too large");
    std::string many;
    for (int i = 0; i < 1000; ++i) many += "X: y\r\n";
    EXPECT_EQ(reading(many + kEvil), "! too many header fields");
    EXPECT_EQ(reading(many.substr(6) + kEvil), "evil.net");
    EXPECT_EQ(reading("Subject: x\r\nFrom: x@evil.net"), "evil.net") << "a header block without an end";
}

// What a reader sees that decodes first is the author whom we see, or there is none.
TEST(Ambiguity, HasNoSecondReadingByDecoding) {
    static constexpr std::string_view kPieces[] = {"=?utf-8?Q?",
                                                   "?=",
                                                   "=40",
                                                   "=3C",
                                                   "=3E",
                                                   "=2C",
                                                   "=?utf-8?B?",
                                                   "PGFAYmFuay5jb20+",
                                                   "a@bank.com",
                                                   "x@evil.net",
                                                   "<x@evil.net>",
                                                   " ",
                                                   ",",
                                                   "<",
                                                   ">",
                                                   "\"",
                                                   "(",
                                                   ")",
                                                   "@",
                                                   "bank.com",
                                                   "_",
                                                   "A"};
    std::mt19937 random(2047);
    int accepted = 0;
    for (int round = 0; round < 40000; ++round) {
        std::string body;
        for (auto count = random() % 9; count > 0; --count) body += kPieces[random() % std::size(kPieces)];
        const auto author = parse_author(body);
        if (author.problem != AuthorProblem::none) continue;
        ++accepted;
        const auto again = parse_author(with_decoded_words(body).text);
        EXPECT_TRUE(again.problem != AuthorProblem::none || again.domains == author.domains) << body;
    }
    EXPECT_GT(accepted, 1000);
}

TEST(EncodedWord, IsDecodedAsReadersDo) {
    const std::pair<std::string_view, std::string_view> rows[] = {{"=?utf-8?Q?a_b=3D?= c", "a b= c"},
                                                                  {"=?utf-8?B?YWI=?=", "ab"},
                                                                  {"=?utf-8?B?Y W\tI?=", "ab"},
                                                                  {"=?a?q?b?= =?a?q?c?=", "bc"},
                                                                  {"=?a?q?b?=c", "bc"},
                                                                  {"=?a?q?b?= c =?a?q?d?=", "b c d"},
                                                                  {"=?a?x?b?=", "=?a?x?b?="},
                                                                  {"=?a?q?b", "=?a?q?b"},
                                                                  {"=??q?b?=", "=??q?b?="},
                                                                  {"=?a?q?=4?=", "=4"},
                                                                  {"=?iso-2022-jp?Q?a=1B$B<@=1B(Bb?=", "ab"}};
    for (const auto& [text, expected] : rows) EXPECT_EQ(with_decoded_words(text).text, expected) << text;
    EXPECT_FALSE(has_encoded_word("a=?b"));
    EXPECT_TRUE(has_encoded_word("a=?b=?c?q?d?="));
}

TEST(EncodedWord, TakesLinearTime) {
    std::string open;
    while (open.size() < 64000) open += "=?a?q? ";
    EXPECT_FALSE(has_encoded_word(open));
    EXPECT_EQ(with_decoded_words(open).text.size(), open.size());
    EXPECT_NE(parse_author(open + "?= <a@b.net>").problem, AuthorProblem::several_from);
}

}  // namespace
}  // namespace gatepost::protocol
