// Bare CR and LF, refused or normalised: every row of specs/smtp.md M-19, by DATA and by BDAT, in any
// segmentation.
#include <gtest/gtest.h>

#include <string>

#include "tests/protocol/dialogue_session.h"

namespace gatepost::protocol {
namespace {

using Lines = std::vector<std::string>;
using namespace std::string_literals;

const std::string kHeader = "From: a@x\r\n\r\nhi";
const std::string kSmuggled =
    "MAIL FROM:<admin@bank>\r\nRCPT TO:<v@ours>\r\nDATA\r\nFrom: admin@bank\r\n\r\nevil\r\n";

struct Row {
    std::string octets;
    std::string by_data, by_bdat;  // what they become when normalised; nothing: refused for NUL
};

// By DATA a dot that begins a true line is stuffing and goes; by BDAT dots are dots.
const Row kRows[] = {
    {"\n.\n", "\r\n.\r\n", "\r\n.\r\n"},
    {"\n.\r", "\r\n. ", "\r\n. "},
    {"\r.\n", " .\r\n", " .\r\n"},
    {"\r.\r", " . ", " . "},
    {"\n.\r\n", "\r\n.\r\n", "\r\n.\r\n"},
    {"\r.\r\n", " .\r\n", " .\r\n"},
    {"\r\n.\n", "\r\n\r\n", "\r\n.\r\n"},
    {"\r\n.\r", "\r\n ", "\r\n. "},
    {"\r\n.\r\r\n", "\r\n \r\n", "\r\n. \r\n"},
    {"\r\r\n.\r\r\n", " \r\n \r\n", " \r\n. \r\n"},
    {"\r\n\0.\r\n"s, "", ""},
    {"\r\n.\0\r\n"s, "", ""},
};

DialogueSession begun(BareNewlines bare_newlines) {
    DialogueSettings settings{"mx.example", 100000};
    settings.bare_newlines = bare_newlines;
    DialogueSession session(settings);
    session.feed("EHLO x\r\nMAIL FROM:<a@x>\r\nRCPT TO:<b@ours>\r\n");
    session.taken_lines();
    session.events.clear();
    return session;
}

struct Outcome {
    Lines replies, events, messages;
    bool is_closed;
    friend bool operator==(const Outcome&, const Outcome&) = default;
};

Outcome outcome(BareNewlines bare_newlines, const std::string& wire, std::size_t border,
                std::size_t portion) {
    DialogueSession session = begun(bare_newlines);
    session.feed(wire.substr(0, border), portion);
    session.feed(wire.substr(border), portion);
    return {session.taken_lines(), session.events, session.messages, session.is_closed};
}

// However the octets come: in one segment, in two with the border anywhere, octet by octet, by threes.
Outcome outcome_of_any_split(BareNewlines bare_newlines, const std::string& wire) {
    const Outcome whole = outcome(bare_newlines, wire, 0, std::string::npos);
    for (std::size_t border = 1; border < wire.size(); ++border) {
        EXPECT_TRUE(outcome(bare_newlines, wire, border, std::string::npos) == whole) << border;
    }
    for (std::size_t portion = 1; portion < 8; ++portion) {
        EXPECT_TRUE(outcome(bare_newlines, wire, 0, portion) == whole) << portion;
    }
    return whole;
}

std::string as_chunks(const std::string& content, std::size_t size) {
    std::string wire, rest = content;
    while (rest.size() > size) {
        wire += "BDAT " + std::to_string(size) + "\r\n" + rest.substr(0, size);
        rest.erase(0, size);
    }
    return wire + "BDAT " + std::to_string(rest.size()) + " LAST\r\n" + rest;
}

TEST(FalseEnds, AreRefusedByDataAndBdatInAnySplit) {
    for (const auto& row : kRows) {
        const std::string content = kHeader + row.octets + kSmuggled;
        for (const auto& wire : {"DATA\r\n" + content + ".\r\nNOOP\r\n", as_chunks(content, 500) + "NOOP\r\n",
                                 as_chunks(content, 16) + "NOOP\r\n"}) {
            const auto result = outcome_of_any_split(BareNewlines::refused, wire);
            ASSERT_FALSE(result.replies.empty());
            const std::string verdict = row.by_data.empty() ? "550 5.6.0" : "550 5.5.2";
            EXPECT_TRUE(result.replies.back().starts_with(verdict)) << result.replies.back();
            EXPECT_TRUE(result.messages.empty());
            EXPECT_TRUE(result.is_closed);
            EXPECT_EQ(std::count(result.events.begin(), result.events.end(), "forget"), 1);
            EXPECT_EQ(std::count(result.events.begin(), result.events.end(), "mail admin@bank"), 0);
        }
    }
}

TEST(FalseEnds, AreContentWhenNormalized) {
    for (const auto& row : kRows) {
        const std::string content = kHeader + row.octets + kSmuggled;
        const struct {
            std::string wire;
            const std::string& normalized;
        } ways[] = {{"DATA\r\n" + content + ".\r\nNOOP\r\n", row.by_data},
                    {as_chunks(content, 500) + "NOOP\r\n", row.by_bdat},
                    {as_chunks(content, 7) + "NOOP\r\n", row.by_bdat}};
        for (const auto& way : ways) {
            const auto result = outcome_of_any_split(BareNewlines::normalized, way.wire);
            ASSERT_FALSE(result.replies.empty());
            if (way.normalized.empty()) {
                EXPECT_TRUE(result.replies.back().starts_with("550 5.6.0"));
                EXPECT_TRUE(result.messages.empty());
                continue;
            }
            EXPECT_EQ(result.replies.back(), "250 2.0.0 Ok");
            EXPECT_EQ(result.messages, Lines{kHeader + way.normalized + kSmuggled});
            EXPECT_FALSE(result.is_closed);
        }
    }
}

TEST(FalseEnds, AreSeenAsTheVeryFirstAndVeryLastOctets) {
    const struct {
        std::string wire, reply, message;
    } rows[] = {
        {"DATA\r\n.\n.\r\n.\r\n", "550 5.5.2", "\r\n.\r\n"},
        {"BDAT 1 LAST\r\n\r", "550 5.5.2", " "},
        {"BDAT 1 LAST\r\n\n", "550 5.5.2", "\r\n"},
        {"BDAT 3 LAST\r\na\r\r", "550 5.5.2", "a  "},
        {"BDAT 3\r\n\r\n\rBDAT 0 LAST\r\n", "550 5.5.2", "\r\n "},
        {"BDAT 3\r\n\r\n\rBDAT 1 LAST\r\n\n", "250 2.0.0", "\r\n\r\n"},
    };
    for (const auto& row : rows) {
        const auto refused = outcome_of_any_split(BareNewlines::refused, row.wire);
        ASSERT_FALSE(refused.replies.empty());
        EXPECT_TRUE(refused.replies.back().starts_with(row.reply)) << row.wire << refused.replies.back();
        const auto normalized = outcome_of_any_split(BareNewlines::normalized, row.wire);
        EXPECT_EQ(normalized.messages, Lines{row.message}) << row.wire;
    }
}

TEST(Normalize, CountsWhatGoesOn) {  // 4 octets come, 5 go
    for (const std::size_t limit : {4, 5}) {
        for (const std::string wire : {"DATA\r\nx\n\r\n.\r\n", "BDAT 4 LAST\r\nx\n\r\n"}) {
            DialogueSettings settings{"mx.example", limit};
            settings.bare_newlines = BareNewlines::normalized;
            DialogueSession session(settings);
            session.feed("EHLO x\r\nMAIL FROM:<a@x>\r\nRCPT TO:<b@ours>\r\n" + wire + "NOOP\r\n");
            const auto lines = session.taken_lines();
            EXPECT_TRUE(lines[lines.size() - 2].starts_with(limit == 5 ? "250 2.0.0" : "552 5.3.4")) << wire;
            EXPECT_EQ(lines.back(), "250 2.0.0 Ok");
        }
    }
}

TEST(Normalize, LetsLinesBeginAtBareLineFeeds) {  // for their length, not for dots
    const std::string line(8000, 'x');
    for (const auto bare_newlines : {BareNewlines::refused, BareNewlines::normalized}) {
        const auto result =
            outcome(bare_newlines, "DATA\r\n" + line + "\n" + line + "\r\n.\r\n", 0, std::string::npos);
        EXPECT_EQ(result.messages.size(), bare_newlines == BareNewlines::normalized ? 1u : 0u);
    }
}

TEST(Normalize, DoesNotHoldForCommands) {  // M-20
    for (const std::string line : {"NOOP\n", "NOOP\r\r\n", "NO\rOP\r\n"}) {
        DialogueSession session = begun(BareNewlines::normalized);
        session.feed(line + "NOOP\r\n");
        const auto lines = session.taken_lines();
        ASSERT_EQ(lines.size(), 1u);
        EXPECT_TRUE(lines[0].starts_with("500 5.5.2"));
        EXPECT_TRUE(session.is_closed);
    }
}

// What goes out of a normalised message can have no other end than its own.
TEST(Normalize, IsStuffedOnTheWayOut) {
    for (const auto& row : kRows) {
        const auto result =
            outcome(BareNewlines::normalized, as_chunks(kHeader + row.octets + "evil", 9), 0, 5);
        for (const auto& message : result.messages) {
            DotStuffer stuffer;
            std::string wire;
            for (std::string_view rest = message; !rest.empty();) wire += stuffer.next(rest);
            EXPECT_EQ(("\r\n" + wire).find("\r\n.\r"), std::string::npos);
            EXPECT_EQ(("\r\n" + wire).find("\r\n.\n"), std::string::npos);
            EXPECT_EQ(stuffer.end(), "\r\n.\r\n");  // the last line lacks its end
        }
    }
}

}  // namespace
}  // namespace gatepost::protocol
