#include "protocol/command.h"

#include <gtest/gtest.h>

namespace gatepost::protocol {
namespace {

TEST(Command, IsAVerbInAnyCaseAndItsArgument) {
    const struct {
        std::string_view line;
        Verb verb;
        std::string_view argument;
    } rows[] = {
        {"EHLO x", Verb::ehlo, "x"},
        {"ehlo x", Verb::ehlo, "x"},
        {"EhLo  x y \t", Verb::ehlo, "x y"},
        {"QUIT", Verb::quit, ""},
        {"QUIT ", Verb::quit, ""},
        {"QUITE", Verb::unknown, ""},
        {"MAIL FROM:<a@b>", Verb::mail, "FROM:<a@b>"},
        {"MAILFROM:<a@b>", Verb::unknown, ""},
        {" NOOP", Verb::unknown, ""},
        {"", Verb::unknown, ""},
        {"ETRN x", Verb::not_implemented, "x"},
        {"EXPN x", Verb::not_implemented, "x"},
        {"XCLIENT NAME=x", Verb::not_implemented, "NAME=x"},
        {"BDAT 3 LAST", Verb::bdat, "3 LAST"},
        {"GET / HTTP/1.1", Verb::foreign, "/ HTTP/1.1"},
        {"connect x:25", Verb::foreign, "x:25"},
        {"\x16\x03\x01", Verb::foreign, ""},
        {"SSH-2.0-x", Verb::foreign, ""},
    };
    for (const auto& row : rows) {
        const auto command = parse_command(row.line);
        EXPECT_EQ(command.verb, row.verb) << row.line;
        if (row.verb != Verb::unknown) {
            EXPECT_EQ(command.argument, row.argument) << row.line;
        }
    }
}

std::string outcome(std::string_view argument, Extensions extensions = {}) {
    const auto parsed = parse_mail(argument, extensions);
    if (auto* refusal = std::get_if<FixedReply>(&parsed))
        return std::to_string(refusal->code) + ' ' + std::string(refusal->enhanced);
    const auto& mail = std::get<MailCommand>(parsed);
    std::string text = '<' + mail.reverse_path.text() + '>';
    const auto& given = mail.parameters;
    if (given.declared_size) text += " size " + std::to_string(*given.declared_size);
    if (given.body == BodyKind::eight_bit) text += " 8bit";
    if (given.smtputf8) text += " utf8";
    return text;
}

TEST(MailCommand, TakesItsParametersStrictly) {
    const struct {
        std::string_view argument, want;
    } rows[] = {
        {"FROM:<a@b>", "<a@b>"},
        {"from:<a@b>", "<a@b>"},
        {"FROM:  <a@b>", "<a@b>"},
        {"FROM:<>", "<>"},
        {"FROM:<a@b> SIZE=10 BODY=8bitmime SMTPUTF8", "<a@b> size 10 8bit utf8"},
        {"FROM:<a@b> body=7BIT size=0", "<a@b> size 0"},
        {"FROM:<a@b> SIZE=18446744073709551615", "<a@b> size 18446744073709551615"},
        {"FROM:<a@b> SIZE=18446744073709551616", "501 5.5.4"},
        {"FROM:<a@b> SIZE=000000000000000000001", "501 5.5.4"},  // 21 digits, RFC 1870 section 5
        {"FROM:<a@b> SIZE=+1", "501 5.5.4"},
        {"FROM:<a@b> SIZE=0x10", "501 5.5.4"},
        {"FROM:<a@b> SIZE=", "501 5.5.4"},
        {"FROM:<a@b> SIZE", "501 5.5.4"},
        {"FROM:<a@b> SIZE=1 size=1", "501 5.5.4"},
        {"FROM:<a@b>  SIZE=1", "501 5.5.4"},
        {"FROM:<a@b> -X=1", "501 5.5.4"},
        {"FROM:<a@b> X=a=b", "501 5.5.4"},
        {"FROM:<a@b> X=\x01", "501 5.5.4"},
        {"FROM:<a@b> X=1", "555 5.5.4"},
        {"FROM:<a@b> X=1 X=2", "501 5.5.4"},
        {"FROM:<a@b> BODY", "501 5.5.4"},
        {"FROM:<a@b> AUTH=<>", "555 5.5.4"},
        {"FROM:<m\xc3\xbc@b>", "550 5.6.7"},
        {"FROM:<m\xc3\xbc@b> SMTPUTF8", "<m\xc3\xbc@b> utf8"},
        {"FROM <a@b>", "501 5.5.4"},
        {"FROM :<a@b>", "501 5.5.4"},
        {"TO:<a@b>", "501 5.5.4"},
        {"FROM:<a@b>x", "501 5.5.4"},
        {"FROM:\"x\" <a@b>", "501 5.1.7"},
    };
    for (const auto& row : rows) EXPECT_EQ(outcome(row.argument), row.want) << row.argument;
}

TEST(MailCommand, RefusesWhatWasNotOffered) {
    EXPECT_EQ(outcome("FROM:<a@b> BODY=7BIT", {false, false}), "555 5.5.4");
    EXPECT_EQ(outcome("FROM:<a@b> SMTPUTF8", {true, false}), "555 5.5.4");
    EXPECT_EQ(outcome("FROM:<a@b> SIZE=1", {false, false}), "<a@b> size 1");
}

TEST(MailCommand, IsBoundedInParameters) {
    std::string text;
    for (int i = 0; i < 17; ++i) text += " X" + std::to_string(i);
    EXPECT_EQ(outcome("FROM:<a@b>" + text), "501 5.5.4");
}

}  // namespace
}  // namespace gatepost::protocol
