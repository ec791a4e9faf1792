// The client's side beyond plain SMTP: LMTP, XCLIENT and XFORWARD, BDAT, parameters of recipients.
#include <gtest/gtest.h>

#include "tests/protocol/client_session.h"

namespace gatepost::protocol {
namespace {

constexpr std::size_t kByLine = 0;

ClientSession greeted(ClientProtocol protocol, std::string_view keywords = "250 PIPELINING\r\n") {
    ClientSession session({"mx.example", TlsWish::never, protocol});
    session.dialogue.greet();
    EXPECT_TRUE(session.run("220 in\r\n250-in\r\n" + std::string(keywords), kByLine).starts_with("done 250"));
    session.taken();
    return session;
}

// With so many recipients accepted, up to the reply to DATA.
ClientSession in_content(ClientProtocol protocol, int recipients) {
    auto session = greeted(protocol);
    session.dialogue.begin("a@x", "");
    session.run("");
    for (int i = 0; i < recipients; ++i) {
        session.dialogue.recipient("b@ours");
        EXPECT_EQ(session.run(i == 0 ? "250 ok\r\n250 ok\r\n" : "250 ok\r\n"), "done 250 ok");
    }
    session.dialogue.data();
    EXPECT_EQ(session.run("354 go\r\n"), "done 354 go");
    session.taken();
    return session;
}

std::string codes(const ClientSession& session) {
    std::string text;
    for (const auto& reply : session.dialogue.outcomes()) text += std::to_string(reply.code) + " ";
    return text;
}

TEST(Lmtp, GreetsWithLhloAndNothingElse) {
    ClientSession session({"mx.example", TlsWish::never, ClientProtocol::lmtp});
    session.dialogue.greet();
    EXPECT_EQ(session.run("220 in LMTP\r\n250-in\r\n250 8BITMIME\r\n", kByLine), "done 250 in 8BITMIME");
    EXPECT_EQ(session.sent, "LHLO mx.example\r\n");
    ClientSession smtp_server({"mx.example", TlsWish::never, ClientProtocol::lmtp});
    smtp_server.dialogue.greet();
    EXPECT_EQ(smtp_server.run("220 in\r\n500 what?\r\n", kByLine), "done 500 what?")
        << "no HELO: RFC 2033 section 4.1";
    EXPECT_EQ(smtp_server.sent, "LHLO mx.example\r\n");
}

TEST(Lmtp, StartsTlsWithLhlo) {
    ClientSession session({"mx.example", TlsWish::required, ClientProtocol::lmtp});
    session.dialogue.greet();
    session.run("220 in\r\n250-in\r\n250 STARTTLS\r\n220 go\r\n250-in\r\n250 DSN\r\n", kByLine);
    EXPECT_EQ(session.sent, "LHLO mx.example\r\nSTARTTLS\r\n<TLS>LHLO mx.example\r\n");
}

TEST(Lmtp, WaitsForOneReplyARecipientInOrder) {  // RFC 2033 section 4.2
    const struct {
        int recipients;
        std::string_view script, want, codes;
        bool is_at_rest, is_usable;
        const char* why;
    } rows[] = {
        {1, "250 a\r\n", "done 250 a", "250 ", true, true, "one"},
        {3, "250 a\r\n250-b\r\n250 b\r\n250 c\r\n", "done 250 c", "250 250 250 ", true, true, "all well"},
        {3, "250 a\r\n550 b\r\n451 c\r\n", "done 550 b", "250 550 451 ", true, true, "the first refusal"},
        {3, "451 a\r\n452 b\r\n550 c\r\n", "done 451 a", "451 452 550 ", true, true, "all refused"},
        {3, "250 a\r\n250 b\r\n", "waiting", "250 250 ", false, true, "too few"},
        {2, "250 a\r\n550 b\r\n250 c\r\n", "done 550 b", "250 550 ", false, true, "too many: no more use"},
        {1, "250 a\r\n250 a\r\n", "done 250 a", "250 ", false, true, "too many: no more use"},
        {3, "250 a\r\n421 b\r\n", "done 421 b", "250 421 421 ", true, false, "421 speaks for the rest"},
        {1, "421 a\r\n", "done 421 a", "421 ", true, false, "421 at once"},
        {2, "250 a\r\n354 b\r\n", "unknown unexpected reply: 354 b", "250 ", true, false, "nonsense"},
    };
    for (const auto& row : rows) {
        auto session = in_content(ClientProtocol::lmtp, row.recipients);
        session.dialogue.end_of_content();
        EXPECT_EQ(session.run(row.script), row.want) << row.why;
        EXPECT_EQ(codes(session), row.codes) << row.why;
        EXPECT_EQ(session.dialogue.is_usable(), row.is_usable) << row.why;
        const bool is_done = row.want.starts_with("done");
        EXPECT_EQ(is_done && session.dialogue.is_at_rest(), is_done && row.is_at_rest) << row.why;
        session.dialogue.connection_lost();
        if (row.want == "waiting") {
            EXPECT_EQ(session.run(""), "unknown connection lost") << "some of them may have it";
        }
    }
}

TEST(Lmtp, CountsTheAcceptedRecipientsOfThisMessageOnly) {
    auto session = greeted(ClientProtocol::lmtp);
    for (int message = 0; message < 2; ++message) {
        session.dialogue.begin("a@x", "");
        session.run("");
        session.dialogue.recipient("b@ours");
        session.run("250 ok\r\n250 ok\r\n");
        session.dialogue.recipient("c@ours");
        session.run("550 no\r\n");
        session.dialogue.data();
        session.run("354 go\r\n");
        session.dialogue.end_of_content();
        EXPECT_EQ(session.run("250 taken\r\n"), "done 250 taken");
        EXPECT_EQ(codes(session), "250 ");
    }
    session.dialogue.begin("a@x", "");
    session.run("");
    session.dialogue.recipient("b@ours");
    session.run("250 ok\r\n250 ok\r\n");
    session.dialogue.reset();
    session.run("250 ok\r\n");
    session.dialogue.data();
    EXPECT_EQ(session.run("354 go\r\n"), "failed content wanted for no recipient");
}

TEST(Smtp, HasOneReplyWhateverTheRecipients) {
    auto session = in_content(ClientProtocol::smtp, 3);
    session.dialogue.end_of_content();
    EXPECT_EQ(session.run("250 all\r\n"), "done 250 all");
    EXPECT_EQ(codes(session), "250 ");
}

TEST(Xclient, ComesOneByOneAndGreetsAgain) {
    for (const auto protocol : {ClientProtocol::smtp, ClientProtocol::lmtp}) {
        auto session = greeted(protocol, "250-DSN\r\n250 XCLIENT ADDR NAME\r\n");
        session.dialogue.xclient({"XCLIENT HELO=x", "XCLIENT ADDR=192.0.2.1"});
        EXPECT_EQ(session.run("220 one\r\n", kByLine), "waiting");
        EXPECT_EQ(session.taken(), "XCLIENT HELO=x\r\nXCLIENT ADDR=192.0.2.1\r\n") << "one after the other";
        EXPECT_EQ(session.run("220 two\r\n250-in\r\n250 SMTPUTF8\r\n", kByLine), "done 250 in SMTPUTF8");
        EXPECT_EQ(session.taken(),
                  protocol == ClientProtocol::lmtp ? "LHLO mx.example\r\n" : "EHLO mx.example\r\n");
        EXPECT_TRUE(session.dialogue.capabilities().smtputf8);
        EXPECT_FALSE(session.dialogue.capabilities().dsn) << "what was said before counts no more";
        EXPECT_TRUE(session.dialogue.is_at_rest());
    }
}

TEST(Xclient, EndsAtARefusal) {
    const struct {
        std::string_view script, want;
        bool is_usable;
    } rows[] = {
        {"550 5.7.0 insufficient authorization\r\n", "done 550 5.7.0 insufficient authorization", true},
        {"220 one\r\n501 bad NAME\r\n", "done 501 bad NAME", true},
        {"421 bye\r\n", "done 421 bye", false},
        {"220 one\r\n220 two\r\n554 5.7.1 not you\r\n", "done 554 5.7.1 not you", true},
        {"220 one\r\n220 two\r\n421 bye\r\n", "done 421 bye", false},
        {"354 go\r\n", "failed unexpected reply: 354 go", false},
    };
    for (const auto& row : rows) {
        auto session = greeted(ClientProtocol::smtp, "250 XCLIENT ADDR NAME\r\n");
        session.dialogue.xclient({"XCLIENT NAME=x", "XCLIENT ADDR=192.0.2.1"});
        EXPECT_EQ(session.run(row.script, kByLine), row.want);
        EXPECT_EQ(session.dialogue.is_usable(), row.is_usable);
        EXPECT_EQ(session.sent.find("HELO mx"), std::string::npos);
    }
}

TEST(Xclient, DoesNotAskForTlsAgain) {
    ClientSession session({"mx.example", TlsWish::if_offered});
    session.dialogue.greet();
    session.run("220 in\r\n250-in\r\n250-XCLIENT ADDR\r\n250 STARTTLS\r\n454 later\r\n", kByLine);
    session.taken();
    session.dialogue.xclient({"XCLIENT ADDR=192.0.2.1"});
    EXPECT_EQ(session.run("220 in\r\n250-in\r\n250 STARTTLS\r\n", kByLine), "done 250 in STARTTLS");
    EXPECT_EQ(session.taken(), "XCLIENT ADDR=192.0.2.1\r\nEHLO mx.example\r\n");
}

TEST(Xforward, IsAnsweredAndThatIsAll) {
    auto session = greeted(ClientProtocol::smtp, "250 XFORWARD ADDR NAME\r\n");
    session.dialogue.xforward({"XFORWARD ADDR=192.0.2.1", "XFORWARD NAME=x"});
    EXPECT_EQ(session.run("250 ok\r\n250 ok too\r\n", kByLine), "done 250 ok too");
    EXPECT_EQ(session.taken(), "XFORWARD ADDR=192.0.2.1\r\nXFORWARD NAME=x\r\n");
    session.dialogue.xforward({});
    EXPECT_EQ(session.run(""), "done 250 nothing to say");
    session.dialogue.xforward({"XFORWARD NAME=x\r\nRSET"});
    EXPECT_TRUE(session.run("").starts_with("failed"));
    EXPECT_EQ(session.taken(), "");
}

TEST(Chunk, IsSentWithoutAskingAndAnsweredAtItsEnd) {  // RFC 3030 section 2
    auto session = greeted(ClientProtocol::smtp, "250-CHUNKING\r\n250 BINARYMIME\r\n");
    EXPECT_TRUE(session.dialogue.capabilities().binarymime);
    session.dialogue.begin("a@x", "BODY=BINARYMIME");
    session.run("");
    session.dialogue.recipient("b@ours");
    session.run("250 ok\r\n250 ok\r\n", kByLine);
    session.taken();
    session.dialogue.last_chunk(12345);
    EXPECT_TRUE(session.run("").starts_with("done 354"));
    EXPECT_EQ(session.taken(), "BDAT 12345 LAST\r\n");
    session.dialogue.end_of_content();
    EXPECT_EQ(session.run("250 taken\r\n"), "done 250 taken");
    session.dialogue.last_chunk(1);
    session.run("");
    session.dialogue.end_of_content();
    session.dialogue.connection_lost();
    EXPECT_EQ(session.run(""), "unknown connection lost");
}

TEST(Recipient, TakesItsParametersAlong) {
    auto session = greeted(ClientProtocol::smtp);
    session.dialogue.begin("a@x", "RET=HDRS ENVID=q+2B1");
    session.run("");
    session.dialogue.recipient("b@ours", "NOTIFY=NEVER ORCPT=rfc822;b@ours");
    session.run("250 ok\r\n250 ok\r\n");
    EXPECT_EQ(
        session.taken(),
        "MAIL FROM:<a@x> RET=HDRS ENVID=q+2B1\r\nRCPT TO:<b@ours> NOTIFY=NEVER ORCPT=rfc822;b@ours\r\n");
    session.dialogue.recipient("b@ours", "ORCPT=rfc822;b\r\nRSET");
    EXPECT_TRUE(session.run("").starts_with("failed"));
    EXPECT_EQ(session.taken(), "");
}

}  // namespace
}  // namespace gatepost::protocol
