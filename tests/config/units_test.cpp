// Values with a unit, as people write them.
#include "config/units.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <limits>
#include <string>

namespace gatepost::config {
namespace {

using namespace std::chrono_literals;

struct SizeRow {
    const char* text;
    std::optional<std::size_t> octets;
    const char* why;
};

TEST(Units, ReadSizes) {
    const SizeRow rows[] = {
        {"0", 0, "zero is a size; whether it is allowed is for the key to say"},
        {"512", 512, "octets without a unit"},
        {"512B", 512, "octets"},
        {"64KiB", 65536, "2^10"},
        {"64 KiB", 65536, "a blank before the unit reads well"},
        {"50MiB", 52428800, "2^20"},
        {"1GiB", 1073741824, "2^30"},
        {"8589934591GiB", std::size_t(8589934591) << 30, "the largest that fits"},
        {"8589934592GiB", {}, "2^63 does not"},
        {"18446744073709551616", {}, "2^64 neither"},
        {"50MB", {}, "10^6 or 2^20? ambiguous, so refused"},
        {"50M", {}, "likewise"},
        {"50mib", {}, "units have one spelling"},
        {"1.5MiB", {}, "whole numbers only"},
        {"-1", {}, "no negative sizes"},
        {"+1", {}, "no signs at all"},
        {"0x10", {}, "decimal only"},
        {" 1", {}, "YAML has trimmed it; what is left is odd"},
        {"MiB", {}, "no number"},
        {"", {}, "nothing"},
    };
    for (const auto& row : rows) EXPECT_EQ(parse_size(row.text), row.octets) << row.text << ": " << row.why;
}

struct DurationRow {
    const char* text;
    std::optional<std::chrono::milliseconds> time;
    const char* why;
};

TEST(Units, ReadDurations) {
    const DurationRow rows[] = {
        {"250ms", 250ms, "milliseconds"},
        {"30s", 30s, "seconds"},
        {"5m", 5min, "m is minutes"},
        {"1h", 1h, "hours"},
        {"5d", 120h, "days"},
        {"0s", 0ms, "zero with a unit"},
        {"106751991167d", std::chrono::milliseconds(106751991167ll * 86'400'000ll),
         "the most days in 64 bits of ms"},
        {"106751991168d", {}, "one more overflows"},
        {"30", {}, "a number without a unit is no time: 30 what?"},
        {"0", {}, "not even zero"},
        {"5min", {}, "one spelling"},
        {"5M", {}, "case counts"},
        {"1h30m", {}, "one number, one unit"},
        {"-5m", {}, "no time runs backwards"},
        {"", {}, "nothing"},
    };
    for (const auto& row : rows) EXPECT_EQ(parse_duration(row.text), row.time) << row.text << ": " << row.why;
}

struct EndpointRow {
    const char* text;
    const char* with_default_25;  // as text(); empty: refused
    const char* without_default;
    const char* why;
};

TEST(Units, ReadEndpoints) {
    const EndpointRow rows[] = {
        {"127.0.0.1:2525", "127.0.0.1:2525", "127.0.0.1:2525", "IPv4 with port"},
        {"[::1]:2525", "[::1]:2525", "[::1]:2525", "IPv6 in brackets with port"},
        {"127.0.0.1", "127.0.0.1:25", "", "the port may be left out where there is a usual one"},
        {"::1", "[::1]:25", "", "a bare IPv6 address has no port: its colons are its own"},
        {"[::1]", "[::1]:25", "", "brackets alone"},
        {"[::]:25", "[::]:25", "[::]:25", "any address"},
        {"127.0.0.1:0", "127.0.0.1:0", "127.0.0.1:0", "the kernel chooses: for tests"},
        {"127.0.0.1:65536", "", "", "ports have 16 bits"},
        {"127.0.0.1:", "", "", "a colon promises a port"},
        {"127.0.0.1:25x", "", "", "what follows the port"},
        {"[::1", "", "", "unclosed bracket"},
        {"[::1]25", "", "", "no colon"},
        {"localhost:25", "", "", "names are not looked up here"},
        {":25", "", "", "no address"},
        {"*:25", "", "", "the way to say any is [::]"},
        {"", "", "", "nothing"},
    };
    const auto shown = [](const std::optional<Endpoint>& endpoint) {
        return endpoint ? endpoint->text() : "";
    };
    for (const auto& row : rows) {
        EXPECT_EQ(shown(parse_endpoint(row.text, 25)), row.with_default_25) << row.text << ": " << row.why;
        EXPECT_EQ(shown(parse_endpoint(row.text)), row.without_default) << row.text << ": " << row.why;
    }
}

TEST(Units, ReadDates) {
    using std::chrono::sys_days;
    EXPECT_EQ(parse_date("2027-06-30"), sys_days(std::chrono::year(2027) / 6 / 30));
    EXPECT_EQ(parse_date("2028-02-29"), sys_days(std::chrono::year(2028) / 2 / 29)) << "a leap day";
    for (const char* text : {"2027-02-29", "2027-13-01", "2027-00-01", "2027-06-31", "27-06-30", "2027-6-30",
                             "30.06.2027", "2027-06-30 ", "2027-06-3x", "-027-06-30", ""}) {
        EXPECT_FALSE(parse_date(text)) << text;
    }
}

struct ServerRow {
    const char* url;
    DownstreamKind kind;
    const char* host;
    std::uint16_t port;
    const char* path;
};

TEST(Units, ReadDownstreamServers) {
    const ServerRow rows[] = {
        {"smtp://10.0.0.5:25", DownstreamKind::smtp, "10.0.0.5", 25, ""},
        {"smtp://10.0.0.5", DownstreamKind::smtp, "10.0.0.5", 25, ""},
        {"smtp://mail.example.org:2525/", DownstreamKind::smtp, "mail.example.org", 2525, ""},
        {"smtp://[2001:db8::5]:2525", DownstreamKind::smtp, "2001:db8::5", 2525, ""},
        {"smtp://localhost", DownstreamKind::smtp, "localhost", 25, ""},
        {"lmtp://127.0.0.1:24", DownstreamKind::lmtp, "127.0.0.1", 24, ""},
        {"lmtp+unix:///run/dovecot/lmtp", DownstreamKind::lmtp_unix, "", 25, "/run/dovecot/lmtp"},
        {"maildir:///var/mail/in", DownstreamKind::maildir, "", 25, "/var/mail/in"},
        {"maildir://mail", DownstreamKind::maildir, "", 25, "mail"},
    };
    for (const auto& row : rows) {
        const DownstreamServer expected{row.kind, row.host, row.port, row.path, row.url, {}};
        EXPECT_EQ(parse_downstream(row.url), expected) << row.url;
    }
}

TEST(Units, RefuseWhatIsNoDownstreamServer) {
    const struct {
        const char* url;
        const char* why;
    } rows[] = {
        {"10.0.0.5:25", "no scheme"},
        {"smtps://10.0.0.5", "TLS is set by downstream.tls"},
        {"SMTP://10.0.0.5", "schemes have one spelling here"},
        {"smtp://", "no host"},
        {"smtp://:25", "no host either"},
        {"smtp://10.0.0.5:0", "nobody listens on port 0"},
        {"smtp://10.0.0.5:99999", "ports have 16 bits"},
        {"smtp://user:secret@10.0.0.5", "no logging in downstream"},
        {"smtp://10.0.0.5/path", "no path"},
        {"smtp://2001:db8::5", "IPv6 needs brackets"},
        {"smtp://mail server", "no host name"},
        {"lmtp://127.0.0.1:25", "LMTP never has that port"},
        {"lmtp://127.0.0.1", "LMTP has no usual port and never 25 (RFC 2033 section 5)"},
        {"maildir://", "no path"},
        {"", "nothing"},
    };
    for (const auto& row : rows) EXPECT_FALSE(parse_downstream(row.url)) << row.url << ": " << row.why;
}

}  // namespace
}  // namespace gatepost::config
