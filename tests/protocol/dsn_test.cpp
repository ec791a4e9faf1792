// Notifications against whole messages in data/dsn, written by hand from RFC 3464 and RFC 6522, and the rules
// one by one.
#include "protocol/dsn.h"

#include <gtest/gtest.h>

#include <fstream>
#include <iterator>

#include "protocol/ascii.h"
#include "protocol/dsn_text.h"
#include "protocol/header.h"

namespace gatepost::protocol {
namespace {

using std::chrono::seconds;
using std::chrono::sys_seconds;

// Mon, 23 Nov 2026 14:30:00 +0000
constexpr sys_seconds kNow{seconds(1'795'444'200)};

Path path(const std::string& text) {
    return parse_reverse_path('<' + text + '>')->path;
}

DsnRecipient bob() {
    return {{path("bob@example.org"), "", ""},
            {550, "5.1.1", {"No such user here, sorry"}},
            "mail.example.org:25"};
}

Dsn failed() {
    Dsn dsn;
    dsn.recipients = {bob()};
    dsn.reverse_path = path("alice@sender.example");
    dsn.arrived = kNow - seconds(1800);
    dsn.header = "From: Alice <alice@sender.example>\r\nSubject: Hello\r\nMessage-ID: <1@sender.example>\r\n";
    dsn.hostname = "mx1.example.org";
    dsn.domain = Domain::parse("example.org");
    dsn.id = "3f9k2f1";
    dsn.now = kNow;
    dsn.last_attempt = kNow - seconds(1);
    return dsn;
}

std::string golden(const std::string& name) {
    std::ifstream file(std::string(TEST_DATA "/dsn/") + name, std::ios::binary);
    EXPECT_TRUE(file) << name;
    return {std::istreambuf_iterator<char>(file), {}};
}

std::string whole(const Dsn& dsn) {
    const auto message = written(dsn);
    return message.header + "\r\n" + message.body;
}

TEST(Dsn, TellsOfAFailure) {
    auto dsn = failed();
    dsn.parameters.envid = "QQ+20314+2B159";
    dsn.recipients[0].recipient.orcpt = "rfc822;Bob+2Bnews@Example.org";
    EXPECT_EQ(whole(dsn), golden("failed.eml"));
    EXPECT_EQ(written(dsn).parameters, MailParameters{});
}

TEST(Dsn, TellsOfADelay) {
    auto dsn = failed();
    dsn.action = DsnAction::delayed;
    dsn.id = "3f9k2d1";
    dsn.domain.reset();
    dsn.will_retry_until = kNow + seconds(5 * 86400 - 1800);
    dsn.recipients = {
        {{path("bob@example.org"), "", ""}, reply::kDownstreamDown, ""},
        {{path("carol@example.org"), "", ""}, {452, "4.2.2", {"Mailbox full"}}, "192.0.2.9:25"}};
    dsn.parameters.ret = "FULL";
    dsn.content = dsn.header + "\r\nonly a failure returns it\r\n";
    EXPECT_EQ(whole(dsn), golden("delayed.eml"));
}

TEST(Dsn, TellsThatAMessageWentWhereNoConfirmationIsSent) {
    auto dsn = failed();
    dsn.action = DsnAction::relayed;
    dsn.id = "3f9k2r1";
    dsn.recipients[0].reply = {250, "2.0.0", {"Ok: queued"}};
    dsn.recipients[0].server = "[2001:db8::9]:25";
    dsn.header =
        "From: Alice <alice@sender.example>\r\nSubject: Gr\xc3\xbc\xc3\x9f"
        "e\r\nMessage-ID: <1@sender.example>\r\n";
    EXPECT_EQ(whole(dsn), golden("relayed.eml"));
    EXPECT_EQ(written(dsn).parameters, MailParameters{}) << "7-bit in spite of the header";
}

TEST(Dsn, ReturnsTheMessageWhoseBodyHasTheBoundary) {
    auto dsn = failed();
    dsn.parameters.ret = "full";
    dsn.recipients[0].reply = reply::kDownstreamDown;
    dsn.recipients[0].server.clear();
    dsn.content =
        dsn.header + "\r\n--=_3f9k2f1_0--\r\nThis body ends the first boundary, and has no line end";
    EXPECT_EQ(whole(dsn), golden("returned.eml"));
}

TEST(Dsn, SpeaksUtf8WhereAnAddressDoes) {
    auto dsn = failed();
    dsn.reverse_path = path("zo\xc3\xab@sender.example");
    dsn.recipients[0].recipient.path = path(
        "j\xc3\xbcrgen@b\xc3\xbc"
        "cher.example");
    dsn.recipients[0].recipient.orcpt =
        "utf-8;j\xc3\xbcrgen@b\xc3\xbc"
        "cher.example";
    dsn.header =
        "From: Zo\xc3\xab <zo\xc3\xab@sender.example>\r\nSubject: Hello\r\nMessage-ID: "
        "<1@sender.example>\r\n";
    EXPECT_EQ(whole(dsn), golden("international.eml"));
    EXPECT_TRUE(written(dsn).parameters.smtputf8);
    EXPECT_EQ(written(dsn).parameters.body, BodyKind::eight_bit);
}

TEST(Dsn, ReturnsTheMessageOnlyWhereThatIsRightAndPossible) {
    const std::string body = "\r\nsecret body\r\n";
    const struct {
        std::string ret, content;
        bool require_tls, is_returned;
        const char* reason;
    } rows[] = {
        {"FULL", body, false, true, "asked for"},
        {"HDRS", body, false, false, "asked for the header"},
        {"", body, false, false, "nothing asked for: the header is enough"},
        {"FULL", body, true, false, "RFC 8689 section 5: REQUIRETLS is as RET=HDRS"},
        {"FULL", body + "\xff\r\n", false, false, "message/rfc822 cannot be encoded, and ours stays 7-bit"},
        {"FULL", body + std::string(999, 'x'), false, false, "a line no message may have"},
        {"FULL", body + std::string(1000, '\n'), false, false, "bare LF"},
    };
    for (const auto& row : rows) {
        auto dsn = failed();
        dsn.parameters.ret = row.ret;
        dsn.parameters.require_tls = row.require_tls;
        dsn.content = dsn.header + row.content;
        const auto message = written(dsn);
        EXPECT_EQ(message.body.find("secret body") != std::string::npos, row.is_returned) << row.reason;
        EXPECT_EQ(message.body.find("Content-Type: text/rfc822-headers\r\n") == std::string::npos,
                  row.is_returned)
            << row.reason;
        EXPECT_EQ(message.parameters.require_tls, row.require_tls) << row.reason;
        EXPECT_EQ(message.parameters.body, BodyKind::seven_bit) << row.reason;
    }
    auto large = failed();
    large.parameters.ret = "FULL";
    large.content = large.header + "\r\n";
    for (int i = 0; i < 2000; ++i) *large.content += "a line of some forty octets, each of them\r\n";
    ASSERT_GT(large.content->size(), kMaxReturnedOctets);
    EXPECT_EQ(written(large).body.find("a line of some forty"), std::string::npos);
}

TEST(Dsn, CutsALongHeaderBetweenTwoFields) {
    auto dsn = failed();
    dsn.header = "First: 1\r\n";
    while (dsn.header.size() < 2 * kMaxReturnedOctets) {
        dsn.header += "Received: from somewhere\r\n\tby somewhere else\r\n";
    }
    const auto body = written(dsn).body;
    EXPECT_LT(body.size(), kMaxReturnedOctets + 4000);
    EXPECT_NE(body.find("First: 1\r\n"), std::string::npos);
    EXPECT_NE(body.find("\tby somewhere else\r\n\r\n--=_3f9k2f1_0--\r\n"), std::string::npos)
        << body.substr(body.size() - 200);
}

TEST(Dsn, NamesAStatusThatFitsTheAction) {
    const struct {
        DsnAction action;
        int code;
        const char *enhanced, *status, *reason;
    } rows[] = {
        {DsnAction::failed, 550, "5.7.26", "5.7.26", "the server's own"},
        {DsnAction::failed, 550, "", "5.0.0", "it has none"},
        {DsnAction::failed, 550, "4.2.2", "5.0.0", "of another class"},
        {DsnAction::failed, 550, "5.1.1\r\nX: y", "5.0.0", "none at all"},
        {DsnAction::failed, 550, "5.1", "5.0.0", "half a code"},
        {DsnAction::failed, 550, "5.1.1.1", "5.0.0", "too much of one"},
        {DsnAction::failed, 550, "5.1.1234", "5.0.0", "three digits at most"},
        {DsnAction::failed, 451, "4.4.1", "5.4.7", "given up: RFC 3463 section 3.5"},
        {DsnAction::delayed, 451, "4.4.1", "4.4.1", "why it waits"},
        {DsnAction::delayed, 451, "", "4.0.0", "it has none"},
        {DsnAction::relayed, 250, "2.1.5", "2.1.5", "the server's own"},
        {DsnAction::relayed, 250, "", "2.0.0", "it has none"},
    };
    for (const auto& row : rows)
        EXPECT_EQ(dsn_status(row.action, {row.code, row.enhanced, {"x"}}), row.status) << row.reason;
}

TEST(Dsn, NamesServersAndNothingElse) {
    const struct {
        const char *server, *field, *reason;
    } rows[] = {
        {"mail.example.org", "\r\nRemote-MTA: dns; mail.example.org\r\n", "a name"},
        {"mail.example.org:2525", "\r\nRemote-MTA: dns; mail.example.org\r\n", "with its port"},
        {"192.0.2.9", "", "an address is no name (RFC 3464 section 2.3.5)"},
        {"10.0.0.9:25", "", "nor with its port"},
        {"2001:db8::9", "", "colons of its own"},
        {"[2001:db8::9]:25", "", "in brackets"},
        {"/run/dovecot/lmtp", "", "the path of a socket"},
        {"a\r\nX-Injected: y", "", "nonsense"},
    };
    for (const auto& row : rows) {
        auto dsn = failed();
        dsn.recipients[0].server = row.server;
        const auto body = written(dsn).body;
        if (*row.field) {
            EXPECT_NE(body.find(row.field), std::string::npos) << row.reason;
        } else {
            EXPECT_EQ(body.find("Remote-MTA"), std::string::npos) << row.reason;
        }
        EXPECT_EQ(body.find("X-Injected"), std::string::npos) << row.reason;
    }
}

TEST(Dsn, LetsNoForeignWordEndALineOrMakeItLong) {
    auto dsn = failed();
    dsn.recipients[0].reply = {550, "", {"a\r\nAction: relayed", "\x1b[2J\xc3\xbc", std::string(5000, 'w')}};
    dsn.parameters.envid = "a\r\nAction: relayed";
    dsn.recipients[0].recipient.orcpt = "rfc822;a\r\nAction: relayed";
    const auto text = whole(dsn);
    EXPECT_EQ(text.find("\r\nAction: relayed"), std::string::npos);
    EXPECT_EQ(text.find("Original-"), std::string::npos);
    EXPECT_EQ(text.find('\x1b'), std::string::npos);
    EXPECT_NE(text.find("Diagnostic-Code: smtp; 550 a??Action: relayed ?[2J??\r\n"), std::string::npos);
    for (std::size_t at = 0; at < text.size();) {
        const auto end = text.find("\r\n", at);
        ASSERT_NE(end, std::string::npos);
        EXPECT_LE(end - at, 250u);
        at = end + 2;
    }
}

TEST(Dsn, DecodesXtext) {
    const struct {
        const char *text, *decoded, *reason;
    } rows[] = {
        {"plain", "plain", "as it is"},
        {"a+2Bb+3Dc", "a+b=c", "RFC 3461 section 4"},
        {"+20", " ", "a blank"},
        {"+2b", "+2b", "digits are upper case: no xtext"},
        {"+0D+0A", "+0D+0A", "controls stay encoded"},
        {"a+2", "a+2", "cut off"},
    };
    for (const auto& row : rows) EXPECT_EQ(decoded_xtext(row.text), row.decoded) << row.reason;
}

}  // namespace
}  // namespace gatepost::protocol
