#include "protocol/ip_address.h"

#include <arpa/inet.h>

#include <algorithm>
#include <charconv>
#include <cstring>

namespace gatepost::protocol {
namespace {

constexpr std::uint8_t kMappedPrefix[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

}  // namespace

std::optional<IpAddress> IpAddress::parse(std::string_view text) {
    if (text.size() >= INET6_ADDRSTRLEN || text.find('\0') != std::string_view::npos) return {};
    const std::string terminated(text);
    std::array<std::uint8_t, 16> bytes{};
    if (inet_pton(AF_INET, terminated.c_str(), bytes.data()) == 1) return from_bytes({bytes.data(), 4});
    if (inet_pton(AF_INET6, terminated.c_str(), bytes.data()) == 1) return from_bytes(bytes);
    return {};
}

std::optional<IpAddress> IpAddress::from_bytes(std::span<const std::uint8_t> bytes) {
    if (bytes.size() == 16 && std::equal(std::begin(kMappedPrefix), std::end(kMappedPrefix), bytes.begin())) {
        bytes = bytes.subspan(12);
    }
    if (bytes.size() != 4 && bytes.size() != 16) return {};
    IpAddress ip;
    ip.v4_ = bytes.size() == 4;
    std::copy(bytes.begin(), bytes.end(), ip.bytes_.begin());
    return ip;
}

std::string IpAddress::text() const {
    char buffer[INET6_ADDRSTRLEN] = "";
    inet_ntop(v4_ ? AF_INET : AF_INET6, bytes_.data(), buffer, sizeof buffer);
    return buffer;
}

std::string IpAddress::reverse_name() const {
    static constexpr char kHex[] = "0123456789abcdef";
    const auto octets = bytes();
    std::string name;
    for (std::size_t i = octets.size(); i-- > 0;) {
        if (v4_) {
            name += std::to_string(octets[i]) + '.';
        } else {
            name += {kHex[octets[i] & 15], '.', kHex[octets[i] >> 4], '.'};
        }
    }
    return name + (v4_ ? "in-addr.arpa" : "ip6.arpa");
}

bool IpAddress::is_loopback() const {
    if (v4_) return bytes_[0] == 127;
    return bytes_[15] == 1 && std::all_of(bytes_.begin(), bytes_.end() - 1, [](auto b) { return b == 0; });
}

bool IpAddress::shares_prefix(const IpAddress& other, unsigned prefix) const {
    if (v4_ != other.v4_ || prefix > bits()) return false;
    const unsigned whole = prefix / 8, rest = prefix % 8;
    if (std::memcmp(bytes_.data(), other.bytes_.data(), whole) != 0) return false;
    return rest == 0 || ((bytes_[whole] ^ other.bytes_[whole]) >> (8 - rest)) == 0;
}

IpAddress IpAddress::network(unsigned prefix) const {
    IpAddress result = *this;
    const unsigned octets = bits() / 8;
    for (unsigned at = std::min(prefix / 8, octets); at < octets; ++at) {
        const unsigned kept = at == prefix / 8 ? prefix % 8 : 0;
        result.bytes_[at] &= static_cast<std::uint8_t>(0xff00u >> kept);
    }
    return result;
}

std::optional<IpNetwork> IpNetwork::parse(std::string_view text) {
    const auto slash = text.find('/');
    const auto address = IpAddress::parse(text.substr(0, slash));
    if (!address) return {};
    IpNetwork network{*address, address->bits()};
    if (slash == std::string_view::npos) return network;
    const auto digits = text.substr(slash + 1);
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), network.prefix);
    if (error != std::errc() || end != digits.data() + digits.size() || network.prefix > address->bits())
        return {};
    return network;
}

std::string IpNetwork::text() const {
    return address.text() + "/" + std::to_string(prefix);
}

}  // namespace gatepost::protocol
