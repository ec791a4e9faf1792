#include "protocol/mail_data.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>

namespace gatepost::protocol {
namespace {

struct Decoded {
    std::string content, rest;
    MailFlaws flaws;
    std::size_t size = 0;
    bool has_ended = false;
};

// Each portion in an allocation of its own, so that a view past its end is noticed.
Decoded decoded(std::string_view wire, std::size_t portion, std::size_t limit = 1 << 20) {
    DataDecoder decoder({limit});
    Decoded out;
    while (!wire.empty() && !decoder.has_ended()) {
        const std::string chunk(wire.substr(0, portion));
        std::string_view input = chunk;
        while (!input.empty() && !decoder.has_ended()) out.content += decoder.next(input);
        wire.remove_prefix(chunk.size() - input.size());
    }
    return {out.content, std::string(wire), decoder.flaws(), decoder.size(), decoder.has_ended()};
}

TEST(DataDecoder, UndoesTheStuffing) {
    const struct {
        std::string_view wire, content, why;
    } rows[] = {
        {".\r\n", "", "empty message (M-19 row 13)"},
        {"a\r\n.\r\n", "a\r\n", "one line"},
        {"..\r\n.\r\n", ".\r\n", "lone dot"},
        {"...\r\n.\r\n", "..\r\n", "two dots"},
        {".a\r\n.\r\n", "a\r\n", "a dot that should have been stuffed goes (RFC 5321 section 4.5.2)"},
        {"a.\r\n.\r\n", "a.\r\n", "dot inside"},
        {"a\r\n..b\r\n..c\r\n\r\n.\r\n", "a\r\n.b\r\n.c\r\n\r\n", "several"},
        {"\r\n\r\n.\r\n", "\r\n\r\n", "empty lines"},
        {"\xff\x80\x01\r\n.\r\n", "\xff\x80\x01\r\n", "eight bits"},
    };
    for (const auto& row : rows) {
        for (std::size_t portion = 1; portion <= row.wire.size(); ++portion) {
            const auto result = decoded(row.wire, portion);
            EXPECT_TRUE(result.has_ended) << row.why << portion;
            EXPECT_EQ(result.content, row.content) << row.why << portion;
            EXPECT_EQ(result.size, row.content.size()) << row.why << portion;
            EXPECT_FALSE(result.flaws.any()) << row.why << portion;
        }
    }
}

TEST(DataDecoder, LeavesWhatFollowsTheEnd) {
    const auto result = decoded("a\r\n.\r\nQUIT\r\n", 100);
    EXPECT_EQ(result.rest, "QUIT\r\n");
}

// specs/smtp.md M-19, rows 1 to 11: none of these may end the content, all are remembered.
TEST(DataDecoder, EndsOnlyAtCrLfDotCrLf) {
    const struct {
        std::string_view octets;
        MailFlaws flaws;
    } rows[] = {
        {"\n.\n", {.bare_lf = true}},
        {"\n.\r", {.bare_cr = true, .bare_lf = true}},
        {"\r.\n", {.bare_cr = true, .bare_lf = true}},
        {"\r.\r", {.bare_cr = true}},
        {"\n.\r\n", {.bare_lf = true}},
        {"\r.\r\n", {.bare_cr = true}},
        {"\r\n.\n", {.bare_lf = true}},
        {"\r\n.\r", {.bare_cr = true}},
        {"\r\n.\r\r\n", {.bare_cr = true}},
        {"\r\r\n.\r\r\n", {.bare_cr = true}},
        {{"\r\n\0.\r\n", 6}, {.nul = true}},
        {{"\r\n.\0\r\n", 6}, {.nul = true}},
    };
    for (const auto& row : rows) {
        const std::string wire =
            "Subject: x\r\n\r\nhi" + std::string(row.octets) + "MAIL FROM:<e@x>\r\n.\r\nNOOP\r\n";
        for (std::size_t portion = 1; portion <= wire.size(); ++portion) {
            const auto result = decoded(wire, portion);
            EXPECT_TRUE(result.has_ended);
            EXPECT_EQ(result.flaws, row.flaws) << testing::PrintToString(row.octets) << portion;
        }
        EXPECT_EQ(decoded(wire, wire.size()).rest, "NOOP\r\n") << testing::PrintToString(row.octets);
    }
}

TEST(DataDecoder, RecognisesFalseEndsAsTheVeryFirstOctets) {
    for (std::string_view first : {".\n", ".\r\r\n", "\n.\n", "\r.\r"}) {
        const auto result = decoded(std::string(first) + "x\r\n.\r\n", 1);
        EXPECT_TRUE(result.flaws.any());
        EXPECT_EQ(result.rest, "");
    }
}

TEST(DataDecoder, TakesLinesOf8192Octets) {
    for (std::size_t portion : {std::size_t{1}, std::size_t{100}, std::size_t{20000}}) {
        EXPECT_FALSE(decoded("a\r\n" + std::string(8192, 'x') + "\r\n.\r\n", portion).flaws.any());
        EXPECT_FALSE(decoded("." + std::string(8192, '.') + "\r\n.\r\n", portion).flaws.any());
        EXPECT_TRUE(decoded("a\r\n" + std::string(8193, 'x') + "\r\n.\r\n", portion).flaws.long_line);
    }
}

TEST(DataDecoder, CountsAsSizeDoes) {
    const std::string wire = "12\r\n..3\r\n.\r\n";  // 4 + 4 octets (RFC 1870 section 3)
    for (std::size_t portion : {1, 2, 100}) {
        EXPECT_FALSE(decoded(wire, portion, 8).flaws.any());
        const auto over = decoded(wire, portion, 7);
        EXPECT_TRUE(over.flaws.too_large);
        EXPECT_TRUE(over.has_ended);
        EXPECT_EQ(over.size, 8u);
    }
}

TEST(DataDecoder, GivesNothingOutOnceFlawed) {
    DataDecoder decoder({1000});
    std::string_view input = "a\nb\r\nmore\r\n";
    EXPECT_EQ(decoder.next(input), "");
    input = "and more\r\n";
    EXPECT_EQ(decoder.next(input), "");
}

std::string stuffed(std::string_view content, std::size_t portion) {
    DotStuffer stuffer;
    std::string out;
    while (!content.empty()) {
        const std::string chunk(content.substr(0, portion));
        content.remove_prefix(chunk.size());
        for (std::string_view rest = chunk; !rest.empty();) out += stuffer.next(rest);
    }
    out += stuffer.end();
    return out;
}

TEST(DotStuffer, StuffsAndEnds) {
    const struct {
        std::string_view content, wire;
    } rows[] = {
        {"", ".\r\n"},
        {"a\r\n", "a\r\n.\r\n"},
        {"a", "a\r\n.\r\n"},
        {".", "..\r\n.\r\n"},
        {".\r\n", "..\r\n.\r\n"},
        {"a\r\n.\r\nb.\r\n..c", "a\r\n..\r\nb.\r\n...c\r\n.\r\n"},
        {"a\r\n\r\n.b\r\n", "a\r\n\r\n..b\r\n.\r\n"},
    };
    for (const auto& row : rows) {
        for (std::size_t portion = 1; portion <= row.content.size() + 1; ++portion) {
            EXPECT_EQ(stuffed(row.content, portion), row.wire)
                << testing::PrintToString(row.content) << portion;
        }
    }
}

// specs/smtp.md M-22: what was checked long before is looked at once more at the last place.
TEST(DotStuffer, GivesOutNothingFromAFlawOn) {
    constexpr std::string_view kGood = "good\r\n";
    const std::string_view flawed[] = {
        "a\nb\r\n", "\n",          "a\n.\r\n", "a\r\n.\nb", "a\n.\n",    "a\rb\r\n",
        "\r",       "a\r\r\n",     "a\r.\r\n", "a\r.\r",    "a\r\n.\rb", "a\r\n.\r\r\n",
        "a\r",      "\r\n\n.\r\n", "a\r\n.\r", ".\n",       ".\r.\r\n",
    };
    const auto try_all = [&](const std::string& content) {
        for (std::size_t portion = 1; portion <= content.size(); ++portion) {
            DotStuffer stuffer;
            std::string out;
            for (std::size_t at = 0; at < content.size(); at += portion) {
                const std::string chunk = content.substr(at, portion);
                for (std::string_view rest = chunk; !rest.empty();) out += stuffer.next(rest);
            }
            out += stuffer.end();
            EXPECT_FALSE(out.ends_with("\r\n.\r\n")) << testing::PrintToString(content) << portion;
            EXPECT_EQ(out.find('\0'), std::string::npos) << testing::PrintToString(content) << portion;
            for (std::size_t i = 0; i < out.size(); ++i) {
                const bool lf_follows = i + 1 == out.size() || out[i + 1] == '\n';
                EXPECT_TRUE(out[i] != '\n' || (i > 0 && out[i - 1] == '\r'));
                EXPECT_TRUE(out[i] != '\r' || lf_follows);
                const bool may_end = i > 0 && out[i - 1] == '.' && (i == 1 || out[i - 2] == '\n');
                EXPECT_TRUE(out[i] == '.' || !may_end) << testing::PrintToString(out);
            }
            std::string_view next = kGood;
            EXPECT_EQ(stuffer.next(next), kGood) << "the next message does not suffer";
        }
    };
    for (const auto content : flawed) {
        try_all(std::string(content));
        try_all(std::string(kGood) + std::string(content) + "\r\n.\r\nMAIL FROM:<>\r\n");
    }
    try_all(std::string("a\r\n\0.\r\n", 7));
    try_all(std::string("\0", 1));
    DotStuffer stuffer;
    std::string_view content = "a\nb";
    EXPECT_EQ(stuffer.next(content), "");
    EXPECT_TRUE(stuffer.is_flawed());
    EXPECT_TRUE(content.empty());
}

TEST(DotStuffer, BeginsAfreshAfterTheEnd) {
    DotStuffer stuffer;
    std::string_view content = "no line end";
    stuffer.next(content);
    EXPECT_EQ(stuffer.end(), "\r\n.\r\n");
    content = ".";
    EXPECT_EQ(stuffer.next(content), ".");
    EXPECT_EQ(stuffer.next(content), ".");
    EXPECT_TRUE(content.empty());
}

}  // namespace
}  // namespace gatepost::protocol
