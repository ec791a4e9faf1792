#include "protocol/reply.h"

#include <gtest/gtest.h>

namespace gatepost::protocol {
namespace {

TEST(Reply, HasItsCodesOnEveryLine) {
    EXPECT_EQ(wire({550, "5.7.26", {"one", "two", "three"}}),
              "550-5.7.26 one\r\n550-5.7.26 two\r\n550 5.7.26 three\r\n");
    EXPECT_EQ(wire({250, "", {"mx.example", "PIPELINING"}}), "250-mx.example\r\n250 PIPELINING\r\n");
    EXPECT_EQ(wire({250, "2.0.0", {}}), "250 2.0.0\r\n");
    EXPECT_EQ(wire({250, "", {}}), "250\r\n");
    EXPECT_EQ(wire(reply::kRelayDenied), "550 5.7.1 Relaying denied\r\n");
}

TEST(Reply, HasNoStatusCodeWhereNoneBelongs) {
    EXPECT_EQ(wire({354, "3.0.0", {"go"}}), "354 go\r\n");                        // RFC 2034 section 4
    EXPECT_EQ(wire({450, "5.1.1", {"class differs"}}), "450 class differs\r\n");  // RFC 2034 section 3
    EXPECT_EQ(wire({550, "5.01.1", {"leading zero"}}), "550 leading zero\r\n");
    EXPECT_EQ(wire({550, "5.7.1\r\n250 x", {"no code"}}), "550 no code\r\n");
}

TEST(Reply, NeverLetsAStrangersTextSplitIt) {
    EXPECT_EQ(wire({550, "5.7.1", {"a\r\n250 ok\x1b\xc3\xbc"}}), "550 5.7.1 a??250 ok???\r\n");
}

TEST(Reply, SplitsLinesOver512Octets) {
    const std::string words(600, 'x');
    const auto text = wire({550, "5.7.1", {"head " + words}});
    EXPECT_EQ(text, "550-5.7.1 head\r\n550-5.7.1 " + std::string(500, 'x') + "\r\n550 5.7.1 " +
                        std::string(100, 'x') + "\r\n");
}

TEST(Reply, IsNeverOfAClassThatNoServerSends) {
    for (int code : {0, 150, 199, 600, -1, 2500})
        EXPECT_TRUE(wire({code, "", {"x"}}).starts_with("451 4.3.0 ")) << code;
}

TEST(ReplyTable, HasWellFormedRows) {
    for (const FixedReply& row :
         {reply::kOk, reply::kStartContent, reply::kUnknownCommand, reply::kTooManyRecipients,
          reply::kBareLineEnding, reply::kNulInMessage, reply::kMailLoop, reply::kSpfFail,
          reply::kDownstreamDown, reply::kTlsNeeded, reply::kShuttingDown}) {
        std::string direct;
        append_wire(direct, row);
        EXPECT_EQ(direct, wire(Reply(row)));
        if (!row.enhanced.empty()) {
            EXPECT_EQ(row.enhanced[0] - '0', row.code / 100);
        }
    }
}

// specs/smtp.md section 10.
TEST(ReplyTable, HasTheCodesOfTheSpecification) {
    const struct {
        FixedReply reply;
        std::string_view want;
    } rows[] = {
        {reply::kTooManySessions, "421 4.3.2"},
        {reply::kTooManySessionsOfClient, "421 4.7.0"},
        {reply::kNoEntry, "554 5.7.1"},
        {reply::kUnknownCommand, "500 5.5.1"},
        {reply::kNotImplemented, "502 5.5.1"},
        {reply::kMailFirst, "503 5.5.1"},
        {reply::kSyntax, "501 5.5.4"},
        {reply::kUnknownParameter, "555 5.5.4"},
        {reply::kLineTooLong, "500 5.5.2"},
        {reply::kBadSender, "501 5.1.7"},
        {reply::kUnknownSenderDomain, "550 5.1.8"},
        {reply::kSenderDomainUnclear, "451 4.1.8"},
        {reply::kRelayDenied, "550 5.7.1"},
        {reply::kUnknownUser, "550 5.1.1"},
        {reply::kMailboxFull, "452 4.2.2"},
        {reply::kTooManyRecipients, "452 4.5.3"},
        {reply::kNoRecipients, "554 5.5.1"},
        {reply::kTooLarge, "552 5.3.4"},
        {reply::kNoStorage, "452 4.3.1"},
        {reply::kBareLineEnding, "550 5.5.2"},
        {reply::kNulInMessage, "550 5.6.0"},
        {reply::kMalformedHeader, "550 5.6.0"},
        {reply::kSpfFail, "550 5.7.23"},
        {reply::kSpfUnclear, "451 4.7.24"},
        {reply::kAuthenticationUnclear, "451 4.7.0"},
        {reply::kMailLoop, "554 5.4.6"},
        {reply::kDownstreamDown, "451 4.4.1"},
        {reply::kDownstreamTimeout, "451 4.4.2"},
        {reply::kTlsNeeded, "530 5.7.0"},
        {reply::kTlsUnavailable, "454 4.7.0"},
        {reply::kCannotVerify, "252 2.0.0"},
        {reply::kBye, "221 2.0.0"},
        {reply::kOk, "250 2.0.0"},
        {reply::kTimeout, "421 4.4.2"},
    };
    for (const auto& row : rows)
        EXPECT_TRUE(wire(row.reply).starts_with(std::string(row.want) + ' ')) << row.want;
}

ReplyParser::State read_all(ReplyParser& parser, std::string_view text, std::size_t portion) {
    auto state = ReplyParser::State::incomplete;
    while (!text.empty() && state == ReplyParser::State::incomplete) {
        auto piece = text.substr(0, portion);
        text.remove_prefix(piece.size());
        state = parser.read(piece);
    }
    return state;
}

TEST(ReplyParser, ReadsRepliesInAnyPortions) {
    const struct {
        std::string_view text;
        Reply want;
    } rows[] = {
        {"250 ok\r\n", {250, "", {"ok"}}},
        {"250\r\n", {250, "", {""}}},
        {"250 2.1.0 Sender ok\r\n", {250, "2.1.0", {"Sender ok"}}},
        {"550-5.7.1 one\r\n550 5.7.1 two\r\n", {550, "5.7.1", {"one", "two"}}},
        {"550-5.7.1 one\r\n550 two\r\n", {550, "5.7.1", {"one", "two"}}},
        {"250-mx\r\n250-SIZE 1000\r\n250 DSN\r\n", {250, "", {"mx", "SIZE 1000", "DSN"}}},
        {"450 5.1.1 class differs\r\n", {450, "", {"5.1.1 class differs"}}},
        {"220 2.0.0\r\n", {220, "2.0.0", {""}}},
    };
    for (const auto& row : rows) {
        for (std::size_t portion : {std::size_t{1}, std::size_t{3}, row.text.size()}) {
            ReplyParser parser;
            ASSERT_EQ(read_all(parser, row.text, portion), ReplyParser::State::complete) << row.text;
            EXPECT_EQ(parser.take(), row.want) << row.text;
        }
    }
}

TEST(ReplyParser, LeavesWhatFollowsTheReply) {
    ReplyParser parser;
    std::string_view input = "250 one\r\n550 two\r\n35";
    EXPECT_EQ(parser.read(input), ReplyParser::State::complete);
    EXPECT_EQ(input, "550 two\r\n35");
    EXPECT_EQ(parser.take().code, 250);
    EXPECT_EQ(parser.read(input), ReplyParser::State::complete);
    EXPECT_EQ(parser.take().code, 550);
    EXPECT_EQ(parser.read(input), ReplyParser::State::incomplete);
    EXPECT_TRUE(input.empty());
}

TEST(ReplyParser, RefusesWhatIsNoReply) {
    std::string many;
    for (int i = 0; i < 129; ++i) many += "250-x\r\n";
    const struct {
        std::string text;
        const char* why;
    } rows[] = {
        {"hello\r\n", "no code"},      {"25 x\r\n", "two digits"},
        {"2500 x\r\n", "four digits"}, {"250x\r\n", "no separator"},
        {"\r\n", "empty line"},        {"150 x\r\n", "class 1"},
        {"650 x\r\n", "class 6"},      {"250-x\r\n550 y\r\n", "codes differ"},
        {"250 x\n", "bare LF"},        {"250 x\ry\r\n", "bare CR"},
        {many, "129 lines"},           {std::string(65537, '2'), "endless line"},
    };
    for (const auto& row : rows) {
        ReplyParser parser;
        EXPECT_EQ(read_all(parser, row.text, 1000), ReplyParser::State::failed) << row.why;
        std::string_view good = "250 ok\r\n";
        EXPECT_EQ(parser.read(good), ReplyParser::State::failed) << "it stays failed";
    }
}

}  // namespace
}  // namespace gatepost::protocol
