#include "protocol/capabilities.h"

#include <gtest/gtest.h>

namespace gatepost::protocol {
namespace {

Capabilities parsed(std::vector<std::string> keywords) {
    keywords.insert(keywords.begin(), "in.example");
    return parse_capabilities(Reply{250, "", std::move(keywords)});
}

TEST(Capabilities, AreReadFromTheKeywords) {
    const struct {
        const char* keyword;
        bool Capabilities::*is_offered;
    } rows[] = {
        {"PIPELINING", &Capabilities::pipelining},
        {"8bitmime", &Capabilities::eight_bit_mime},
        {"SMTPUTF8", &Capabilities::smtputf8},
        {"STARTTLS", &Capabilities::starttls},
        {"CHUNKING", &Capabilities::chunking},
        {"BinaryMime", &Capabilities::binarymime},
        {"DSN", &Capabilities::dsn},
        {"REQUIRETLS", &Capabilities::requiretls},
        {"XCLIENT ADDR", &Capabilities::xclient},
        {"XFORWARD ADDR", &Capabilities::xforward},
        {"SIZE 10", &Capabilities::size},
        {"ENHANCEDSTATUSCODES", &Capabilities::enhanced_status_codes},
    };
    for (const auto& row : rows) {
        EXPECT_TRUE(parsed({row.keyword}).*row.is_offered) << row.keyword;
        EXPECT_FALSE(parsed({"X" + std::string(row.keyword)}).*row.is_offered) << row.keyword;
        const Capabilities beside = parsed({"HELP", row.keyword, "XYZZY a b"});
        EXPECT_TRUE(beside.*row.is_offered) << row.keyword;
    }
    EXPECT_FALSE(parse_capabilities(Reply{250, "", {"DSN"}}).dsn) << "the first line is the host's name";
}

TEST(Capabilities, KnowTheLargestMessage) {
    const struct {
        const char* keyword;
        std::size_t size;
    } rows[] = {{"SIZE 1000", 1000}, {"SIZE", 0},      {"SIZE 0", 0},
                {"SIZE  77 ", 77},   {"SIZE many", 0}, {"SIZE 99999999999999999999999", 0}};
    for (const auto& row : rows) EXPECT_EQ(parsed({row.keyword}).max_size, row.size) << row.keyword;
}

TEST(Capabilities, KnowWhatMayBeToldOfAClient) {
    const auto can = parsed({"XCLIENT NAME  addr PROTO LOGIN XYZZY", "XFORWARD ADDR IDENT SOURCE"});
    EXPECT_TRUE(has(can.xclient_attributes, Attribute::name));
    EXPECT_TRUE(has(can.xclient_attributes, Attribute::addr));
    EXPECT_TRUE(has(can.xclient_attributes, Attribute::proto));
    EXPECT_FALSE(has(can.xclient_attributes, Attribute::helo));
    EXPECT_TRUE(has(can.xforward_attributes, Attribute::ident));
    EXPECT_TRUE(has(can.xforward_attributes, Attribute::source));
    EXPECT_FALSE(has(can.xforward_attributes, Attribute::name));
}

TEST(Capabilities, OfSeveralServersAreWhatAllCanDo) {
    const auto both = what_both_can(parsed({"DSN", "SMTPUTF8", "SIZE 2000", "XCLIENT ADDR NAME"}),
                                    parsed({"DSN", "CHUNKING", "SIZE 1000", "XCLIENT ADDR HELO"}));
    EXPECT_TRUE(both.is_extended && both.dsn && both.size && both.xclient);
    EXPECT_FALSE(both.smtputf8 || both.chunking);
    EXPECT_EQ(both.max_size, 1000u);
    EXPECT_EQ(both.xclient_attributes, static_cast<unsigned>(Attribute::addr));
    EXPECT_EQ(what_both_can(parsed({"SIZE 0"}), parsed({"SIZE 500"})).max_size, 500u) << "0 is no limit";
    EXPECT_EQ(what_both_can(parsed({"SIZE 500"}), parsed({})).max_size, 500u);
    EXPECT_FALSE(what_both_can(parsed({"DSN"}), Capabilities{}).is_extended) << "one of them knows HELO only";
    const auto one = parsed({"DSN", "SIZE 5", "XFORWARD ADDR", "REQUIRETLS", "BINARYMIME"});
    EXPECT_EQ(what_both_can(one, one), one);
}

}  // namespace
}  // namespace gatepost::protocol
