#include "protocol/announcement.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace gatepost::protocol {
namespace {

constexpr Attributes kAll = 511;

ClientFacts client() {
    ClientFacts facts;
    facts.address = *IpAddress::parse("203.0.113.9");
    facts.port = 40001;
    facts.helo = "mail.example";
    facts.is_extended = true;
    facts.destination = *IpAddress::parse("192.0.2.1");
    facts.destination_port = 25;
    facts.id = "1q0cncsp8ttb";
    return facts;
}

using Lines = std::vector<std::string>;

TEST(Xclient, SaysWhatTheServerListed) {
    const ReverseName name{Domain::parse("mail.example"), false};
    EXPECT_EQ(xclient_commands(client(), name, kAll),
              Lines{"XCLIENT PROTO=ESMTP HELO=mail.example PORT=40001 DESTADDR=192.0.2.1 DESTPORT=25 "
                    "ADDR=203.0.113.9 NAME=mail.example"})
        << "ADDR and NAME come last (specs/smtp.md M-39)";
    const auto some = static_cast<unsigned>(Attribute::addr) | static_cast<unsigned>(Attribute::proto);
    EXPECT_EQ(xclient_commands(client(), name, some), Lines{"XCLIENT PROTO=ESMTP ADDR=203.0.113.9"});
    EXPECT_EQ(xclient_commands(client(), name, 0), Lines{});
}

TEST(Xclient, SaysWhatIsNotKnown) {
    ClientFacts facts = client();
    facts.address = *IpAddress::parse("2001:db8::1");
    facts.destination = *IpAddress::parse("2001:db8::25");
    facts.port = facts.destination_port = 0;
    facts.helo.clear();
    facts.is_extended = false;
    EXPECT_EQ(xclient_commands(facts, {}, kAll),
              Lines{"XCLIENT PROTO=SMTP HELO=[UNAVAILABLE] PORT=[UNAVAILABLE] DESTADDR=IPV6:2001:db8::25 "
                    "DESTPORT=[UNAVAILABLE] ADDR=IPV6:2001:db8::1 NAME=[UNAVAILABLE]"});
    const auto name = static_cast<unsigned>(Attribute::name);
    EXPECT_EQ(xclient_commands(facts, {{}, true}, name), Lines{"XCLIENT NAME=[TEMPUNAVAIL]"});
    EXPECT_EQ(xforward_commands(facts, {{}, true}, name), Lines{"XFORWARD NAME=[UNAVAILABLE]"});
}

TEST(Xforward, SaysWhatIsForTheLog) {
    EXPECT_EQ(xforward_commands(client(), {}, kAll),
              Lines{"XFORWARD PROTO=ESMTP HELO=mail.example PORT=40001 IDENT=1q0cncsp8ttb SOURCE=REMOTE "
                    "ADDR=203.0.113.9 NAME=[UNAVAILABLE]"});
}

TEST(Announcement, EncodesWhatAStrangerChose) {  // notes/attacks.md 39
    const auto helo = static_cast<unsigned>(Attribute::helo);
    const struct {
        std::string said;
        std::string_view value;
    } rows[] = {
        {"a b", "a+20b"},
        {"x\r\nMAIL FROM:<>", "x+0D+0AMAIL+20FROM:<>"},
        {"a=b+c", "a+3Db+2Bc"},
        {std::string("a\0b", 3), "a+00b"},
        {"\xff\t\x7f", "+FF+09+7F"},
        {"[192.0.2.1]", "[192.0.2.1]"},
        {std::string(255, 'a'), std::string_view()},
        {std::string(256, 'a'), "[UNAVAILABLE]"},
        {std::string(100, ' '), "[UNAVAILABLE]"},
    };
    for (const auto& row : rows) {
        ClientFacts facts = client();
        facts.helo = row.said;
        const auto value = row.value.empty() ? row.said : std::string(row.value);
        EXPECT_EQ(xclient_commands(facts, {}, helo), Lines{"XCLIENT HELO=" + value});
        EXPECT_EQ(xforward_commands(facts, {}, helo), Lines{"XFORWARD HELO=" + value});
    }
}

TEST(Announcement, IsSplitWhereALineWouldBeTooLong) {
    ClientFacts facts = client();
    facts.helo = std::string(255, 'h');
    std::string longest;
    while (longest.size() < 240) longest += std::string(60, 'n') + ".";
    const ReverseName name{Domain::parse(longest + "example"), false};
    ASSERT_TRUE(name.confirmed);
    const auto commands = xclient_commands(facts, name, kAll);
    ASSERT_EQ(commands.size(), 2u);
    for (const auto& command : commands) {
        EXPECT_LE(command.size(), 510u);
        EXPECT_TRUE(command.starts_with("XCLIENT "));
        EXPECT_TRUE(std::all_of(command.begin(), command.end(), [](char c) { return c >= ' ' && c < 0x7f; }));
    }
    EXPECT_TRUE(commands[1].ends_with("NAME=" + name.confirmed->text()));
}

}  // namespace
}  // namespace gatepost::protocol
