// DNS packets to and from values, with ldns. What a packet claims is checked before ldns sees it: id,
// question, size and number of records.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "auth/dns_facts.h"

namespace gatepost::auth {

using WireBytes = std::string;

struct WireQuery {
    std::uint16_t id = 0;
    WireBytes packet;
    WireBytes question;  // name, type and class as they were sent; a reply must repeat them octet by octet
};

enum class Edns { off, on };

// A recursive question. `case_bits` sets the case of the letters of the name, one bit a letter, over and
// over: what an off-path attacker has to guess besides id and port.
WireQuery make_query(const DnsQuestion& question, std::uint16_t id, std::uint64_t case_bits,
                     Edns edns = Edns::on);

struct WireReply {
    enum class Kind {
        foreign,    // not an answer to this query, or malformed: go on waiting
        truncated,  // ask again over TCP
        refused,    // an RCODE other than NOERROR and NXDOMAIN: another server may know better
        answered,
    };
    Kind kind = Kind::foreign;
    DnsAnswer answer;          // is_secure: as the packet says it
    std::string alias_target;  // the chain of aliases ended here without an answer: ask for this name
    unsigned rcode = 0;
};

constexpr std::size_t kMaxWireReply = 16 * 1024;

WireReply read_reply(std::span<const std::uint8_t> packet, const WireQuery& query,
                     const DnsQuestion& question);

}  // namespace gatepost::auth
