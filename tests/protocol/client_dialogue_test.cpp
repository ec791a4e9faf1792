#include "protocol/client_dialogue.h"

#include <gtest/gtest.h>

#include "tests/protocol/client_session.h"

namespace gatepost::protocol {
namespace {

constexpr std::size_t kByLine = 0;

ClientSession greeted(std::string_view keywords = "250-PIPELINING\r\n250 8BITMIME\r\n") {
    ClientSession session({"mx.example", TlsWish::never});
    session.dialogue.greet();
    EXPECT_TRUE(session.run("220 in\r\n250-in\r\n" + std::string(keywords), kByLine).starts_with("done 250"));
    session.taken();
    return session;
}

TEST(ClientDialogue, GreetsAndLearnsWhatTheServerCan) {
    for (std::size_t portion : {std::size_t{1}, kByLine}) {
        ClientSession session({"mx.example", TlsWish::never});
        session.dialogue.greet();
        EXPECT_EQ(
            session.run("220-in.example\r\n220 ready\r\n250-in.example\r\n250-size 1000\r\n250-PIPELINING\r\n"
                        "250-STARTTLS\r\n250-XYZZY\r\n250 SMTPUTF8\r\n",
                        portion),
            "done 250 in.example size 1000 PIPELINING STARTTLS XYZZY SMTPUTF8");
        EXPECT_EQ(session.sent, "EHLO mx.example\r\n");
        const auto& can = session.dialogue.capabilities();
        EXPECT_TRUE(can.is_extended && can.size && can.pipelining && can.starttls && can.smtputf8);
        EXPECT_FALSE(can.eight_bit_mime || can.dsn || can.chunking);
        EXPECT_EQ(can.max_size, 1000u);
    }
}

TEST(ClientDialogue, FallsBackToHelo) {
    ClientSession session({"mx.example", TlsWish::if_offered});
    session.dialogue.greet();
    EXPECT_EQ(session.run("220 in\r\n502 what?\r\n250 in\r\n", kByLine), "done 250 in");
    EXPECT_EQ(session.sent, "EHLO mx.example\r\nHELO mx.example\r\n");
    EXPECT_FALSE(session.dialogue.capabilities().is_extended);
}

TEST(ClientDialogue, StartsTlsAndBeginsAgain) {
    ClientSession session({"mx.example", TlsWish::required});
    session.dialogue.greet();
    EXPECT_EQ(session.run("220 in\r\n250-in\r\n250 STARTTLS\r\n220 go\r\n250-in\r\n250 DSN\r\n", kByLine),
              "done 250 in DSN");
    EXPECT_EQ(session.sent, "EHLO mx.example\r\nSTARTTLS\r\n<TLS>EHLO mx.example\r\n");
    EXPECT_TRUE(session.dialogue.is_tls());
    EXPECT_TRUE(session.dialogue.capabilities().dsn);
    EXPECT_FALSE(session.dialogue.capabilities().starttls);
}

TEST(ClientDialogue, MindsItsTlsWish) {
    const struct {
        TlsWish wish;
        std::string_view script, want;
    } rows[] = {
        {TlsWish::never, "220 in\r\n250-in\r\n250 STARTTLS\r\n", "done 250 in STARTTLS"},
        {TlsWish::if_offered, "220 in\r\n250 in\r\n", "done 250 in"},
        {TlsWish::if_offered, "220 in\r\n250-in\r\n250 STARTTLS\r\n454 later\r\n", "done 250 in STARTTLS"},
        {TlsWish::required, "220 in\r\n250 in\r\n", "failed STARTTLS is not offered"},
        {TlsWish::required, "220 in\r\n500 what?\r\n250 in\r\n", "failed STARTTLS is not offered"},
        {TlsWish::required, "220 in\r\n250-in\r\n250 STARTTLS\r\n454 later\r\n",
         "failed STARTTLS refused: 454 later"},
    };
    for (const auto& row : rows) {
        ClientSession session({"mx.example", row.wish});
        session.dialogue.greet();
        EXPECT_EQ(session.run(row.script, kByLine), row.want);
    }
}

TEST(ClientDialogue, TakesNothingThatStandsBehindThe220InTheClear) {  // notes/attacks.md 19
    ClientSession session({"mx.example", TlsWish::if_offered});
    session.dialogue.greet();
    session.run("220 in\r\n250-in\r\n250 STARTTLS\r\n", kByLine);
    EXPECT_EQ(session.run("220 go\r\n250 injected\r\n"),
              "failed octets behind the reply to STARTTLS in the clear");
    EXPECT_EQ(session.sent.find("<TLS>"), std::string::npos);
}

TEST(ClientDialogue, SendsMailWithTheFirstRecipient) {
    auto session = greeted();
    session.dialogue.begin("a@x", "SIZE=10 BODY=8BITMIME");
    EXPECT_EQ(session.run(""), "done 250 noted");
    EXPECT_EQ(session.taken(), "");
    session.dialogue.recipient("b@ours");
    EXPECT_EQ(session.run("250 sender\r\n550 5.1.1 unknown\r\n"), "done 550 5.1.1 unknown");
    EXPECT_EQ(session.taken(), "MAIL FROM:<a@x> SIZE=10 BODY=8BITMIME\r\nRCPT TO:<b@ours>\r\n");
    session.dialogue.recipient("c@ours");
    EXPECT_EQ(session.run("250 yes\r\n"), "done 250 yes");
    EXPECT_EQ(session.taken(), "RCPT TO:<c@ours>\r\n");
    session.dialogue.data();
    EXPECT_EQ(session.run("354 go\r\n"), "done 354 go");
    session.dialogue.end_of_content();
    EXPECT_EQ(session.run("250 2.6.0 taken\r\n"), "done 250 2.6.0 taken");
    session.dialogue.quit();
    EXPECT_EQ(session.run("221 bye\r\n"), "done 221 bye");
    EXPECT_EQ(session.taken(), "DATA\r\nQUIT\r\n");
    EXPECT_FALSE(session.dialogue.is_usable());
}

TEST(ClientDialogue, WaitsForMailsReplyWithoutPipelining) {
    auto session = greeted("250 8BITMIME\r\n");
    session.dialogue.begin("", "");
    session.dialogue.recipient("b@ours");
    EXPECT_EQ(session.run(""), "done 250 noted");
    EXPECT_EQ(session.run(""), "waiting");
    EXPECT_EQ(session.taken(), "MAIL FROM:<>\r\n");
    EXPECT_EQ(session.run("250 ok\r\n250 ok\r\n", kByLine), "done 250 ok");
    EXPECT_EQ(session.taken(), "RCPT TO:<b@ours>\r\n");
}

TEST(ClientDialogue, AnswersEveryRecipientWithTheRefusalOfMail) {
    for (const char* keywords : {"250 PIPELINING\r\n", "250 8BITMIME\r\n"}) {
        auto session = greeted(keywords);
        const bool pipelines = session.dialogue.capabilities().pipelining;
        session.dialogue.begin("a@x", "");
        session.run("");
        session.dialogue.recipient("b@ours");
        EXPECT_EQ(session.run(pipelines ? "451 4.3.0 not now\r\n503 no MAIL\r\n" : "451 4.3.0 not now\r\n"),
                  "done 451 4.3.0 not now");
        session.taken();
        session.dialogue.recipient("c@ours");
        EXPECT_EQ(session.run(""), "done 451 4.3.0 not now");
        EXPECT_EQ(session.taken(), "");
        session.dialogue.reset();
        EXPECT_EQ(session.run("250 ok\r\n"), "done 250 ok");
        session.dialogue.begin("a@x", "");
        session.run("");
        session.dialogue.recipient("c@ours");
        session.run("");
        EXPECT_TRUE(session.taken().starts_with("RSET\r\nMAIL FROM:<a@x>\r\n"));
    }
}

TEST(ClientDialogue, TakesNonsenseForAFailure) {  // notes/attacks.md R7
    const struct {
        const char *at, *reply, *want;
    } rows[] = {
        {"recipient", "354 go\r\n", "failed unexpected reply: 354 go"},
        {"recipient", "150 hm\r\n", "failed reply code of no known class"},
        {"recipient", "hello\r\n", "failed reply without a code"},
        {"data", "250 ok\r\n", "failed unexpected reply: 250 ok"},
        {"data", "334 go\r\n", "failed unexpected reply: 334 go"},
        {"end", "354 go\r\n", "unknown unexpected reply: 354 go"},
        {"end", "250-half\r\n550 other\r\n", "unknown reply lines with different codes"},
        {"end", "garbage\r\n", "unknown reply without a code"},
    };
    for (const auto& row : rows) {
        auto session = greeted();
        session.dialogue.begin("a@x", "");
        session.run("");
        session.dialogue.recipient("b@ours");
        const std::string at = row.at;
        std::string got = session.run(at == "recipient" ? row.reply : "250 ok\r\n250 ok\r\n");
        if (at != "recipient") {
            session.dialogue.data();
            got = session.run(at == "data" ? row.reply : "354 go\r\n");
        }
        if (at == "end") {
            session.dialogue.end_of_content();
            got = session.run(row.reply);
        }
        EXPECT_EQ(got, row.want);
        EXPECT_FALSE(session.dialogue.is_usable());
    }
}

// Two replies to DATA: the second one is there before the content ends, and whose reply it is nobody knows.
TEST(ClientDialogue, DoesNotKnowTheOutcomeWhenAReplyCameTooEarly) {
    auto session = greeted();
    session.dialogue.begin("a@x", "");
    session.run("");
    session.dialogue.recipient("b@ours");
    session.run("250 ok\r\n250 ok\r\n");
    session.dialogue.data();
    EXPECT_EQ(session.run("354 go\r\n550 no\r\n"), "done 354 go");
    session.dialogue.end_of_content();
    EXPECT_EQ(session.run(""), "unknown reply without a command");
    EXPECT_FALSE(session.dialogue.is_usable());
}

TEST(ClientDialogue, KnowsWhenTheOutcomeIsUnknown) {  // notes/attacks.md R6
    for (const bool after_the_dot : {false, true}) {
        for (const char* half : {"", "250", "250-only\r\n"}) {
            auto session = greeted();
            session.dialogue.begin("a@x", "");
            session.run("");
            session.dialogue.recipient("b@ours");
            session.run("250 ok\r\n250 ok\r\n");
            session.dialogue.data();
            session.run("354 go\r\n");
            if (after_the_dot) {
                session.dialogue.end_of_content();
                EXPECT_EQ(session.run(half), "waiting");
            }
            session.dialogue.connection_lost();
            EXPECT_EQ(session.run(""), after_the_dot ? "unknown connection lost" : "failed connection lost");
            session.dialogue.out_of_time();
            EXPECT_EQ(session.run(""), after_the_dot ? "unknown connection lost" : "failed connection lost")
                << "the first reason stays";
        }
    }
}

TEST(ClientDialogue, IsOverAfter421) {
    auto session = greeted();
    session.dialogue.begin("a@x", "");
    session.run("");
    session.dialogue.recipient("b@ours");
    EXPECT_EQ(session.run("421 4.3.2 going down\r\n"), "done 421 4.3.2 going down");
    EXPECT_FALSE(session.dialogue.is_usable());
    session.dialogue.reset();
    EXPECT_EQ(session.run(""), "failed the connection is closing");
}

TEST(ClientDialogue, NeverTakesAReplyThatCameTooEarly) {
    {
        auto session = greeted();
        session.dialogue.begin("a@x", "");
        session.run("");
        session.dialogue.recipient("b@ours");
        EXPECT_EQ(session.run("250 ok\r\n250 ok\r\n354 early\r\n"), "done 250 ok");
        session.dialogue.data();
        EXPECT_EQ(session.run(""), "failed reply without a command");
    }
    {
        auto session = greeted();
        session.dialogue.begin("a@x", "");
        session.run("");
        session.dialogue.recipient("b@ours");
        session.run("250 ok\r\n250 ok\r\n");
        session.dialogue.data();
        EXPECT_EQ(session.run("354 go\r\n250 taken before it was sent\r\n"), "done 354 go");
        session.dialogue.end_of_content();
        EXPECT_TRUE(session.run("").ends_with("reply without a command"));
    }
    ClientSession session({"mx.example", TlsWish::never});
    session.dialogue.greet();
    EXPECT_EQ(session.run("220 in\r\n250 too early\r\n"), "failed reply without a command");
}

TEST(ClientDialogue, SendsNoLineEndInAnAddress) {
    for (const char* path : {"a@x>\r\nRCPT TO:<evil@y", "a\r@x", "a\n@x"}) {
        auto session = greeted();
        session.dialogue.begin(path, "");
        EXPECT_TRUE(session.run("").starts_with("failed"));
        auto other = greeted();
        other.dialogue.begin("a@x", "");
        other.run("");
        other.dialogue.recipient(path);
        EXPECT_TRUE(other.run("").starts_with("failed"));
        EXPECT_EQ(session.sent + other.sent, "");
    }
}

TEST(ClientDialogue, ReportsARefusedGreeting) {
    for (const char* banner : {"554 no\r\n", "421 busy\r\n"}) {
        ClientSession session({"mx.example", TlsWish::never});
        session.dialogue.greet();
        EXPECT_EQ(session.run(banner),
                  "done " + std::string(banner).substr(0, std::string(banner).size() - 2));
        EXPECT_EQ(session.sent, "");
    }
}

}  // namespace
}  // namespace gatepost::protocol
