#include "protocol/bdat.h"

#include <gtest/gtest.h>

#include <string>

#include "tests/protocol/dialogue_session.h"

namespace gatepost::protocol {
namespace {

using Lines = std::vector<std::string>;

const std::string kEnvelope = "EHLO x\r\nMAIL FROM:<a@x>\r\nRCPT TO:<b@ours>\r\n";
const std::string kMessage = "From: a@x\r\n\r\n";

DialogueSettings settings() {
    return {"mx.example", 100000};
}

std::string chunk(std::string_view octets, bool is_last = false) {
    return "BDAT " + std::to_string(octets.size()) + (is_last ? " LAST\r\n" : "\r\n") + std::string(octets);
}

// A session in which the transaction is open, its replies so far taken.
DialogueSession begun(DialogueSettings chosen = settings()) {
    DialogueSession session(std::move(chosen));
    session.feed(kEnvelope);
    session.taken_lines();
    session.events.clear();
    return session;
}

TEST(Bdat, ReadsItsSizeStrictly) {
    const struct {
        std::string_view argument;
        std::size_t octets;
        bool is_last;
    } good[] = {
        {"0", 0, false},
        {"1000", 1000, false},
        {"0 LAST", 0, true},
        {"17 last", 17, true},
        {"007", 7, false},
        {"5  LAST", 5, true},
        {"18446744073709551615", 18446744073709551615u, false},
    };
    for (const auto& row : good) {
        const auto parsed = parse_bdat(row.argument);
        ASSERT_TRUE(parsed) << row.argument;
        EXPECT_EQ(parsed->octets, row.octets) << row.argument;
        EXPECT_EQ(parsed->is_last, row.is_last) << row.argument;
    }
    // notes/attacks.md 35
    for (std::string_view bad :
         {"", "LAST", "-1", "+5", "5.0", "0x10", "ten", "5LAST", "5 LAST LAST", "5 FIRST", "5,", "5\tLAST",
          "18446744073709551616", "18446744073709551621", "000000000000000000005",
          "999999999999999999999999999999999999999999999999999999999999", "1e3", "\xff"}) {
        EXPECT_FALSE(parse_bdat(bad)) << bad;
    }
    EXPECT_FALSE(parse_bdat(std::string_view("5\0", 2)));
    EXPECT_FALSE(parse_bdat(std::string_view("5\0 LAST", 7)));
}

TEST(Bdat, ClosesWhereTheLengthIsUnknownOrBeyondAllPatience) {
    const struct {
        std::string line, reply;
    } rows[] = {
        {"BDAT", "501 5.5.4"},
        {"BDAT -1", "501 5.5.4"},
        {"BDAT 4 LAST please", "501 5.5.4"},
        {"BDAT 18446744073709551621 LAST", "501 5.5.4"},
        {"BDAT 100001", "552 5.3.4"},
        {"BDAT 9223372036854775808 LAST", "552 5.3.4"},
        {"BDAT 4" + std::string(5000, ' '), "500 5.5.2"},   // too long a line
        {"BDAT 4" + std::string(70000, ' '), "500 5.5.2"},  // endless
        {"bdat\t4" + std::string(4200, '4'), "500 5.5.2"},
    };
    for (const auto& row : rows) {
        for (const auto& before : {std::string(), kEnvelope, kEnvelope + chunk(kMessage)}) {
            for (std::size_t portion : {std::size_t{1}, std::size_t{4095}, std::string_view::npos}) {
                DialogueSession session(settings());
                session.feed(before);
                session.taken_lines();
                session.feed(row.line + "\r\nabcdNOOP\r\nQUIT\r\n", portion);
                const auto lines = session.taken_lines();
                ASSERT_GE(lines.size(), 1u) << row.line.substr(0, 40);
                EXPECT_TRUE(lines.back().starts_with(row.reply)) << lines.back() << row.line.substr(0, 40);
                EXPECT_TRUE(session.is_closed);
                EXPECT_TRUE(session.messages.empty());
            }
        }
    }
}

TEST(Bdat, NeverRunsTheOctetsOfAnOverlongLineBehindPipelinedContent) {
    DialogueSession session = begun();
    const std::string padding(5000, ' ');
    session.feed(chunk(std::string(60000, 'x'), true) + "BDAT 6" + padding + "\r\nQUIT\r\nNOOP\r\n");
    const auto lines = session.taken_lines();
    ASSERT_EQ(lines.size(), 2u);
    EXPECT_TRUE(lines[1].starts_with("500 5.5.2"));
    EXPECT_TRUE(session.is_closed);
}

TEST(Bdat, SaysTheSameHoweverTheOctetsAreSplit) {
    const std::string wire =
        chunk(kMessage + "a\r") + chunk("\n.\r\nQUIT\r\n.") + chunk("", true) + "NOOP\r\n";
    for (std::size_t split = 0; split <= wire.size(); ++split) {
        DialogueSession session = begun();
        session.feed(wire.substr(0, split));
        session.feed(wire.substr(split));
        EXPECT_EQ(session.taken_lines(),
                  (Lines{"250 2.0.0 15 octets received", "250 2.0.0 11 octets received", "250 2.0.0 Ok",
                         "250 2.0.0 Ok"}))
            << split;
        EXPECT_EQ(session.messages, Lines{kMessage + "a\r\n.\r\nQUIT\r\n."}) << split;
    }
}

// What a chunk may not hold, at every border between two chunks.
TEST(Bdat, FindsFlawsAcrossChunkBorders) {
    const struct {
        std::string_view octets, verdict;
    } rows[] = {
        {"x\ny", "550 5.5.2"},      {"x\ry", "550 5.5.2"},   {"x\r\r\ny", "550 5.5.2"},
        {"x\n\r\n", "550 5.5.2"},   {"x\r", "550 5.5.2"},    {{"x\r\0\n", 4}, "550 5.5.2"},
        {{"x\0y", 3}, "550 5.6.0"}, {"x\r\ny", "250 2.0.0"}, {"x\r\n.\r\ny", "250 2.0.0"},
    };
    for (const auto& row : rows) {
        const std::string content = kMessage + std::string(row.octets);
        for (std::size_t border = 0; border <= content.size(); ++border) {
            DialogueSession session = begun();
            session.feed(chunk(content.substr(0, border)) + chunk(content.substr(border), true));
            const auto lines = session.taken_lines();
            ASSERT_FALSE(lines.empty());
            EXPECT_TRUE(lines.back().starts_with(row.verdict)) << lines.back() << border;
            const bool is_good = row.verdict.starts_with("250");
            EXPECT_EQ(session.is_closed, !is_good);
            EXPECT_EQ(session.messages, is_good ? Lines{content} : Lines{});
        }
    }
}

TEST(Bdat, HoldsLinesToTheirLengthAcrossChunks) {
    static constexpr std::size_t kLongest = 8192;
    for (const std::size_t length : {kLongest, kLongest + 1}) {
        DialogueSession session = begun();
        const std::string line = std::string(length, 'x') + "\r\n";
        session.feed(chunk(line.substr(0, 5000)) + chunk(line.substr(5000), true) + "NOOP\r\n");
        const auto lines = session.taken_lines();
        ASSERT_EQ(lines.size(), 3u);
        EXPECT_TRUE(lines[1].starts_with(length == kLongest ? "250" : "550 5.6.0")) << lines[1];
        EXPECT_TRUE(lines[2].starts_with("250"));
    }
}

TEST(Bdat, DeliversNothingOfAMessageCutShort) {
    DialogueSession session = begun();
    session.feed(chunk(kMessage) + "BDAT 5 LAST\r\nab");
    session.dialogue.client_gone();
    session.feed("");
    EXPECT_TRUE(session.messages.empty());
    EXPECT_EQ(session.events, (Lines{"data ", "forget", "close"}));
}

TEST(Bdat, SaysThatTimeIsUpWithinAChunk) {
    DialogueSession session = begun();
    session.feed("BDAT 5 LAST\r\nab");
    session.dialogue.out_of_time();
    session.feed("");
    EXPECT_EQ(session.taken_lines(), Lines{"421 4.4.2 Timeout, closing"});
}

TEST(Bdat, EndsASessionOfManySmallChunksButNotOfManyLargeOnes) {
    for (const std::size_t size : {std::size_t{1}, std::size_t{1024}}) {
        DialogueSettings chosen = settings();
        chosen.commands = 50;
        DialogueSession session = begun(chosen);
        for (int i = 0; i < 90; ++i)
            session.feed(chunk(size == 1 ? "x" : std::string(size - 2, 'x') + "\r\n"));
        EXPECT_EQ(session.is_closed, size == 1);
    }
}

TEST(Bdat, RefusesAllChunksWhenTheFirstIsRefused) {
    DialogueSession session(settings(), [](const Question& question) {
        return question.kind == "data" ? Reply(reply::kNoStorage) : Reply(reply::kOk);
    });
    session.feed(kEnvelope);
    session.taken_lines();
    session.feed(chunk("QUIT\r\n") + chunk("QUIT\r\n", true) + "NOOP\r\n");
    const auto lines = session.taken_lines();
    ASSERT_EQ(lines.size(), 3u);
    EXPECT_TRUE(lines[0].starts_with("452 4.3.1"));
    EXPECT_TRUE(lines[1].starts_with("503 5.5.1"));
    EXPECT_TRUE(lines[2].starts_with("250"));
    EXPECT_FALSE(session.dialogue.in_transaction());
}

TEST(Bdat, DropsChunksInARefusedSession) {
    DialogueSession session(settings());
    session.dialogue.refuse_session(reply::kNoEntry);
    session.feed(chunk("QUIT\r\n", true) + "QUIT\r\nNOOP\r\n");
    const auto lines = session.taken_lines();
    ASSERT_EQ(lines.size(), 3u);
    EXPECT_TRUE(lines[1].starts_with("503 5.5.1"));
    EXPECT_TRUE(lines[2].starts_with("221"));
}

TEST(Bdat, CountsBogusChunksAsErrors) {  // a flood of them ends
    DialogueSession session(settings());
    session.feed("EHLO x\r\n");
    session.taken_lines();
    for (int i = 0; i < 20 && !session.is_closed; ++i) session.feed(chunk("NOOP\r\n") + "NOOP\r\n");
    EXPECT_TRUE(session.is_closed);
    EXPECT_TRUE(session.taken_lines().back().starts_with("421 4.7.0"));
}

}  // namespace
}  // namespace gatepost::protocol
