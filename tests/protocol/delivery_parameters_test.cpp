#include "protocol/delivery_parameters.h"

#include <gtest/gtest.h>

#include <string>

#include "tests/protocol/dialogue_session.h"

namespace gatepost::protocol {
namespace {

using Lines = std::vector<std::string>;

TEST(DeliveryParameters, ReadXtextAsWritten) {  // RFC 3461 section 4
    for (std::string_view good : {"", "abc", "a+2Bb", "QQ314159", "+20", "<a@b>", "+7E", "A+3DB"})
        EXPECT_TRUE(is_xtext(good)) << good;
    for (std::string_view bad : {"a b", "a=b", "+", "+2", "a+2", "+2b", "+GG", "+0D+0A", "+00", "+7F", "+80",
                                 "+FF", "+1F", "\x7f", "\t", "a\xc3\xbc"})
        EXPECT_FALSE(is_xtext(bad)) << bad;
}

TEST(DeliveryParameters, KnowWhatMayBeAskedFor) {
    for (std::string_view good : {"NEVER", "never", "SUCCESS", "FAILURE,DELAY", "DELAY,FAILURE,success"})
        EXPECT_TRUE(is_notify(good)) << good;
    for (std::string_view bad :
         {"", "NEVER,FAILURE", "FAILURE,NEVER", "SUCCESS,SUCCESS", "success,SUCCESS", "SUCCESS,", ",SUCCESS",
          "ALWAYS", "SUCCESS DELAY", "SUCCESS;DELAY", "SUCCESS,,DELAY"})
        EXPECT_FALSE(is_notify(bad)) << bad;
    EXPECT_TRUE(is_ret("FULL"));
    EXPECT_TRUE(is_ret("hdrs"));
    for (std::string_view bad : {"", "HEADERS", "FULL,HDRS", "BODY"}) EXPECT_FALSE(is_ret(bad)) << bad;
}

TEST(DeliveryParameters, AreBounded) {
    EXPECT_TRUE(is_envid(std::string(100, 'x')));
    EXPECT_FALSE(is_envid(std::string(101, 'x')));
    EXPECT_FALSE(is_envid(""));
    EXPECT_TRUE(is_orcpt("rfc822;" + std::string(493, 'x'), Utf8::refused));
    EXPECT_FALSE(is_orcpt("rfc822;" + std::string(494, 'x'), Utf8::refused));
}

TEST(DeliveryParameters, TakeAnOriginalRecipientOfAnyType) {
    for (std::string_view good : {"rfc822;bob@example.org", "RFC822;a+2Bb@c", "x400;/c=us"}) {
        EXPECT_EQ(is_orcpt(good, Utf8::refused), good != "x400;/c=us") << good;  // "=" must be "+3D"
    }
    EXPECT_TRUE(is_orcpt("utf-8;b\\x{FC}b@example.org", Utf8::refused));
    EXPECT_TRUE(is_orcpt("utf-8;b\xc3\xbc@example.org", Utf8::allowed));
    for (std::string_view bad : {"", ";", "rfc822", "rfc822;", ";a@b", "rfc 822;a@b", "rfc822;a+0D+0ADATA",
                                 "rfc(;a", "rfc822;b\xc3\xbc@c", "utf-8;b\xc3@c", "utf-8;\xc2\x85",
                                 "utf-8;\xc3\xbc+0A", "utf-8;\xed\xa0\x80", "\xc3\xbc;a@b"})
        EXPECT_FALSE(is_orcpt(bad, Utf8::allowed)) << bad;
    EXPECT_FALSE(is_orcpt("utf-8;b\xc3\xbc@example.org", Utf8::refused));
}

DialogueSettings settings() {
    DialogueSettings settings{"mx.example"};
    settings.offers_dsn = true;
    settings.offers_binarymime = true;
    settings.offers_requiretls = true;
    settings.offers_tls = true;
    return settings;
}

// The last reply to `line`, in a session with everything offered, in or outside TLS.
std::string reply_to(const std::string& line, bool in_tls, const std::string& before = {}) {
    DialogueSession session(settings());
    session.feed("EHLO x\r\n");
    if (in_tls) {
        session.feed("STARTTLS\r\n");
        session.feed("EHLO x\r\n");
    }
    session.feed(before);
    session.taken_lines();
    session.feed(line + "\r\n");
    const auto lines = session.taken_lines();
    return lines.empty() ? "nothing" : lines.back();
}

TEST(DeliveryParameters, ComeWithMailAndRcpt) {
    const struct {
        std::string line, reply;
        bool in_tls = false;
    } rows[] = {
        {"MAIL FROM:<a@x> RET=HDRS ENVID=QQ+2B1", "250 "},
        {"MAIL FROM:<a@x> RET=HDRS RET=FULL", "501 5.5.4"},
        {"MAIL FROM:<a@x> RET", "501 5.5.4"},
        {"MAIL FROM:<a@x> RET=", "501 5.5.4"},
        {"MAIL FROM:<a@x> ENVID=a+0Ab", "501 5.5.4"},
        {"MAIL FROM:<a@x> NOTIFY=NEVER", "555 5.5.4"},
        {"MAIL FROM:<a@x> BODY=BINARYMIME", "250 "},
        {"MAIL FROM:<a@x> BODY=BINARY", "501 5.5.4"},
        {"MAIL FROM:<a@x> REQUIRETLS", "530 5.7.10"},
        {"MAIL FROM:<a@x> REQUIRETLS", "250 ", true},
        {"MAIL FROM:<a@x> REQUIRETLS=YES", "501 5.5.4", true},
    };
    for (const auto& row : rows) {
        const auto reply = reply_to(row.line, row.in_tls);
        EXPECT_TRUE(reply.starts_with(row.reply)) << row.line << ": " << reply;
    }
    const struct {
        std::string line, reply;
    } recipients[] = {
        {"RCPT TO:<b@o> NOTIFY=SUCCESS,DELAY ORCPT=rfc822;b@o", "250 "},
        {"RCPT TO:<b@o> NOTIFY=NEVER,DELAY", "501 5.5.4"},
        {"RCPT TO:<b@o> NOTIFY", "501 5.5.4"},
        {"RCPT TO:<b@o> ORCPT=rfc822;b+0D+0ARSET", "501 5.5.4"},
        {"RCPT TO:<b@o> ORCPT=rfc822;b ORCPT=rfc822;b", "501 5.5.4"},
        {"RCPT TO:<b@o> RET=FULL", "555 5.5.4"},
        {"RCPT TO:<b@o> SIZE=1", "555 5.5.4"},
    };
    for (const auto& row : recipients) {
        const auto reply = reply_to(row.line, false, "MAIL FROM:<a@x>\r\n");
        EXPECT_TRUE(reply.starts_with(row.reply)) << row.line << ": " << reply;
    }
}

TEST(DeliveryParameters, AreUnknownUnlessOffered) {
    for (const std::string parameter : {"RET=FULL", "ENVID=a", "BODY=BINARYMIME", "REQUIRETLS"}) {
        DialogueSession session(DialogueSettings{"mx.example"});
        session.feed("EHLO x\r\n");
        session.taken_lines();
        session.feed("MAIL FROM:<a@x> " + parameter + "\r\n");
        EXPECT_TRUE(session.taken_lines().back().starts_with("555 5.5.4")) << parameter;
    }
    DialogueSession session(DialogueSettings{"mx.example"});
    session.feed("EHLO x\r\nMAIL FROM:<a@x>\r\n");
    session.taken_lines();
    session.feed("RCPT TO:<b@o> NOTIFY=NEVER\r\nRCPT TO:<b@o> ORCPT=rfc822;b@o\r\n");
    for (const auto& line : session.taken_lines()) EXPECT_TRUE(line.starts_with("555 5.5.4")) << line;
}

TEST(DeliveryParameters, AreKeptAsTheyCame) {
    const auto mail = parse_mail("FROM:<a@x> ret=Hdrs EnvId=a+2Bb", {.dsn = true});
    ASSERT_TRUE(std::holds_alternative<MailCommand>(mail));
    EXPECT_EQ(std::get<MailCommand>(mail).parameters.ret, "Hdrs");
    EXPECT_EQ(std::get<MailCommand>(mail).parameters.envid, "a+2Bb");
    const auto rcpt = parse_rcpt("TO:<b@o> NOTIFY=success,Delay ORCPT=RFC822;b+2Bc@O", {.dsn = true});
    ASSERT_TRUE(std::holds_alternative<Recipient>(rcpt));
    EXPECT_EQ(std::get<Recipient>(rcpt).notify, "success,Delay");
    EXPECT_EQ(std::get<Recipient>(rcpt).orcpt, "RFC822;b+2Bc@O");
}

TEST(DeliveryParameters, FitIntoALineOf1036Octets) {  // specs/smtp.md section 11 test 8
    std::string line = "RCPT TO:<b@o> NOTIFY=SUCCESS,FAILURE,DELAY ORCPT=rfc822;";
    line += std::string(500 - 7, 'x');
    EXPECT_TRUE(reply_to(line, false, "MAIL FROM:<a@x>\r\n").starts_with("250 "));
    const std::string local(64, 'l'), label(61, 'd');
    const std::string path = local + "@" + label + "." + label + "." + label;
    std::string long_line =
        "RCPT TO:<" + path + "> NOTIFY=SUCCESS,FAILURE,DELAY ORCPT=utf-8;" + std::string(494, 'y');
    long_line.insert(long_line.find('<'), 1036 - 2 - long_line.size(), ' ');
    ASSERT_EQ(long_line.size() + 2, 1036u);
    EXPECT_TRUE(reply_to(long_line, false, "MAIL FROM:<a@x>\r\n").starts_with("250 "));
}

// Both ways, the Domain is the same.
TEST(InternationalDomains, AreOneInBothSpellings) {
    const Extensions utf8{.smtputf8 = true};
    const auto u = parse_rcpt("TO:<b@m\xc3\xbcller.example>", utf8);
    const auto a = parse_rcpt("TO:<b@XN--mller-kva.example>", utf8);
    ASSERT_TRUE(std::holds_alternative<Recipient>(u));
    ASSERT_TRUE(std::holds_alternative<Recipient>(a));
    EXPECT_EQ(std::get<Recipient>(u).path.domain, std::get<Recipient>(a).path.domain);
    EXPECT_EQ(std::get<Recipient>(u).path.domain, Domain::parse("m\xc3\xbcller.example"));
    EXPECT_EQ(std::get<Recipient>(u).path.text(), "b@xn--mller-kva.example");
    const auto plain = parse_rcpt("TO:<b@m\xc3\xbcller.example>", {.smtputf8 = false});
    ASSERT_TRUE(std::holds_alternative<FixedReply>(plain));
    EXPECT_EQ(std::get<FixedReply>(plain).code, 553);
}

TEST(Capabilities, AreThoseOfThePhaseTheSessionIsIn) {
    DialogueSession session(settings());
    session.feed("EHLO x\r\n");
    EXPECT_EQ(session.taken_lines(),
              (Lines{"220 mx.example ESMTP", "250-mx.example", "250-PIPELINING", "250-SIZE 52428800",
                     "250-8BITMIME", "250-SMTPUTF8", "250-CHUNKING", "250-BINARYMIME", "250-DSN",
                     "250-STARTTLS", "250-LIMITS RCPTMAX=100 MAILMAX=1000", "250 ENHANCEDSTATUSCODES"}));
    session.feed("STARTTLS\r\n");
    session.feed("EHLO x\r\n");
    EXPECT_EQ(session.taken_lines(),
              (Lines{"220 2.0.0 Ready to start TLS", "250-mx.example", "250-PIPELINING", "250-SIZE 52428800",
                     "250-8BITMIME", "250-SMTPUTF8", "250-CHUNKING", "250-BINARYMIME", "250-DSN",
                     "250-REQUIRETLS", "250-LIMITS RCPTMAX=100 MAILMAX=1000", "250 ENHANCEDSTATUSCODES"}));
}

TEST(Capabilities, DoNotPromiseWhatNeedsAnother) {
    DialogueSettings without_8bit = settings(), without_chunks = settings();
    without_8bit.offers_8bitmime = false;
    without_chunks.offers_chunking = false;
    for (const auto& chosen : {without_8bit, without_chunks}) {
        DialogueSession session(chosen);
        session.feed("EHLO x\r\n");
        for (const auto& line : session.taken_lines()) EXPECT_EQ(line.find("BINARYMIME"), std::string::npos);
        session.feed("MAIL FROM:<a@x> BODY=BINARYMIME\r\n");
        EXPECT_TRUE(session.taken_lines().back().starts_with("555 5.5.4"));
    }
}

TEST(Limits, EndASessionOfTooManyTransactions) {
    DialogueSettings chosen{"mx.example"};
    chosen.transactions = 3;
    DialogueSession session(chosen);
    session.feed("EHLO x\r\n");
    const auto hello = session.taken_lines();
    EXPECT_NE(std::find(hello.begin(), hello.end(), "250-LIMITS RCPTMAX=100 MAILMAX=3"), hello.end());
    for (int i = 0; i < 3; ++i) session.feed("MAIL FROM:<a@x>\r\nRSET\r\n");
    EXPECT_EQ(session.taken_lines().size(), 6u);
    session.feed("MAIL FROM:<a@x>\r\nNOOP\r\n");
    EXPECT_EQ(session.taken_lines(), Lines{"421 4.7.0 Too many messages in one session, closing"});
    EXPECT_TRUE(session.is_closed);
}

}  // namespace
}  // namespace gatepost::protocol
