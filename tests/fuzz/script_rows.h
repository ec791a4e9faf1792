// What a client may say in a session, well-formed and not, and how each line by itself is to be answered.
#pragma once

#include <cstddef>
#include <string>

namespace gatepost::tests {

// What one line asks for: its argument, what it is refused with by itself, what the judge is asked about.
struct ScriptRow {
    std::string argument, refusal, about;
    bool needs_8bit = false, needs_utf8 = false, says_utf8 = false;
    bool needs_dsn = false, needs_tls = false, says_binary = false;
    std::size_t size = 0;
};

// The argument of HELO and EHLO.
inline const ScriptRow kHelloRows[] = {{"client.example", "", "client.example"},
                                       {"[192.0.2.1]", "", "[192.0.2.1]"},
                                       {" [IPv6:::1]\t", "", "[IPv6:::1]"},
                                       {"a) by evil (b", "", "a) by evil (b"},
                                       {"", "501", ""},
                                       {std::string(255, 'h'), "", std::string(255, 'h')},
                                       {std::string(256, 'h'), "501", ""},
                                       {"caf\xc3\xa9.example", "501", ""},
                                       {"a\tb", "501", ""}};

inline const ScriptRow kMailRows[] = {
    {"FROM:<a@x.example>", "", "a@x.example"},
    {"from: <b@X.Example>", "", "b@x.example"},
    {"FROM:<>", "", ""},
    {.argument = "FROM:<a@x.example> SIZE=300", .about = "a@x.example", .size = 300},
    {.argument = "FROM:<a@x.example> SIZE=301", .about = "a@x.example", .size = 301},
    {.argument = "FROM:<a@x.example> BODY=8BITMIME size=1", .about = "a@x.example", .needs_8bit = true},
    {.argument = "FROM:<a@x.example> SMTPUTF8",
     .about = "a@x.example",
     .needs_utf8 = true,
     .says_utf8 = true},
    {.argument = "FROM:<\xc3\xa9@x.example> SMTPUTF8",
     .about = "\xc3\xa9@x.example",
     .needs_utf8 = true,
     .says_utf8 = true},
    {"FROM:<\xc3\xa9@x.example>", "550 5.6.7", ""},
    {"FROM:<@r.example:a@x.example>", "", "a@x.example"},
    {"FROM:<\"a b\"@x.example>", "", "\"a b\"@x.example"},
    {"FROM:<\"a\"@x.example>", "", "a@x.example"},
    {.argument = "FROM:<a@x.example> BODY=BINARYMIME",
     .about = "a@x.example",
     .needs_8bit = true,
     .says_binary = true},
    {.argument = "FROM:<a@x.example> BODY=binarymime SIZE=2",
     .about = "a@x.example",
     .needs_8bit = true,
     .says_binary = true},
    {.argument = "FROM:<a@x.example> RET=HDRS ENVID=a+2Bb", .about = "a@x.example", .needs_dsn = true},
    {.argument = "FROM:<a@x.example> RET=ALL", .refusal = "501 5.5.4", .needs_dsn = true},
    {.argument = "FROM:<a@x.example> ENVID=a+2b", .refusal = "501 5.5.4", .needs_dsn = true},
    {.argument = "FROM:<a@x.example> REQUIRETLS", .about = "a@x.example", .needs_tls = true},
    {"FROM:<a@x.example> NEW=1", "555 5.5.4", ""},
    {"FROM:<a@x.example> SIZE=1 Size=1", "501 5.5.4", ""},
    {"FROM:<a@x.example> SIZE", "501 5.5.4", ""},
    {"FROM:<a@x.example>SIZE=1", "501 5.5.4", ""},
    {"FROM:<a@x.example", "501 5.1.7", ""},
    {"FROM:a@x.example", "501 5.1.7", ""},
    {"FROM:<a@x.example>\t", "", "a@x.example"},
    {"TO:<a@x.example>", "501 5.5.4", ""},
    {"", "501 5.5.4", ""},
};

inline const ScriptRow kRecipientRows[] = {
    {"TO:<b@ours.example>", "", "b@ours.example"},
    {"to: <c@OURS.example>", "", "c@ours.example"},
    {"TO:<Postmaster>", "", "Postmaster"},
    {"TO:<@r.example:d@ours.example>", "", "d@ours.example"},
    {.argument = "TO:<\xc3\xa9@ours.example>", .about = "\xc3\xa9@ours.example", .needs_utf8 = true},
    {.argument = "TO:<b@ours.example> NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;b@x.example",
     .about = "b@ours.example",
     .needs_dsn = true},
    {.argument = "TO:<b@ours.example> notify=never", .about = "b@ours.example", .needs_dsn = true},
    {.argument = "TO:<b@ours.example> NOTIFY=NEVER,DELAY", .refusal = "501 5.5.4", .needs_dsn = true},
    {.argument = "TO:<b@ours.example> ORCPT=x", .refusal = "501 5.5.4", .needs_dsn = true},
    {"TO:<>", "501 5.1.3", ""},
    {"TO:<b>", "501 5.1.3", ""},
    {"TO:<b@ours.example> NEW=1", "555 5.5.4", ""},
    {"FROM:<b@ours.example>", "501 5.5.4", ""},
};

// Whole lines; what is refused, or said.
inline const ScriptRow kPlainRows[] = {
    {"NOOP", "250 2.0.0", ""},
    {"noop what ever", "250 2.0.0", ""},
    {"HELP", "214 2.0.0", ""},
    {"VRFY a", "252 2.0.0", ""},
    {"VRFY", "501 5.5.4", ""},
    {"DATA now", "501 5.5.4", ""},
    {"RSET x", "501 5.5.4", ""},
    {"QUIT now", "501 5.5.4", ""},
    {"EXPN list", "502 5.5.1", ""},
    {"AUTH PLAIN", "502 5.5.1", ""},
    {"LHLO x", "502 5.5.1", ""},
    {"XCLIENT ADDR=::1", "502 5.5.1", ""},
    {"", "500 5.5.1", ""},
    {" NOOP", "500 5.5.1", ""},
    {"MAILFROM:<a@b>", "500 5.5.1", ""},
    {std::string("NOOP\0x", 6), "500 5.5.1", ""},
    {std::string(4094, 'l'), "500 5.5.1", ""},
    {std::string(4095, 'l'), "500 5.5.2", ""},
    {std::string(9000, 'l'), "500 5.5.2", ""},
    {"BDAT " + std::string(9000, '0'), "", ""},
    {std::string(65535, 'l'), "500 5.5.2", ""},
};

}  // namespace gatepost::tests
