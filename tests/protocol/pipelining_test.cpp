// Who sends on where a reply is due (RFC 2920 section 3.1, specs/smtp.md M-12, M-13).
#include <gtest/gtest.h>

#include <cstring>
#include <string>

#include "tests/protocol/dialogue_session.h"

namespace gatepost::protocol {
namespace {

DialogueSession begun(const std::string& hello, bool refuses, bool offers_tls = true) {
    DialogueSettings settings{"mx.example", 100000};
    settings.refuses_unauthorized_pipelining = refuses;
    settings.offers_tls = offers_tls;
    DialogueSession session(settings);
    session.feed("");
    session.feed(hello);
    session.taken_lines();
    return session;
}

const std::string kEhlo = "EHLO x\r\n", kHelo = "HELO x\r\n";
const std::string kEnvelope = "MAIL FROM:<a@x>\r\nRCPT TO:<b@ours>\r\n";
const std::string kContent = "From: a@x\r\n\r\nhi\r\n.\r\n";

// Each element comes in a segment of its own, after the replies to those before.
struct Row {
    std::string hello;
    std::vector<std::string> segments;
    std::size_t violations;
    std::string_view why;
};

const Row kRows[] = {
    {kEhlo, {kEnvelope + "DATA\r\n", kContent}, 0, "DATA ends a batch"},
    {kEhlo, {"RSET\r\n" + kEnvelope + "RCPT TO:<c@ours>\r\nQUIT\r\n"}, 0, "so does QUIT"},
    {kEhlo,
     {kEnvelope + "DATA\r\n", kContent + kEnvelope + "DATA\r\n", kContent + "QUIT\r\n"},
     0,
     "content may begin a batch"},
    {kEhlo,
     {kEnvelope + "BDAT 2\r\nabBDAT 2 LAST\r\ncd" + kEnvelope + "QUIT\r\n"},
     0,
     "chunks may stand in one"},
    {kEhlo, {"MAIL FROM:<a@x>\r\nEHLO y\r\n"}, 0, "EHLO at its end"},
    {kEhlo, {"MAIL FROM:<a@", "x>\r\nRCPT", " TO:<b@ours>\r\n"}, 0, "lines in pieces"},
    {kEhlo, {kEnvelope + "DATA\r\n" + kContent}, 1, "content before the 354"},
    {kEhlo, {"EHLO y\r\n" + kEnvelope}, 1, "behind EHLO"},
    {kEhlo, {"NOOP\r\nNOOP\r\n"}, 1, "behind NOOP"},
    {kEhlo, {"VRFY a\r\nRSET\r\n"}, 1, "behind VRFY"},
    {kEhlo, {"XYZZY\r\nRSET\r\n"}, 1, "behind an unknown command"},
    {kHelo, {"MAIL FROM:<a@x>\r\n", "RCPT TO:<b@ours>\r\n", "DATA\r\n", kContent, "QUIT\r\n"}, 0, "in turn"},
    {kHelo, {kEnvelope}, 1, "HELO offers no PIPELINING"},
    {"", {"RSET\r\nNOOP\r\n"}, 1, "nothing was offered yet"},
    {"", {"EHLO x\r\nMAIL FROM:<a@x>\r\n"}, 1, "nor now"},
};

TEST(Pipelining, IsCountedWhereItIsNotAllowed) {
    for (const auto& row : kRows) {
        DialogueSession session = begun(row.hello, false);
        for (const auto& segment : row.segments) session.feed(segment);
        EXPECT_EQ(session.dialogue.unauthorized_pipelining(), row.violations) << row.why;
        for (const auto& line : session.taken_lines())
            EXPECT_FALSE(line.starts_with("503")) << row.why << line;
    }
}

TEST(Pipelining, IsRefusedIfSoChosen) {
    for (const auto& row : kRows) {
        DialogueSession session = begun(row.hello, true);
        for (const auto& segment : row.segments) session.feed(segment);
        const auto lines = session.taken_lines();
        ASSERT_FALSE(lines.empty());
        const bool is_refused = lines.back().starts_with("503 5.5.1 Commands sent without waiting");
        EXPECT_EQ(is_refused, row.violations > 0) << row.why << lines.back();
        EXPECT_TRUE(session.is_closed || !is_refused) << row.why;
        EXPECT_TRUE(session.messages.empty() || !is_refused) << row.why;
    }
}

TEST(Pipelining, BehindQuitIsCountedAndNeverRuns) {
    for (const bool refuses : {false, true}) {
        DialogueSession session = begun(kEhlo, refuses);
        session.feed("QUIT\r\nMAIL FROM:<a@x>\r\n");
        EXPECT_EQ(session.taken_lines(), std::vector<std::string>{"221 2.0.0 Bye"});
        EXPECT_EQ(session.dialogue.unauthorized_pipelining(), 1u);
        EXPECT_FALSE(session.dialogue.in_transaction());
    }
}

TEST(Pipelining, OfHeloClientsBehindTheDotIsCountedToo) {
    DialogueSession session = begun(kHelo, false);
    session.feed("MAIL FROM:<a@x>\r\n");
    session.feed("RCPT TO:<b@ours>\r\n");
    session.feed("DATA\r\n");
    session.feed(kContent + "MAIL FROM:<a@x>\r\n");
    EXPECT_EQ(session.dialogue.unauthorized_pipelining(), 1u);
    EXPECT_EQ(session.messages.size(), 1u);
}

void speak_first(Dialogue& dialogue, std::string_view text) {
    const auto buffer = dialogue.input_buffer();
    std::memcpy(buffer.data(), text.data(), text.size());
    dialogue.received(text.size());
}

TEST(Pipelining, BeforeTheGreetingIsNoticed) {  // notes/attacks.md 30
    for (const bool refuses : {false, true}) {
        DialogueSettings settings{"mx.example"};
        settings.refuses_unauthorized_pipelining = refuses;
        DialogueSession session(settings);
        speak_first(session.dialogue, "EHLO x\r\n");
        EXPECT_TRUE(session.dialogue.spoke_before_greeting());
        session.feed("");
        const auto lines = session.taken_lines();
        EXPECT_EQ(lines.front().substr(0, 3), refuses ? "554" : "220");
        EXPECT_EQ(session.is_closed, refuses);
        EXPECT_EQ(lines.size() > 1, !refuses);
        EXPECT_EQ(session.dialogue.unauthorized_pipelining(), 1u);
    }
    DialogueSession silent(DialogueSettings{"mx.example"});
    silent.feed("EHLO x\r\n");
    EXPECT_FALSE(silent.dialogue.spoke_before_greeting());
}

}  // namespace
}  // namespace gatepost::protocol
