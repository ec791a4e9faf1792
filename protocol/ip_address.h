// An IPv4 or IPv6 address, and a network of such.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace gatepost::protocol {

class IpAddress {
  public:
    IpAddress() = default;  // 0.0.0.0
    // "192.0.2.1" or "2001:db8::1"; an IPv4-mapped IPv6 address becomes its IPv4 address (RFC 7208 section
    // 5).
    static std::optional<IpAddress> parse(std::string_view text);
    // 4 or 16 octets in network order, mapped likewise.
    static std::optional<IpAddress> from_bytes(std::span<const std::uint8_t> bytes);

    bool is_v4() const { return v4_; }
    unsigned bits() const { return v4_ ? 32 : 128; }
    std::span<const std::uint8_t> bytes() const { return {bytes_.data(), v4_ ? 4u : 16u}; }
    std::string text() const;
    // "1.2.0.192.in-addr.arpa", or the 32 nibbles below ip6.arpa.
    std::string reverse_name() const;
    bool is_loopback() const;
    // Whether the first `prefix` bits agree; never across families.
    bool shares_prefix(const IpAddress& other, unsigned prefix) const;

    // Its first `prefix` bits, the others zero.
    IpAddress network(unsigned prefix) const;

    friend auto operator<=>(const IpAddress&, const IpAddress&) = default;

  private:
    std::array<std::uint8_t, 16> bytes_{};
    bool v4_ = true;
};

struct IpNetwork {
    IpAddress address;
    unsigned prefix = 0;

    // "10.0.0.0/8", "2001:db8::/32", or one address.
    static std::optional<IpNetwork> parse(std::string_view text);
    bool contains(const IpAddress& ip) const { return ip.shares_prefix(address, prefix); }
    std::string text() const;
    friend bool operator==(const IpNetwork&, const IpNetwork&) = default;
};

}  // namespace gatepost::protocol
