// An address or network that is read has one text, which reads as the same; a literal too; a network contains
// itself.
#include "protocol/ip_address.h"

#include <cstdint>

#include "protocol/address.h"
#include "protocol/domain.h"

using namespace gatepost::protocol;

namespace {

void require(bool holds) {
    if (!holds) __builtin_trap();
}

void check(const IpAddress& ip) {
    require(IpAddress::parse(ip.text()) == ip && IpAddress::from_bytes(ip.bytes()) == ip);
    require(parse_address_literal(address_literal(ip)) == ip);
    require(Domain::parse(ip.reverse_name()).has_value());
    require(ip.shares_prefix(ip, ip.bits()));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    if (const auto ip = IpAddress::parse(text)) check(*ip);
    if (const auto ip = IpAddress::from_bytes({data, size})) check(*ip);
    if (const auto ip = parse_address_literal(text)) check(*ip);
    if (const auto network = IpNetwork::parse(text)) {
        require(network->prefix <= network->address.bits() && network->contains(network->address));
        require(IpNetwork::parse(network->text()) == network);
    }
    return 0;
}
