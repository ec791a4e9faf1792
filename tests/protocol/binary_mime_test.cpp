// BODY=BINARYMIME: the body is any octets, the header is not (RFC 3030 section 3).
#include <gtest/gtest.h>

#include <string>

#include "tests/protocol/dialogue_session.h"

namespace gatepost::protocol {
namespace {

using Lines = std::vector<std::string>;

DialogueSession begun(BareNewlines bare_newlines = BareNewlines::refused) {
    DialogueSettings settings{"mx.example", 100000};
    settings.offers_binarymime = true;
    settings.bare_newlines = bare_newlines;
    DialogueSession session(settings);
    session.feed("EHLO x\r\nMAIL FROM:<a@x> BODY=BINARYMIME\r\nRCPT TO:<b@o>\r\n");
    session.taken_lines();
    return session;
}

std::string in_chunks(std::string_view content, std::size_t size) {
    std::string wire;
    for (; content.size() > size; content.remove_prefix(size)) {
        wire += "BDAT " + std::to_string(size) + "\r\n" + std::string(content.substr(0, size));
    }
    return wire + "BDAT " + std::to_string(content.size()) + " LAST\r\n" + std::string(content);
}

TEST(BinaryMime, PassesAnyBodyAndOnlyThat) {
    using namespace std::string_literals;
    const std::string body = "\0\n\r\r\n.\r\n\n\r"s + std::string(20000, 'x') + "\r";
    const struct {
        std::string content, verdict;
    } rows[] = {
        {"From: a@x\r\n\r\n" + body, "250 2.0.0"},
        {"\r\n" + body, "250 2.0.0"},
        {"From: a@x\r\n\r\n\n", "250 2.0.0"},
        {"From: a@x\n\r\n" + body, "550 5.5.2"},
        {"From: a@x\r\r\n\r\n" + body, "550 5.5.2"},
        {"From: a@x\r\n\n\r\n\r\n" + body, "550 5.5.2"},
        {"From: a\0@x\r\n\r\n"s + body, "550 5.6.0"},
        {"From: " + std::string(8190, 'x') + "\r\n\r\n", "550 5.6.0"},
        {"From: a@x\r", "550 5.5.2"},
    };
    for (const auto& row : rows) {
        for (const std::size_t size : {std::size_t{37}, std::size_t{4000}, std::size_t{50000}}) {
            for (const auto bare_newlines : {BareNewlines::refused, BareNewlines::normalized}) {
                DialogueSession session = begun(bare_newlines);
                session.feed(in_chunks(row.content, size), 777);
                const auto lines = session.taken_lines();
                ASSERT_FALSE(lines.empty());
                if (row.verdict.starts_with("250")) {
                    EXPECT_TRUE(lines.back().starts_with(row.verdict)) << lines.back();
                    EXPECT_TRUE(session.messages == Lines{row.content});
                } else {
                    const auto found = std::find_if(lines.begin(), lines.end(), [&](const auto& line) {
                        return line.starts_with(row.verdict);
                    });
                    EXPECT_NE(found, lines.end()) << lines.back();
                    EXPECT_TRUE(session.messages.empty());
                }
            }
        }
    }
}

TEST(BinaryMime, DoesNotGoByData) {
    DialogueSession session = begun();
    session.feed("DATA\r\n");
    EXPECT_TRUE(session.taken_lines().back().starts_with("503 5.5.1"));
    session.feed(in_chunks("\r\n\n", 100));
    EXPECT_TRUE(session.taken_lines().back().starts_with("250 2.0.0"));
}

TEST(BinaryMime, HoldsForItsTransactionOnly) {
    DialogueSession session = begun();
    session.feed("RSET\r\nMAIL FROM:<a@x>\r\nRCPT TO:<b@o>\r\n" + in_chunks("\r\n\n", 100));
    EXPECT_TRUE(session.taken_lines().back().starts_with("550 5.5.2"));
}

}  // namespace
}  // namespace gatepost::protocol
