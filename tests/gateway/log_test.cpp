#include "gateway/log.h"

#include <gtest/gtest.h>

namespace gatepost::gateway {
namespace {

TEST(LogLine, IsTheEventAndItsPairs) {
    LogLine line("message");
    line.add("id", "3f9k2")
        .add("size", 1234u)
        .add("from", "<a@b.example>")
        .maybe("override", "")
        .maybe("policy", "reject");
    EXPECT_EQ(line.text(), "message id=3f9k2 size=1234 from=<a@b.example> policy=reject");
}

TEST(LogLine, LetsNoValueEndItsPair) {
    const struct {
        const char* reason;
        std::string value, shown;
    } rows[] = {
        {"plain", "mail.example", "mail.example"},
        {"blanks are quoted", "no such user", "\"no such user\""},
        {"an equals sign could begin a pair", "a=b", "\"a=b\""},
        {"nothing", "", "\"\""},
        {"a quote in quotes", "say \"yes\" =", "\"say 'yes' =\""},
        {"a quote alone", "\"", "\"'\""},
    };
    for (const auto& row : rows) {
        LogLine line("e");
        line.add("k", row.value);
        EXPECT_EQ(line.text(), "e k=" + row.shown) << row.reason;
    }
}

TEST(LogLine, HoldsPrintableAsciiOnly) {
    std::string all;
    for (int octet = 0; octet < 256; ++octet) all += static_cast<char>(octet);
    for (const std::string& value :
         {all, std::string("a\nmessage id=forged"), std::string("\x1b[2J"), std::string("\xe2\x80\xae")}) {
        LogLine line("e");
        line.add("k", value);
        for (const char c : line.text()) EXPECT_TRUE(c >= ' ' && c <= '~') << static_cast<int>(c);
    }
}

TEST(LogLine, IsBoundedWhateverComes) {
    LogLine line("e");
    line.add("k", std::string(1 << 20, '\n'));
    EXPECT_LT(line.text().size(), 2000u);
}

}  // namespace
}  // namespace gatepost::gateway
