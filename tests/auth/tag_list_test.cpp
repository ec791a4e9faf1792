#include "auth/tag_list.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace gatepost::auth {
namespace {

TEST(TagList, TakesWhatTheGrammarAllows) {
    struct {
        const char* text;
        const char* name;
        const char* value;
        const char* reason;
    } const cases[] = {
        {"a=1", "a", "1", "one tag"},
        {"a=1;b=2", "b", "2", "two tags"},
        {"a=1; b=2;", "b", "2", "the list may end in a semicolon"},
        {"a=1; b=2 ; \t", "b", "2", "white space behind the last semicolon"},
        {" a = 1 ; b\t=\t2", "b", "2", "white space around name and value"},
        {"a=1;\r\n\tb=2", "b", "2", "folded between tags"},
        {"a=1; b\r\n =\r\n\t2\r\n ;c=3", "b", "2", "folded around the equals sign"},
        {"a=", "a", "", "an empty value"},
        {"a=;b=2", "a", "", "an empty value before others"},
        {"a=x=y==", "a", "x=y==", "equals signs in the value"},
        {"a=x y\tz", "a", "x y\tz", "white space within the value"},
        {"a=x\r\n y", "a", "x\r\n y", "folded within the value"},
        {"A_1z=1", "A_1z", "1", "names hold letters, digits and underscore"},
        {"a=1;A=2", "A", "2", "names are case-sensitive"},
        {"a=j\xc3\xbcrgen", "a", "j\xc3\xbcrgen", "UTF-8 (RFC 8616 section 3)"},
    };
    for (const auto& row : cases) {
        SCOPED_TRACE(row.reason);
        const auto list = TagList::parse(row.text);
        ASSERT_TRUE(list) << list.problem();
        const Tag* tag = list->find(row.name);
        ASSERT_NE(tag, nullptr);
        EXPECT_EQ(tag->value, row.value);
    }
}

TEST(TagList, RefusesEverythingElse) {
    struct {
        std::string text;
        const char* reason;
    } const cases[] = {
        {"", "no tag"},
        {" ", "white space only"},
        {";", "an empty tag"},
        {"a=1;;b=2", "an empty tag between two"},
        {"a=1; ; ", "an empty tag at the end"},
        {"a", "no equals sign"},
        {"a=1;b", "no equals sign in the second"},
        {"=1", "no name"},
        {"1a=1", "a name begins with a letter"},
        {"_a=1", "a name begins with a letter"},
        {"a-b=1", "a hyphen in a name"},
        {"a b=1", "white space within a name"},
        {"a=1;a=1", "a repeated tag, even with the same value"},
        {"a=1;b=2;a=", "a repeated tag"},
        {std::string("a=\0", 3), "NUL"},
        {"a=\x7f", "DEL"},
        {"a=x\ry", "a bare CR"},
        {"a=x\ny", "a bare LF"},
        {"a=x\r\ny", "a line end without white space behind it"},
        {"a=x\r\n", "a line end at the end"},
        {"a=\xff", "not UTF-8"},
    };
    for (const auto& row : cases) EXPECT_FALSE(TagList::parse(row.text)) << row.reason;
}

TEST(TagList, KnowsWhereTheRawValueStands) {
    const std::string text = "bh=x; b= a b\r\n\tc ; z=b=";
    const auto list = TagList::parse(text);
    ASSERT_TRUE(list);
    EXPECT_EQ(list->find("b")->raw, " a b\r\n\tc ");
    EXPECT_EQ(list->find("b")->raw.data(), text.data() + 8);
    EXPECT_EQ(list->find("bh")->raw, "x");
}

TEST(TagList, HoldsAHundredTagsAndNoMore) {
    std::string text;
    for (int i = 0; i < 100; ++i) text += "t" + std::to_string(i) + "=1;";
    EXPECT_TRUE(TagList::parse(text));
    EXPECT_FALSE(TagList::parse(text + "u=1"));
}

TEST(TagList, SplitsAtColons) {
    using Parts = std::vector<std::string_view>;
    EXPECT_EQ(colon_separated("from:to"), (Parts{"from", "to"}));
    EXPECT_EQ(colon_separated("from :\r\n\tto: from"), (Parts{"from", "to", "from"}));
    EXPECT_EQ(colon_separated("from"), (Parts{"from"}));
    EXPECT_EQ(colon_separated(":"), (Parts{"", ""}));
    EXPECT_EQ(colon_separated(""), (Parts{""}));
}

TEST(TagList, RemovesAllWhiteSpace) {
    EXPECT_EQ(without_white_space(" ab\r\n\tc d="), "abcd=");
}

}  // namespace
}  // namespace gatepost::auth
