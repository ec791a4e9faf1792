// DNS packets put together by hand (RFC 1035 section 4), with no library between the test and the octets.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "auth/dns_facts.h"

namespace gatepost::tests {

inline std::string u16(unsigned value) {
    return {static_cast<char>(value >> 8), static_cast<char>(value)};
}

inline std::string u32(std::uint32_t value) {
    return u16(value >> 16) + u16(value & 0xffff);
}

inline std::string wire_name(const std::string& dotted) {
    std::string wire;
    for (std::size_t at = 0; at < dotted.size();) {
        const auto dot = std::min(dotted.find('.', at), dotted.size());
        wire += static_cast<char>(dot - at);
        wire += dotted.substr(at, dot - at);
        at = dot + 1;
    }
    return wire + '\0';
}

struct WireRecord {
    std::string owner;  // dotted
    unsigned type;
    std::uint32_t ttl;
    std::string data;
    unsigned dns_class = 1;

    std::string wire() const {
        return wire_name(owner) + u16(type) + u16(dns_class) + u32(ttl) +
               u16(static_cast<unsigned>(data.size())) + data;
    }
};

inline WireRecord a(const std::string& owner, const std::string& ip, std::uint32_t ttl = 300) {
    const auto address = *protocol::IpAddress::parse(ip);
    const auto bytes = address.bytes();
    return {owner, address.is_v4() ? 1u : 28u, ttl, {bytes.begin(), bytes.end()}};
}

// Each part a character string of its own.
inline WireRecord txt(const std::string& owner, const std::vector<std::string>& parts,
                      std::uint32_t ttl = 300) {
    std::string data;
    for (const auto& part : parts) data += static_cast<char>(part.size()) + part;
    return {owner, 16, ttl, data};
}

inline WireRecord mx(const std::string& owner, unsigned preference, const std::string& host,
                     std::uint32_t ttl = 300) {
    return {owner, 15, ttl, u16(preference) + wire_name(host)};
}

inline WireRecord ptr(const std::string& owner, const std::string& name, std::uint32_t ttl = 300) {
    return {owner, 12, ttl, wire_name(name)};
}

inline WireRecord cname(const std::string& owner, const std::string& target, std::uint32_t ttl = 300) {
    return {owner, 5, ttl, wire_name(target)};
}

inline WireRecord soa(const std::string& owner, std::uint32_t ttl, std::uint32_t minimum) {
    return {owner, 6, ttl,
            wire_name("ns." + owner) + wire_name("root." + owner) + u32(1) + u32(2) + u32(3) + u32(4) +
                u32(minimum)};
}

// A reply with the id and the question of a query as it was sent.
struct WireAnswer {
    unsigned flags = 0x8180;  // QR, RD, RA
    std::vector<WireRecord> answer;
    std::vector<WireRecord> authority;
    std::vector<WireRecord> additional;

    // `query`: the packet that came; its question is repeated octet by octet.
    std::string to(const std::string& query) const {
        std::size_t end = 12;
        while (end < query.size() && query[end] != 0) end += 1 + static_cast<unsigned char>(query[end]);
        std::string packet = query.substr(0, 2) + u16(flags) + u16(1) +
                             u16(static_cast<unsigned>(answer.size())) +
                             u16(static_cast<unsigned>(authority.size())) +
                             u16(static_cast<unsigned>(additional.size())) + query.substr(12, end + 5 - 12);
        for (const auto& record : answer) packet += record.wire();
        for (const auto& record : authority) packet += record.wire();
        for (const auto& record : additional) packet += record.wire();
        return packet;
    }
};

}  // namespace gatepost::tests
