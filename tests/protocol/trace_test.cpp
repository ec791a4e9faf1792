#include "protocol/trace.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "protocol/date.h"
#include "protocol/field_cursor.h"

namespace gatepost::protocol {
namespace {

using namespace std::chrono_literals;

constexpr std::chrono::sys_seconds kTime{1795444200s};  // 2026-11-23 14:30:00

Trace trace() {
    Trace trace;
    trace.helo = "client.example";
    trace.reverse_name = Domain::parse("rdns.example");
    trace.client = *IpAddress::parse("192.0.2.1");
    trace.hostname = "mx.example";
    trace.id = "3f9k2";
    trace.time = kTime;
    return trace;
}

TEST(InternetDate, IsThatOfRfc5322) {
    EXPECT_EQ(internet_date(kTime), "Mon, 23 Nov 2026 14:30:00 +0000");
    EXPECT_EQ(internet_date(std::chrono::sys_seconds{0s}), "Thu, 1 Jan 1970 00:00:00 +0000");
    EXPECT_EQ(internet_date(std::chrono::sys_seconds{951782399s}), "Mon, 28 Feb 2000 23:59:59 +0000");
    EXPECT_EQ(internet_date(std::chrono::sys_seconds{951782400s}), "Tue, 29 Feb 2000 00:00:00 +0000");
}

TEST(Received, NamesClientServerAndTime) {
    EXPECT_EQ(received_field(trace()),
              "Received: from client.example (rdns.example [192.0.2.1]) by mx.example\r\n"
              " with ESMTP id 3f9k2; Mon, 23 Nov 2026 14:30:00 +0000\r\n");
}

TEST(Received, ShowsTlsOneRecipientAndIpv6) {
    auto full = trace();
    full.helo = "[IPv6:2001:DB8::1]";
    full.reverse_name.reset();
    full.client = *IpAddress::parse("2001:db8::1");
    full.with = with_protocol({true, true, false});
    full.tls_cipher = "TLS_AES_256_GCM_SHA384";
    full.recipient = "b@ours.example";
    EXPECT_EQ(received_field(full),
              "Received: from [IPv6:2001:db8::1] (unknown [IPv6:2001:db8::1]) by mx.example\r\n"
              " with ESMTPS tls TLS_AES_256_GCM_SHA384 id 3f9k2 for <b@ours.example>;\r\n"
              " Mon, 23 Nov 2026 14:30:00 +0000\r\n");
}

TEST(Received, LetsNothingOfTheHeloReachItRaw) {
    for (const std::string helo :
         {"x) by bank.example (", "a\r\nFrom: x", "\\", "b;c", "q\"q", "m\xc3\xbcl ler", "("}) {
        auto odd = trace();
        odd.helo = helo;
        const auto field = received_field(odd);
        EXPECT_TRUE(field.starts_with("Received: from unknown (rdns.example [192.0.2.1]) (HELO ")) << field;
        EXPECT_EQ(std::count(field.begin(), field.end(), '('), 2) << field;
        EXPECT_EQ(std::count(field.begin(), field.end(), ')'), 2) << field;
        EXPECT_EQ(std::count(field.begin(), field.end(), '\\'), 0) << field;
        EXPECT_EQ(std::count(field.begin(), field.end(), '"'), 0) << field;
        EXPECT_EQ(std::count(field.begin(), field.end(), ';'), 1) << field;
        EXPECT_EQ(field.find("\r\nFrom"), std::string::npos) << field;
        EXPECT_TRUE(Header::parse(field)) << field;
        EXPECT_EQ(Header::parse(field)->size(), 1u) << field;
    }
}

// Whatever a stranger chose, without its comments the field has the words that we meant and no others.
TEST(Received, ParsesBackToWhatWasMeant) {
    static constexpr std::string_view kPieces[] = {
        "a",  ".example", ")",        "(",    "\\", "\"", ";", "\r\n", "\n", " by x",
        "\0", "\x1b",     "\xc2\x9b", "\xff", "\t", "<",  ">", "[",    "@",  "for <z@z.z>"};
    std::mt19937 random(5321);
    const auto hostile = [&] {
        std::string text;
        for (auto count = random() % 7; count > 0; --count) text += kPieces[random() % std::size(kPieces)];
        return text;
    };
    for (int round = 0; round < 5000; ++round) {
        Trace odd = trace();
        odd.helo = hostile();
        odd.reverse_name = Domain::parse(hostile());
        odd.tls_cipher = hostile();
        odd.id = hostile();
        odd.recipient = hostile();
        const auto field = received_field(odd);
        const auto header = Header::parse(field);
        ASSERT_TRUE(header && header->size() == 1) << field;
        const auto text = unfolded((*header)[0].body);
        EXPECT_TRUE(is_clean_text(text)) << field;
        FieldCursor cursor(text);
        std::vector<std::string> words;
        while (cursor.skip_cfws() != FieldCursor::Gap::broken && !cursor.at_end())
            words.emplace_back(cursor.take_while([](char c) { return c != ' ' && c != '('; }));
        ASSERT_TRUE(cursor.at_end()) << field;
        std::string read;
        for (std::size_t i = 0; i < words.size(); i += 2) read += words[i] + " ";
        const bool shows_tls = !odd.tls_cipher.empty(),
                   shows_recipient = words.size() > (shows_tls ? 16u : 14u);
        EXPECT_EQ(read, std::string("from by with ") + (shows_tls ? "tls " : "") + "id " +
                            (shows_recipient ? "for " : "") + "Mon, Nov 14:30:00 ")
            << field;
    }
}

TEST(Received, LeavesOutARecipientThatIsNoPath) {
    auto odd = trace();
    odd.recipient = "a@b>; by evil (";
    EXPECT_EQ(received_field(odd).find("for"), std::string::npos);
    odd.id = "a b\r\n";
    EXPECT_NE(received_field(odd).find("id a-b--;"), std::string::npos);
}

TEST(Received, FoldsAt78) {
    auto wide = trace();
    wide.helo = std::string(50, 'h') + ".example";
    wide.recipient = std::string(50, 'r') + "@ours.example";
    const auto field = received_field(wide);
    for (std::size_t at = 0; at < field.size();) {
        const auto end = field.find("\r\n", at);
        EXPECT_LE(end - at, 78u) << field.substr(at, end - at);
        at = end + 2;
    }
}

TEST(WithProtocol, IsTheRegisteredWord) {
    EXPECT_EQ(with_protocol({false, false, false}), "SMTP");
    EXPECT_EQ(with_protocol({true, false, false}), "ESMTP");
    EXPECT_EQ(with_protocol({true, true, false}), "ESMTPS");
    EXPECT_EQ(with_protocol({true, false, true}), "UTF8SMTP");
    EXPECT_EQ(with_protocol({true, true, true}), "UTF8SMTPS");
}

TEST(Hops, CountsReceivedFieldsInAnyCase) {
    EXPECT_EQ(hops(*Header::parse("Received: a\r\nX-Received: b\r\nRECEIVED: c\r\n d\r\nFrom: x\r\n")), 2u);
    EXPECT_EQ(hops(*Header::parse("")), 0u);
}

}  // namespace
}  // namespace gatepost::protocol
