#include "protocol/proxy_header.h"

#include <gtest/gtest.h>

namespace gatepost::protocol {
namespace {

using State = ProxyHeaderRead::State;

const std::string kSignature("\r\n\r\n\0\r\nQUIT\n", 12);
const std::string kV4Addresses("\xC0\x00\x02\x01\xC0\x00\x02\x02\xDC\x04\x00\x19", 12);
const std::string kV6Addresses = std::string("\x20\x01\x0D\xB8") + std::string(11, '\0') + '\1' +
                                 std::string("\x20\x01\x0D\xB8") + std::string(11, '\0') + '\2' +
                                 std::string("\xDC\x04\x00\x19", 4);

std::string binary(int version_and_command, int family, const std::string& rest) {
    const auto size = rest.size();
    return kSignature + static_cast<char>(version_and_command) + static_cast<char>(family) +
           static_cast<char>(size >> 8) + static_cast<char>(size & 255) + rest;
}

std::string extension(char type, const std::string& value) {
    return std::string{type, static_cast<char>(value.size() >> 8), static_cast<char>(value.size() & 255)} +
           value;
}

TEST(ProxyHeader, SaysWhoTheClientIs) {
    const struct {
        const char* reason;
        std::string bytes;
        std::string client;  // "": the peer itself
        std::uint16_t port = 56324;
    } rows[] = {
        {"text, IPv4", "PROXY TCP4 192.0.2.1 192.0.2.2 56324 25\r\n", "192.0.2.1"},
        {"text, IPv6", "PROXY TCP6 2001:db8::1 2001:DB8::2 56324 25\r\n", "2001:db8::1"},
        {"mapped", "PROXY TCP6 ::ffff:192.0.2.1 2001:db8::2 56324 25\r\n", "192.0.2.1"},
        {"the largest ports", "PROXY TCP4 192.0.2.1 192.0.2.2 65535 65535\r\n", "192.0.2.1", 65535},
        {"port 0", "PROXY TCP4 192.0.2.1 192.0.2.2 0 0\r\n", "192.0.2.1", 0},
        {"unknown", "PROXY UNKNOWN\r\n", "", 0},
        {"unknown, with what it may carry", "PROXY UNKNOWN ffff:f...f ffff:f...f 65535 65535\r\n", "", 0},
        {"107 octets", "PROXY UNKNOWN " + std::string(91, 'x') + "\r\n", "", 0},
        {"binary, IPv4", binary(0x21, 0x11, kV4Addresses), "192.0.2.1"},
        {"binary, IPv6", binary(0x21, 0x21, kV6Addresses), "2001:db8::1"},
        {"extensions",
         binary(0x21, 0x11, kV4Addresses + extension(1, "h2") + extension(0x20, std::string(300, 'x'))),
         "192.0.2.1"},
        {"an empty extension", binary(0x21, 0x11, kV4Addresses + extension(4, "")), "192.0.2.1"},
        // Computed by another program: CRC32c, whose value for "123456789" is E3069283.
        {"a right checksum",
         binary(0x21, 0x11,
                kV4Addresses + extension(4, "n") + extension(3, std::string("\x01\x5B\xA6\x7B", 4)) +
                    extension(5, "id")),
         "192.0.2.1"},
        {"local, without more", binary(0x20, 0x00, ""), "", 0},
        {"local, with anything", binary(0x20, 0x31, std::string(300, '\xFF')), "", 0},
        {"unspecified", binary(0x21, 0x00, ""), "", 0},
        {"unspecified, with anything", binary(0x21, 0x00, "abc"), "", 0},
        {"2048 octets", binary(0x20, 0x00, std::string(2048, 'x')), "", 0},
    };
    for (const auto& row : rows) {
        for (const std::string behind : {"", "EHLO x\r\n", "\r\n\r\n"}) {
            const auto read = read_proxy_header(row.bytes + behind);
            ASSERT_EQ(read.state, State::complete) << row.reason << ": " << read.why;
            EXPECT_EQ(read.header.size, row.bytes.size()) << row.reason;
            EXPECT_EQ(read.header.client ? read.header.client->text() : "", row.client) << row.reason;
            EXPECT_EQ(read.header.port, row.port) << row.reason;
        }
        for (std::size_t size = 0; size < row.bytes.size(); ++size) {
            ASSERT_EQ(read_proxy_header(row.bytes.substr(0, size)).state, State::incomplete)
                << row.reason << ", the first " << size;
        }
    }
}

TEST(ProxyHeader, RefusesAllElse) {
    const std::string huge = kSignature + std::string("\x21\x11\xFF\xFF", 4);
    const struct {
        const char* why;
        std::string bytes;
    } rows[] = {
        {"no PROXY header", "EHLO x\r\n"},
        {"no PROXY header", "proxy TCP4 192.0.2.1 192.0.2.2 1 2\r\n"},
        {"no PROXY header", "PROXY\r\n"},
        {"no PROXY header", "PROXYTCP4 192.0.2.1 192.0.2.2 1 2\r\n"},
        {"no PROXY header", "\r\nEHLO x\r\n"},
        {"no PROXY header", " PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n"},
        {"longer than 107 octets", "PROXY UNKNOWN " + std::string(92, 'x') + "\r\n"},
        {"longer than 107 octets", "PROXY " + std::string(200, 'x')},
        {"bare CR or LF", "PROXY TCP4 192.0.2.1 192.0.2.2 1 2\n"},
        {"bare CR or LF", "PROXY TCP4 192.0.2.1\r192.0.2.2 1 2\r\n"},
        {"bare CR or LF", "PROXY UNKNOWN\n"},
        {"unknown protocol", "PROXY UDP4 192.0.2.1 192.0.2.2 1 2\r\n"},
        {"unknown protocol", "PROXY tcp4 192.0.2.1 192.0.2.2 1 2\r\n"},
        {"unknown protocol", "PROXY UNKNOWNX a b c d\r\n"},
        {"not five words", "PROXY \r\n"},
        {"not five words", "PROXY TCP4\r\n"},
        {"not five words", "PROXY TCP4 192.0.2.1 192.0.2.2 1\r\n"},
        {"not five words", "PROXY TCP4 192.0.2.1 192.0.2.2 1 2 3\r\n"},
        {"not five words", "PROXY TCP4 192.0.2.1 192.0.2.2 1 2 \r\n"},
        {"unknown protocol", "PROXY  TCP4 192.0.2.1 192.0.2.2 1\r\n"},
        {"bad address", "PROXY TCP4  192.0.2.2 1 2\r\n"},
        {"bad address", "PROXY TCP4 2001:db8::1 192.0.2.2 1 2\r\n"},
        {"bad address", "PROXY TCP6 192.0.2.1 2001:db8::2 1 2\r\n"},
        {"bad address", "PROXY TCP4 192.0.2.1 2001:db8::2 1 2\r\n"},
        {"bad address", "PROXY TCP4 192.0.2.01 192.0.2.2 1 2\r\n"},
        {"bad address", "PROXY TCP4 192.0.2 192.0.2.2 1 2\r\n"},
        {"bad address", "PROXY TCP4 192.0.2.256 192.0.2.2 1 2\r\n"},
        {"bad address", "PROXY TCP4 mx.example 192.0.2.2 1 2\r\n"},
        {"bad address", "PROXY TCP6 fe80::1%eth0 2001:db8::2 1 2\r\n"},
        {"bad address", std::string("PROXY TCP4 192.0.2.1\0 192.0.2.2 1 2\r\n", 37)},
        {"bad port", "PROXY TCP4 192.0.2.1 192.0.2.2 01 2\r\n"},
        {"bad port", "PROXY TCP4 192.0.2.1 192.0.2.2 65536 2\r\n"},
        {"bad port", "PROXY TCP4 192.0.2.1 192.0.2.2 -1 2\r\n"},
        {"bad port", "PROXY TCP4 192.0.2.1 192.0.2.2 +1 2\r\n"},
        {"bad port", "PROXY TCP4 192.0.2.1 192.0.2.2 1 \r\n"},
        {"bad port", "PROXY TCP4 192.0.2.1 192.0.2.2 1 2x\r\n"},
        {"bad port", "PROXY TCP4 192.0.2.1 192.0.2.2 1 0x19\r\n"},
        {"unknown version", binary(0x11, 0x11, kV4Addresses)},
        {"unknown version", binary(0x31, 0x11, kV4Addresses)},
        {"unknown command", binary(0x22, 0x11, kV4Addresses)},
        {"unknown command", binary(0x2F, 0x11, kV4Addresses)},
        {"longer than 2048 octets", huge},
        {"longer than 2048 octets", binary(0x20, 0x00, std::string(2049, 'x'))},
        {"neither TCP4 nor TCP6", binary(0x21, 0x12, kV4Addresses)},
        {"neither TCP4 nor TCP6", binary(0x21, 0x22, kV6Addresses)},
        {"neither TCP4 nor TCP6", binary(0x21, 0x31, std::string(216, 'x'))},
        {"neither TCP4 nor TCP6", binary(0x21, 0x32, std::string(216, 'x'))},
        {"neither TCP4 nor TCP6", binary(0x21, 0x10, kV4Addresses)},
        {"neither TCP4 nor TCP6", binary(0x21, 0x01, kV4Addresses)},
        {"too short for its addresses", binary(0x21, 0x11, kV4Addresses.substr(1))},
        {"too short for its addresses", binary(0x21, 0x21, kV6Addresses.substr(1))},
        {"too short for its addresses", binary(0x21, 0x11, "")},
        {"cut extension", binary(0x21, 0x11, kV4Addresses + "x")},
        {"cut extension", binary(0x21, 0x11, kV4Addresses + extension(1, "h2") + "xy")},
        {"extension longer than the header",
         binary(0x21, 0x11, kV4Addresses + extension(1, "h2").substr(0, 4))},
        {"bad checksum field", binary(0x21, 0x11, kV4Addresses + extension(3, "abc"))},
        {"bad checksum field", binary(0x21, 0x11, kV4Addresses + extension(3, ""))},
        {"wrong checksum", binary(0x21, 0x11, kV4Addresses + extension(3, std::string(4, '\0')))},
    };
    for (const auto& row : rows) {
        const auto read = read_proxy_header(row.bytes);
        EXPECT_EQ(read.state, State::malformed) << row.bytes;
        EXPECT_EQ(read.why, row.why) << row.bytes;
        EXPECT_EQ(read_proxy_header(row.bytes + "EHLO x\r\n").state, State::malformed) << row.bytes;
    }
}

}  // namespace
}  // namespace gatepost::protocol
