// `limits` and `defence`: every key is taken from the file, and what would disarm a limit or break the
// standard is refused.
#include <gtest/gtest.h>

#include <string>

#include "config/load.h"

namespace gatepost::config {
namespace {

using std::chrono::milliseconds;

const std::string kGood =
    "hostname: mx1.example.org\n"
    "domains: [example.org]\n"
    "downstream: {servers: [\"smtp://10.0.0.5:25\"]}\n";

Loaded load(const std::string& yaml) {
    return load_text(kGood + yaml, "/etc/gatepost/f", "mx1.example.org");
}

TEST(Limits, EveryKeyIsTaken) {
    const Loaded loaded = load(
        "limits: {sessions: 11, sessions_per_client: 12, sessions_per_network: 13, sessions_per_minute: 14,\n"
        "  messages_per_minute: 15, recipients_per_minute: 16, errors: 17, commands: 28, recipients: 119,\n"
        "  transactions: 34,\n"
        "  message_size: 1MiB, line_length: 1000, header_size: 17KiB, header_fields: 120,\n"
        "  header_field_size: 2KiB, hops: 21, memory_per_message: 18KiB, command_timeout: 22s,\n"
        "  stressed_command_timeout: 23s, handshake_timeout: 24s, write_timeout: 25s, data_timeout: 26s,\n"
        "  data_rate: 27, data_rate_window: 28s, transaction_timeout: 29s, session_timeout: 30s,\n"
        "  downstream_timeout: 31s, dns_timeout: 32s, dns_questions: 134, drain_timeout: 33s}\n");
    ASSERT_TRUE(loaded.settings) << text(loaded.findings.at(0), "f");
    Limits expected;
    expected.sessions = 11;
    expected.sessions_per_client = 12;
    expected.sessions_per_network = 13;
    expected.sessions_per_minute = 14;
    expected.messages_per_minute = 15;
    expected.recipients_per_minute = 16;
    expected.errors = 17;
    expected.commands = 28;
    expected.recipients = 119;
    expected.transactions = 34;
    expected.message_size = 1024 * 1024;
    expected.line_length = 1000;
    expected.header_size = 17 * 1024;
    expected.header_fields = 120;
    expected.header_field_size = 2048;
    expected.hops = 21;
    expected.memory_per_message = 18 * 1024;
    expected.command_timeout = seconds(22);
    expected.stressed_command_timeout = seconds(23);
    expected.handshake_timeout = seconds(24);
    expected.write_timeout = seconds(25);
    expected.data_timeout = seconds(26);
    expected.data_rate = 27;
    expected.data_rate_window = seconds(28);
    expected.transaction_timeout = seconds(29);
    expected.session_timeout = seconds(30);
    expected.downstream_timeout = seconds(31);
    expected.dns_timeout = seconds(32);
    expected.dns_questions = 134;
    expected.drain_timeout = seconds(33);
    EXPECT_EQ(loaded.settings->limits, expected);
}

TEST(Defence, EveryKeyIsTaken) {
    const Loaded loaded = load(
        "defence: {tarpit: {after: 3, delay: 1500ms, max: 20s},\n"
        "  harvest: {slow_after: 4, delay: 3s, end_after: 30}, delayed_sessions: 5}\n");
    ASSERT_TRUE(loaded.settings) << text(loaded.findings.at(0), "f");
    Defence expected;
    expected.tarpit = {3, milliseconds(1500), milliseconds(20000)};
    expected.harvest = {4, milliseconds(3000), 30};
    expected.delayed_sessions = 5;
    EXPECT_EQ(loaded.settings->defence, expected);
}

TEST(Defence, DelaysNobodyUnlessTold) {
    const Settings settings = *load("").settings;
    EXPECT_EQ(settings.defence.tarpit.after, 0u);
    EXPECT_EQ(settings.defence.harvest.slow_after, 0u);
}

TEST(Limits, WhatIsOutOfRangeIsSaidWithTheRange) {
    const struct {
        const char* yaml;
        const char* finding;
        const char* why;
    } rows[] = {
        {"limits: {sessions_per_client: 0}",
         "4:31: error: sessions_per_client must be a whole number from 1 to 1000000",
         "0 would let nobody in"},
        {"limits: {line_length: 997}", "4:23: error: line_length must be from 998 to 16777216 octets",
         "RFC 5321 section 4.5.3.1.6"},
        {"limits: {header_fields: 10}",
         "4:25: error: header_fields must be a whole number from 100 to 100000",
         "an honest message that came a long way has more"},
        {"limits: {write_timeout: 0s}", "4:25: error: write_timeout must be from 1s to 600s",
         "nobody could be answered"},
        {"limits: {data_rate_window: 5}",
         "4:28: error: data_rate_window must be a time with its unit, such as 250ms, 30s, 5m, 1h or 5d",
         "5 what?"},
        {"limits: {session_per_minute: 5}",
         "4:10: error: unknown key 'session_per_minute' in limits; did you mean 'sessions_per_minute'?",
         "a typing error must not switch a limit off"},
        {"defence: {tarpit: {delay: 10m}}", "4:27: error: delay must be from 1ms to 60s",
         "senders give up after five minutes"},
        {"defence: {harvest: {end_after: 0}}",
         "4:32: error: end_after must be a whole number from 1 to 100000", "0 would end every session"},
        {"defence: {tarpits: {after: 1}}",
         "4:11: error: unknown key 'tarpits' in defence; did you mean 'tarpit'?", "one letter more"},
    };
    for (const auto& row : rows) {
        const Loaded loaded = load(std::string(row.yaml) + "\n");
        ASSERT_EQ(loaded.findings.size(), 1u) << row.yaml;
        EXPECT_EQ(text(loaded.findings[0], "f"), std::string("f:") + row.finding) << row.why;
        EXPECT_FALSE(loaded.settings) << row.yaml;
    }
}

}  // namespace
}  // namespace gatepost::config
