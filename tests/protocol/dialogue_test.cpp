// What the transcripts cannot say: events from outside, limits, buffers. See dialogue_transcripts_test.cpp.
#include "protocol/dialogue.h"

#include <gtest/gtest.h>

#include "tests/protocol/dialogue_session.h"

namespace gatepost::protocol {
namespace {

using Lines = std::vector<std::string>;

const std::string kUpToContent = "HELO x\r\nMAIL FROM:<a@x>\r\nRCPT TO:<b@ours>\r\nDATA\r\n";

DialogueSettings settings() {
    return {"mx.example"};
}

// A session up to the 354.
void begin_content(DialogueSession& session) {
    session.feed(kUpToContent);
    ASSERT_EQ(session.taken_lines().back().substr(0, 4), "354 ");
}

// specs/smtp.md M-19 with its verdicts, in one segment and octet by octet; then dialogue A's "exactly one
// reply".
TEST(Dialogue, RefusesEveryFalseEndAtTheTrueOneAndCloses) {
    const struct {
        std::string_view octets, verdict;
    } rows[] = {
        {"\n.\n", "550 5.5.2"},
        {"\n.\r", "550 5.5.2"},
        {"\r.\n", "550 5.5.2"},
        {"\r.\r", "550 5.5.2"},
        {"\n.\r\n", "550 5.5.2"},
        {"\r.\r\n", "550 5.5.2"},
        {"\r\n.\n", "550 5.5.2"},
        {"\r\n.\r", "550 5.5.2"},
        {"\r\n.\r\r\n", "550 5.5.2"},
        {"\r\r\n.\r\r\n", "550 5.5.2"},
        {{"\r\n\0.\r\n", 6}, "550 5.6.0"},
        {{"\r\n.\0\r\n", 6}, "550 5.6.0"},
    };
    for (const auto& row : rows) {
        for (std::size_t portion : {std::size_t{1}, std::size_t{2}, std::size_t{3}, std::string_view::npos}) {
            DialogueSession session(settings());
            begin_content(session);
            const std::string smuggled =
                "MAIL FROM:<admin@bank>\r\nRCPT TO:<v@ours>\r\nDATA\r\nevil\r\n.\r\nNOOP\r\n";
            session.feed("From: a@x\r\n\r\nhi" + std::string(row.octets) + smuggled, portion);
            const auto lines = session.taken_lines();
            ASSERT_EQ(lines.size(), 1u) << testing::PrintToString(row.octets);
            EXPECT_TRUE(lines[0].starts_with(row.verdict)) << lines[0];
            EXPECT_TRUE(session.is_closed);
            EXPECT_TRUE(session.messages.empty());
        }
    }
}

TEST(Dialogue, RecognisesTheEndAtEverySplit) {  // M-19 row 12
    const std::string content = "a\r\n..b\r\n.\r\n";
    for (std::size_t split = 0; split <= content.size(); ++split) {
        DialogueSession session(settings());
        begin_content(session);
        session.feed(content.substr(0, split));
        session.feed(content.substr(split));
        EXPECT_EQ(session.taken_lines(), Lines{"250 2.0.0 Ok"}) << split;
        EXPECT_EQ(session.messages, Lines{"a\r\n.b\r\n"}) << split;
    }
}

TEST(Dialogue, CanRefuseTheSessionWith421) {
    DialogueSession session(settings());
    session.dialogue.refuse_session(reply::kTooManySessions);
    session.feed("EHLO x\r\n");
    EXPECT_EQ(session.taken_lines(), Lines{"421 4.3.2 Too many connections"});
    EXPECT_TRUE(session.is_closed);
}

TEST(Dialogue, AnswersNothingButQuitAfterA554Greeting) {  // RFC 5321 section 3.1
    DialogueSession session(settings());
    session.dialogue.refuse_session(reply::kNoEntry);
    session.feed("EHLO x\r\nNOOP\r\nGET / HTTP/1.1\r\nQUIT\r\nNOOP\r\n");
    const auto lines = session.taken_lines();
    ASSERT_EQ(lines.size(), 5u);
    EXPECT_TRUE(lines[0].starts_with("554 "));
    for (int i = 1; i <= 3; ++i) EXPECT_TRUE(lines[static_cast<std::size_t>(i)].starts_with("503 5.5.1"));
    EXPECT_TRUE(lines[4].starts_with("221 "));
    EXPECT_EQ(session.judgements, 0u);
}

TEST(Dialogue, SaysThatTimeIsUp) {
    for (const std::string before : {"", "HELO x\r\nMAIL FROM:<a@x>\r\n", "HELO",
                                     "HELO x\r\nMAIL FROM:<a@x>\r\nRCPT TO:<b@o>\r\nDATA\r\nabc\r\n"}) {
        DialogueSession session(settings());
        session.feed(before);
        session.taken_lines();
        session.dialogue.out_of_time();
        session.feed("NOOP\r\n");
        EXPECT_EQ(session.taken_lines(), Lines{"421 4.4.2 Timeout, closing"}) << before;
        EXPECT_TRUE(session.is_closed);
        EXPECT_TRUE(session.messages.empty());
    }
}

TEST(Dialogue, FinishesTheTransactionBeforeItShutsDown) {
    DialogueSession session(settings());
    begin_content(session);
    session.dialogue.shut_down();
    session.feed("text\r\n.\r\nNOOP\r\n");
    EXPECT_EQ(session.taken_lines(), (Lines{"250 2.0.0 Ok", "421 4.3.2 Shutting down"}));
    EXPECT_EQ(session.messages.size(), 1u);
    EXPECT_TRUE(session.is_closed);
}

TEST(Dialogue, ShutsDownAtOnceWhenIdle) {
    DialogueSession session(settings());
    session.feed("HELO x\r\nMAIL FR");
    session.taken_lines();
    session.dialogue.shut_down();
    session.feed("");
    EXPECT_EQ(session.taken_lines(), Lines{"421 4.3.2 Shutting down"});
    EXPECT_TRUE(session.is_closed);
}

TEST(Dialogue, ForgetsTheMessageOfAClientThatVanished) {  // specs/smtp.md section 11 test 11
    DialogueSession session(settings());
    begin_content(session);
    session.feed("text\r\n.");
    session.dialogue.client_gone();
    session.feed("");
    EXPECT_EQ(session.output, "");
    EXPECT_TRUE(session.messages.empty());
    EXPECT_EQ(session.events[session.events.size() - 2], "forget");
    EXPECT_EQ(session.events.back(), "close");
}

TEST(Dialogue, StaysClosed) {
    Dialogue dialogue(settings());
    dialogue.client_gone();
    for (int i = 0; i < 3; ++i) EXPECT_TRUE(std::holds_alternative<Close>(dialogue.next()));
    dialogue.out_of_time();
    dialogue.answer(reply::kOk);
    dialogue.tls_begun();
    EXPECT_TRUE(std::holds_alternative<Close>(dialogue.next()));
}

TEST(Dialogue, TakesCommandLinesOf4096Octets) {
    for (std::size_t portion : {std::size_t{1}, std::size_t{1000}, std::string_view::npos}) {
        DialogueSession session(settings());
        session.feed("NOOP " + std::string(4096 - 7, 'x') + "\r\n", portion);
        session.feed("NOOP " + std::string(4096 - 6, 'x') + "\r\n", portion);
        session.feed("NOOP " + std::string(50000, 'x') + "\r\n", portion);
        session.feed("NOOP\r\n", portion);
        EXPECT_EQ(session.taken_lines(),
                  (Lines{"220 mx.example ESMTP", "250 2.0.0 Ok", "500 5.5.2 Line too long",
                         "500 5.5.2 Line too long", "250 2.0.0 Ok"}));
    }
}

TEST(Dialogue, NeverRunsTheTailOfAnOverlongLine) {
    DialogueSession session(settings());
    session.feed("HELO x\r\n" + std::string(4096, 'x') + "MAIL FROM:<a@x>\r\nRSET\r\n");
    EXPECT_EQ(session.taken_lines().size(), 4u);
    EXPECT_EQ(session.events, Lines{"helo HELO x"});
}

TEST(Dialogue, LosesPatienceWithALineWithoutEnd) {  // CVE-2019-16928
    for (std::size_t portion : {std::size_t{100}, std::string_view::npos}) {
        DialogueSession session(settings());
        session.feed(std::string(1 << 20, 'x'), portion);
        EXPECT_TRUE(session.is_closed);
        EXPECT_EQ(session.taken_lines(), (Lines{"220 mx.example ESMTP", "500 5.5.2 Line too long"}));
    }
}

TEST(Dialogue, FindsABareCarriageReturnInAnOverlongLine) {
    for (std::size_t portion : {std::size_t{1}, std::string_view::npos}) {
        DialogueSession session(settings());
        session.feed(std::string(3000, 'x') + '\r' + std::string(3000, 'x') + "\r\nNOOP\r\n", portion);
        EXPECT_TRUE(session.is_closed);
        EXPECT_EQ(session.taken_lines().back(), "500 5.5.2 Lines end with CR LF");
    }
}

TEST(Dialogue,
     Takes100RecipientsOnceAndCutsAMillion) {  // specs/smtp.md section 11 test 6, notes/attacks.md 22
    DialogueSession session(settings());
    session.feed("HELO x\r\nMAIL FROM:<a@x>\r\n");
    for (int i = 0; i < 101; ++i) session.feed("RCPT TO:<u" + std::to_string(i) + "@ours>\r\n");
    const auto lines = session.taken_lines();
    EXPECT_EQ(lines[lines.size() - 2], "250 2.0.0 Ok");
    EXPECT_TRUE(lines.back().starts_with("452 4.5.3"));
    EXPECT_EQ(session.dialogue.recipients(), 100u);
    for (int i = 0; i < 1000; ++i) session.feed("RCPT TO:<u@ours>\r\n");
    EXPECT_TRUE(session.is_closed);
    EXPECT_TRUE(session.taken_lines().back().starts_with("421 4.7.0"));
}

TEST(Dialogue, CutsAFloodOfHarmlessCommands) {
    DialogueSession session(settings());
    for (int i = 0; i < 1001; ++i) session.feed("NOOP\r\n");
    EXPECT_TRUE(session.is_closed);
    EXPECT_EQ(session.taken_lines().back(), "421 4.7.0 Too many commands, closing");
}

TEST(Dialogue, LetsALongSessionGoOnWhileMailIsDelivered) {
    auto limited = settings();
    limited.commands = 10;
    limited.errors = 1;
    DialogueSession session(limited);
    session.feed("HELO x\r\n");
    for (int i = 0; i < 50; ++i) {
        session.feed("XYZZY\r\nMAIL FROM:<a@x>\r\nRCPT TO:<b@ours>\r\nDATA\r\n");
        session.feed("text\r\n.\r\n");
    }
    EXPECT_FALSE(session.is_closed);
    EXPECT_EQ(session.messages.size(), 50u);
    session.feed("XYZZY\r\nXYZZY\r\n");
    EXPECT_EQ(session.taken_lines().back(), "421 4.7.0 Too many errors, closing");
}

TEST(Dialogue, CutsOffWhoGuessesRecipients) {  // notes/attacks.md 31
    DialogueSession session(settings(), [](const Question& question) {
        return question.kind == "recipient" ? Reply(reply::kUnknownUser) : say_yes(question);
    });
    session.feed("HELO x\r\nMAIL FROM:<a@x>\r\n");
    for (int i = 0; i < 20; ++i) session.feed("RCPT TO:<guess@ours>\r\n");
    EXPECT_EQ(session.taken_lines().back(), "550 5.1.1 No such user");
    session.feed("RCPT TO:<guess@ours>\r\n");
    EXPECT_EQ(session.taken_lines().back(), "421 4.7.0 Too many unknown recipients, closing");
}

Reply only_bob(const Question& question) {
    const bool is_unknown = question.kind == "recipient" && question.about != "bob@ours";
    return is_unknown ? Reply(reply::kUnknownUser) : say_yes(question);
}

TEST(Dialogue, DoesNotCutAGoodTransactionForItsDeadAddresses) {
    DialogueSession session(settings(), only_bob);
    session.feed("HELO x\r\nMAIL FROM:<list@x>\r\nRCPT TO:<bob@ours>\r\n");
    for (int i = 0; i < 20; ++i) session.feed("RCPT TO:<gone@ours>\r\n");
    EXPECT_EQ(session.taken_lines().back(), "550 5.1.1 No such user");
    session.feed("RCPT TO:<gone@ours>\r\nRCPT TO:<bob@ours>\r\n");
    const auto lines = session.taken_lines();
    const std::string later = "452 4.5.3 Too many unknown recipients, send this first";
    EXPECT_EQ(lines, std::vector<std::string>(2, later)) << "the reply says nothing about the address";
    session.feed("DATA\r\ntext\r\n.\r\n");
    EXPECT_EQ(session.messages.size(), 1u);
    EXPECT_EQ(session.dialogue.refused_recipients(), 0u) << "a delivered message makes up for it";
    EXPECT_FALSE(session.is_closed);
}

TEST(Dialogue, AResetDoesNotMakeUpForGuesses) {
    DialogueSession session(settings(), only_bob);
    session.feed("HELO x\r\n");
    for (int i = 0; i < 20; ++i) {
        session.feed("MAIL FROM:<a@x>\r\nRCPT TO:<bob@ours>\r\nRCPT TO:<guess@ours>\r\nRSET\r\n");
    }
    session.feed("MAIL FROM:<a@x>\r\nRCPT TO:<guess@ours>\r\n");
    EXPECT_EQ(session.taken_lines().back(), "421 4.7.0 Too many unknown recipients, closing");
}

TEST(Dialogue, CountsTheErrorsWhoseRepliesMayBeDelayed) {  // specs/smtp.md M-12
    const struct {
        const char* line;
        std::size_t errors;
        const char* why;
    } rows[] = {
        {"MAIL FROM:a\r\n", 1, "bad syntax"},
        {"RCPT TO:<b@ours>\r\n", 1, "no MAIL before"},
        {"VRFY\r\n", 1, "no argument"},
        {"XYZZY\r\n", 0, "unknown commands"},
        {"DATA\r\n", 0, "ends a batch"},
        {"EHLO\r\n", 0, "the same"},
        {"NOOP\r\n", 0, "no error"},
        {"QUIT now\r\n", 0, "never"},
        {"RSET now\r\n", 1, "may stand in a batch"},
    };
    for (const auto& row : rows) {
        DialogueSession session(settings());
        session.feed("HELO x\r\n");
        session.feed(row.line);
        EXPECT_EQ(session.dialogue.delayable_errors(), row.errors) << row.line << row.why;
    }
}

TEST(Dialogue, LimitsTheLinesOfTheContentAsTold) {
    auto strict = settings();
    strict.line_length = 998;
    for (const bool is_long : {false, true}) {
        DialogueSession session(strict);
        session.feed("HELO x\r\nMAIL FROM:<a@x>\r\nRCPT TO:<b@ours>\r\nDATA\r\n");
        session.feed(std::string(is_long ? 999 : 998, 'x') + "\r\n.\r\n");
        EXPECT_EQ(session.taken_lines().back(),
                  is_long ? "550 5.6.0 Line too long in message" : "250 2.0.0 Ok");
    }
}

TEST(Dialogue, MakesALocalErrorOfAJudgementThatMakesNoSense) {
    const struct {
        std::string_view kind;
        Reply nonsense;
    } rows[] = {{"mail", {354, "", {"go"}}},
                {"recipient", {199, "", {"?"}}},
                {"data", {250, "2.0.0", {"ok"}}},
                {"message", {354, "", {"go"}}}};
    for (const auto& row : rows) {
        DialogueSession session(settings(), [&](const Question& question) {
            return question.kind == row.kind ? row.nonsense : say_yes(question);
        });
        session.feed("HELO x\r\n");
        for (const char* line : {"MAIL FROM:<a@x>\r\n", "RCPT TO:<b@o>\r\n", "DATA\r\n", "text\r\n.\r\n"}) {
            session.taken_lines();
            session.feed(line);
            if (session.output.starts_with("451")) break;
        }
        EXPECT_EQ(session.taken_lines(), Lines{"451 4.3.0 Local error, try again later"}) << row.kind;
        session.feed("NOOP\r\n");
        EXPECT_EQ(session.taken_lines(), Lines{"250 2.0.0 Ok"}) << row.kind;
    }
}

TEST(Dialogue, GathersRepliesOfABatchAndBoundsThem) {
    auto patient = settings();
    patient.commands = 100000;
    DialogueSession session(patient);
    session.feed("HELO x\r\n");
    std::string batch;
    for (int i = 0; i < 20000; ++i) batch += "EHLO x\r\n";
    session.feed(batch);
    EXPECT_LE(session.largest_send, 64u * 1024);
    EXPECT_GT(session.largest_send, 1000u);
}

TEST(Dialogue, SendsThe354BeforeItReadsOn) {
    Dialogue dialogue(settings());
    const std::string input = kUpToContent + "early\r\n";
    std::string sent;
    for (bool was_content = false; !was_content;) {
        const auto action = dialogue.next();
        if (auto* send = std::get_if<Send>(&action)) sent += send->bytes;
        if (std::holds_alternative<Receive>(action)) {
            std::memcpy(dialogue.input_buffer().data(), input.data(), input.size());
            dialogue.received(input.size());
        }
        if (std::holds_alternative<JudgeHelo>(action) || std::holds_alternative<JudgeMail>(action) ||
            std::holds_alternative<JudgeRecipient>(action)) {
            dialogue.answer(reply::kOk);
        }
        if (std::holds_alternative<JudgeData>(action)) dialogue.answer(reply::kStartContent);
        was_content = std::holds_alternative<Content>(action);
    }
    EXPECT_TRUE(sent.ends_with("<CR><LF>.<CR><LF>\r\n")) << sent;
}

TEST(Dialogue, GrowsItsBufferOnlyWhileContentFlows) {
    DialogueSession session(settings());
    EXPECT_EQ(session.dialogue.input_buffer().size(), 4096u);
    begin_content(session);
    session.feed(std::string(100000, 'x').replace(8000, 2, "\r\n"));
    EXPECT_EQ(session.dialogue.input_buffer().size(), 65536u);
    session.feed("\r\n.\r\n");
    EXPECT_EQ(session.dialogue.input_buffer().size(), 4096u);
}

TEST(Dialogue, WantsItsAnswerFirst) {
    DialogueSession session(settings());
    session.feed("");
    std::memcpy(session.dialogue.input_buffer().data(), "HELO x\r\n", 8);
    session.dialogue.received(8);
    EXPECT_TRUE(std::holds_alternative<JudgeHelo>(session.dialogue.next()));
    EXPECT_THROW(session.dialogue.next(), std::logic_error);
    session.dialogue.answer(reply::kOk);
    EXPECT_TRUE(std::holds_alternative<Send>(session.dialogue.next()));
}

TEST(Dialogue, LeavesAllAsItWasWhenHeloIsRefused) {
    DialogueSession session(settings(), [](const Question& question) {
        return question.about == "EHLO bad" ? Reply{550, "5.7.1", {"No"}} : say_yes(question);
    });
    session.feed("EHLO good\r\nMAIL FROM:<a@x>\r\n");
    session.taken_lines();
    session.feed("EHLO bad\r\nRCPT TO:<b@ours>\r\n");
    EXPECT_EQ(session.taken_lines(),
              (Lines{"550 No", "250 2.0.0 Ok"}));  // no status code: RFC 2034 section 4
    EXPECT_EQ(session.dialogue.helo(), "good");
    EXPECT_TRUE(session.dialogue.in_transaction());
}

TEST(Dialogue, KnowsNoHeloAfterTheHandshake) {
    auto with_tls = settings();
    with_tls.offers_tls = true;
    DialogueSession session(with_tls);
    session.feed("EHLO x\r\n");
    session.taken_lines();
    session.feed("STARTTLS\r\n", 1);
    EXPECT_TRUE(session.dialogue.is_tls());
    EXPECT_EQ(session.dialogue.helo(), "");
    EXPECT_EQ(session.taken_lines(), Lines{"220 2.0.0 Ready to start TLS"});
}

}  // namespace
}  // namespace gatepost::protocol
