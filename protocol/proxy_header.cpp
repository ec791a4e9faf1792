#include "protocol/proxy_header.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <span>

namespace gatepost::protocol {
namespace {

using State = ProxyHeaderRead::State;
using Octets = std::span<const std::uint8_t>;

constexpr std::string_view kText = "PROXY ";
constexpr std::string_view kSignature("\r\n\r\n\0\r\nQUIT\n", 12);
constexpr std::size_t kFixedPart = 16;
constexpr std::size_t kMaxVariablePart = kMaxProxyHeader - kFixedPart;
constexpr std::uint8_t kChecksumType = 0x03;  // PP2_TYPE_CRC32C
constexpr std::size_t kTlvHead = 3;

ProxyHeaderRead malformed(std::string_view why) {
    return {State::malformed, {}, why};
}

ProxyHeaderRead complete(std::size_t size, std::optional<IpAddress> client = {}, std::uint16_t port = 0) {
    return {State::complete, {client, port, size}, {}};
}

bool begin_alike(std::string_view a, std::string_view b) {
    const std::size_t size = std::min(a.size(), b.size());
    return a.substr(0, size) == b.substr(0, size);
}

// Decimal, without a sign or a leading zero.
std::optional<std::uint16_t> port_of(std::string_view text) {
    std::uint16_t port = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
    const bool has_leading_zero = text.size() > 1 && text.front() == '0';
    if (error != std::errc() || end != text.data() + text.size() || has_leading_zero) return {};
    return port;
}

// An address as it is written; "::ffff:192.0.2.1" is one of IPv6 here and becomes one of IPv4.
std::optional<IpAddress> address_of(std::string_view text, bool is_v6) {
    const bool looks_v6 = text.find(':') != std::string_view::npos;
    return looks_v6 == is_v6 ? IpAddress::parse(text) : std::nullopt;
}

// "TCP4 192.0.2.1 192.0.2.2 56324 25"
ProxyHeaderRead read_text_line(std::string_view line, std::size_t size) {
    if (line == "UNKNOWN" || line.starts_with("UNKNOWN ")) return complete(size);
    std::array<std::string_view, 5> words;
    for (auto& word : words) {
        const bool is_last = &word == &words.back();
        const auto end = line.find(' ');
        if (is_last != (end == std::string_view::npos)) return malformed("not five words");
        word = line.substr(0, end);
        line.remove_prefix(is_last ? line.size() : end + 1);
    }
    const bool is_v6 = words[0] == "TCP6";
    if (!is_v6 && words[0] != "TCP4") return malformed("unknown protocol");
    const auto client = address_of(words[1], is_v6);
    if (!client || !address_of(words[2], is_v6)) return malformed("bad address");
    const auto port = port_of(words[3]);
    if (!port || !port_of(words[4])) return malformed("bad port");
    return complete(size, client, *port);
}

ProxyHeaderRead read_text(std::string_view bytes) {
    const auto head = bytes.substr(0, kMaxProxyHeaderText);
    const auto end = head.find_first_of("\r\n");
    if (end == std::string_view::npos || end + 1 == head.size()) {
        const bool is_open = end == std::string_view::npos || head[end] == '\r';
        if (!is_open) return malformed("bare CR or LF");
        return head.size() < kMaxProxyHeaderText ? ProxyHeaderRead{} : malformed("longer than 107 octets");
    }
    if (head.substr(end, 2) != "\r\n") return malformed("bare CR or LF");
    return read_text_line(head.substr(kText.size(), end - kText.size()), end + 2);
}

std::size_t length_at(Octets octets, std::size_t at) {
    return std::size_t(octets[at]) << 8 | octets[at + 1];
}

// CRC32c (RFC 3720 appendix B.4) as if the octets [hole, hole + 4) were zero.
std::uint32_t checksum_of(Octets octets, std::size_t hole) {
    std::uint32_t crc = ~std::uint32_t(0);
    for (std::size_t i = 0; i < octets.size(); ++i) {
        crc ^= i >= hole && i < hole + 4 ? 0 : octets[i];
        for (int bit = 0; bit < 8; ++bit) crc = crc >> 1 ^ (crc & 1 ? 0x82F63B78u : 0);
    }
    return ~crc;
}

// The type-length-value triples behind the addresses; empty if nothing is wrong with them.
std::string_view flaw_of_extensions(Octets octets, std::size_t at) {
    bool has_checksum = false;
    while (at < octets.size()) {
        if (octets.size() - at < kTlvHead) return "cut extension";
        const std::size_t length = length_at(octets, at + 1), value = at + kTlvHead;
        if (octets.size() - value < length) return "extension longer than the header";
        if (octets[at] == kChecksumType) {
            if (length != 4 || has_checksum) return "bad checksum field";
            has_checksum = true;
            const auto given = std::uint32_t(length_at(octets, value) << 16 | length_at(octets, value + 2));
            if (given != checksum_of(octets, value)) return "wrong checksum";
        }
        at = value + length;
    }
    return {};
}

// A connection of the proxy's own, for instance to see whether we are there; or one for a client.
enum Command : std::uint8_t { kLocal = 0, kProxy = 1 };

struct Family {
    std::uint8_t code;    // address family and transport
    std::size_t address;  // octets of one
};
constexpr Family kFamilies[] = {{0x11, 4}, {0x21, 16}};  // TCP over IPv4, over IPv6
constexpr std::uint8_t kUnspecified = 0x00;

ProxyHeaderRead read_binary(std::string_view bytes) {
    const Octets octets(reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size());
    if (octets.size() > 12 && octets[12] >> 4 != 2) return malformed("unknown version");
    if (octets.size() > 12 && (octets[12] & 15) > kProxy) return malformed("unknown command");
    if (octets.size() < kFixedPart) return {};
    const bool is_local = (octets[12] & 15) == kLocal;
    const std::size_t length = length_at(octets, 14), size = kFixedPart + length;
    if (length > kMaxVariablePart) return malformed("longer than 2048 octets");
    const auto family = std::find_if(std::begin(kFamilies), std::end(kFamilies),
                                     [&](const Family& each) { return each.code == octets[13]; });
    const bool is_known = family != std::end(kFamilies);
    if (!is_local && !is_known && octets[13] != kUnspecified) return malformed("neither TCP4 nor TCP6");
    const std::size_t addresses = is_known ? 2 * family->address + 4 : 0;
    if (!is_local && length < addresses) return malformed("too short for its addresses");
    if (octets.size() < size) return {};
    if (is_local || !is_known) return complete(size);
    const auto flaw = flaw_of_extensions(octets.first(size), kFixedPart + addresses);
    if (!flaw.empty()) return malformed(flaw);
    const auto port = length_at(octets, kFixedPart + 2 * family->address);
    return complete(size, IpAddress::from_bytes(octets.subspan(kFixedPart, family->address)),
                    static_cast<std::uint16_t>(port));
}

}  // namespace

ProxyHeaderRead read_proxy_header(std::string_view bytes) {
    const bool may_be_text = begin_alike(bytes, kText), may_be_binary = begin_alike(bytes, kSignature);
    if (!may_be_text && !may_be_binary) return malformed("no PROXY header");
    if (may_be_text && bytes.size() >= kText.size()) return read_text(bytes);
    if (may_be_binary && bytes.size() >= kSignature.size()) return read_binary(bytes);
    return {};
}

}  // namespace gatepost::protocol
