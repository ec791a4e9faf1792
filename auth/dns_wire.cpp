#include "auth/dns_wire.h"

// ldns/common.h would make macros of bool, true and false without this.
#include <stdbool.h>

#include <ldns/ldns.h>

#include <algorithm>
#include <cstring>
#include <memory>

#include "protocol/ascii.h"

namespace gatepost::auth {
namespace {

constexpr std::size_t kHeaderSize = 12;
constexpr unsigned kMaxRecords = 100;
constexpr int kMaxAliases = 8;
constexpr std::uint16_t kUdpPayload = 1232;     // what passes unfragmented nearly everywhere
constexpr std::uint32_t kNegativeTtl = 60;      // seconds, without an SOA record
constexpr std::uint32_t kMaxNegativeTtl = 900;  // RFC 2308 section 5 leaves the upper bound to us

using Packet = std::unique_ptr<ldns_pkt, decltype(&ldns_pkt_free)>;

std::uint16_t u16(std::span<const std::uint8_t> bytes, std::size_t at) {
    return static_cast<std::uint16_t>(bytes[at] << 8 | bytes[at + 1]);
}

// Dotted text to wire form; the name is askable.
std::string wire_name(std::string_view name, std::uint64_t case_bits) {
    std::string wire;
    unsigned letter = 0;
    for (std::size_t at = 0; at <= name.size();) {
        const auto dot = std::min(name.find('.', at), name.size());
        wire += static_cast<char>(dot - at);
        for (char c : name.substr(at, dot - at)) {
            const bool upper = protocol::is_alpha(c) && (case_bits >> (letter++ % 64) & 1);
            wire += upper ? static_cast<char>(protocol::lower(c) - 32) : c;
        }
        at = dot + 1;
    }
    return wire + '\0';
}

// An uncompressed wire name (as ldns keeps it) to lower-case dotted text; nothing if a label holds a dot.
std::optional<std::string> dotted_name(const ldns_rdf* rdf) {
    const auto* data = ldns_rdf_data(rdf);
    const std::size_t size = ldns_rdf_size(rdf);
    std::string name;
    for (std::size_t at = 0; at < size && data[at] != 0;) {
        const std::size_t length = data[at];
        if (length > 63 || at + 1 + length > size) return {};
        const std::string_view label(reinterpret_cast<const char*>(data + at + 1), length);
        if (label.find('.') != std::string_view::npos) return {};
        if (!name.empty()) name += '.';
        name += protocol::lowered(label);
        at += 1 + length;
    }
    return name;
}

std::string joined_text(const ldns_rr* rr) {
    std::string text;
    for (std::size_t i = 0; i < ldns_rr_rd_count(rr); ++i) {
        const ldns_rdf* part = ldns_rr_rdf(rr, i);
        const auto* data = reinterpret_cast<const char*>(ldns_rdf_data(part));
        if (ldns_rdf_size(part) > 1) text.append(data + 1, ldns_rdf_size(part) - 1);
    }
    return text;
}

// A record that is too short is there all the same: it tells that TLS is offered (RFC 7672 section 2.2).
TlsaRecord tlsa_of(const ldns_rr* rr) {
    TlsaRecord record;
    if (ldns_rr_rd_count(rr) < 4) return record;
    record.usage = ldns_rdf2native_int8(ldns_rr_rdf(rr, 0));
    record.selector = ldns_rdf2native_int8(ldns_rr_rdf(rr, 1));
    record.matching = ldns_rdf2native_int8(ldns_rr_rdf(rr, 2));
    const ldns_rdf* data = ldns_rr_rdf(rr, 3);
    record.data.assign(reinterpret_cast<const char*>(ldns_rdf_data(data)), ldns_rdf_size(data));
    return record;
}

void add_record(const ldns_rr* rr, RecordType type, DnsAnswer& answer) {
    if (type == RecordType::tlsa) answer.tlsas.push_back(tlsa_of(rr));
    const ldns_rdf* first = ldns_rr_rd_count(rr) > 0 ? ldns_rr_rdf(rr, 0) : nullptr;
    if (!first) return;
    switch (type) {
        case RecordType::a:
        case RecordType::aaaa:
            // An AAAA record may hold an IPv4-mapped address; as a value it is that IPv4 address.
            if (auto ip = protocol::IpAddress::from_bytes({ldns_rdf_data(first), ldns_rdf_size(first)})) {
                answer.addresses.push_back(*ip);
            }
            break;
        case RecordType::txt: answer.texts.push_back(joined_text(rr)); break;
        case RecordType::ptr:
        case RecordType::cname:
            if (auto name = dotted_name(first)) answer.names.push_back(*name);
            break;
        case RecordType::mx:
            if (ldns_rr_rd_count(rr) < 2) break;
            if (auto host = dotted_name(ldns_rr_rdf(rr, 1))) {
                answer.exchanges.push_back({ldns_rdf2native_int16(first), *host});
            }
            break;
        case RecordType::tlsa: break;
    }
}

bool is_empty(const DnsAnswer& answer) {
    return answer.texts.empty() && answer.addresses.empty() && answer.exchanges.empty() &&
           answer.names.empty() && answer.tlsas.empty();
}

// RFC 2308 section 5: the smaller of the SOA record's TTL and its MINIMUM field.
std::uint32_t negative_ttl(const ldns_pkt* packet) {
    const ldns_rr_list* authority = ldns_pkt_authority(packet);
    for (std::size_t i = 0; i < ldns_rr_list_rr_count(authority); ++i) {
        const ldns_rr* rr = ldns_rr_list_rr(authority, i);
        if (ldns_rr_get_type(rr) != LDNS_RR_TYPE_SOA || ldns_rr_rd_count(rr) < 7) continue;
        return std::min({ldns_rr_ttl(rr), ldns_rdf2native_int32(ldns_rr_rdf(rr, 6)), kMaxNegativeTtl});
    }
    return kNegativeTtl;
}

// The records of the asked name, or of what its aliases lead to; anything else in the section is ignored.
struct Chain {
    const ldns_rr_list* section;
    std::string name;
    std::uint32_t ttl = UINT32_MAX;
    int aliases = 0;

    bool owns(const ldns_rr* rr) const {
        const auto owner = dotted_name(ldns_rr_owner(rr));
        return owner && *owner == name && ldns_rr_get_class(rr) == LDNS_RR_CLASS_IN;
    }
    bool collect(RecordType type, DnsAnswer& answer) {
        bool found = false;
        for (std::size_t i = 0; i < ldns_rr_list_rr_count(section); ++i) {
            const ldns_rr* rr = ldns_rr_list_rr(section, i);
            if (ldns_rr_get_type(rr) != static_cast<ldns_rr_type>(type) || !owns(rr)) continue;
            found = true;
            ttl = std::min(ttl, ldns_rr_ttl(rr));
            add_record(rr, type, answer);
        }
        return found;
    }
    bool follow_alias() {
        for (std::size_t i = 0; i < ldns_rr_list_rr_count(section); ++i) {
            const ldns_rr* rr = ldns_rr_list_rr(section, i);
            if (ldns_rr_get_type(rr) != LDNS_RR_TYPE_CNAME || !owns(rr) || ldns_rr_rd_count(rr) == 0)
                continue;
            const auto target = dotted_name(ldns_rr_rdf(rr, 0));
            if (!target) return false;
            ttl = std::min(ttl, ldns_rr_ttl(rr));
            name = *target;
            ++aliases;
            return true;
        }
        return false;
    }
};

void read_answer_section(const ldns_pkt* packet, const DnsQuestion& question, WireReply& reply) {
    Chain chain{ldns_pkt_answer(packet), protocol::lowered(question.name)};
    DnsAnswer& answer = reply.answer;
    bool found = false;
    while (!(found = chain.collect(question.type, answer)) && chain.aliases <= kMaxAliases &&
           chain.follow_alias()) {
    }
    answer.is_alias = chain.aliases > 0;
    if (answer.is_alias) answer.canonical = chain.name;
    answer.is_secure = ldns_pkt_ad(packet);
    if (chain.aliases > kMaxAliases) {
        answer = DnsAnswer{.status = DnsStatus::failed, .is_alias = true, .why = "too many aliases"};
    } else if (found) {
        answer.status = is_empty(answer) ? DnsStatus::no_data : DnsStatus::found;
        answer.ttl = chain.ttl;
    } else {
        answer.status = reply.rcode == LDNS_RCODE_NXDOMAIN ? DnsStatus::nx_domain : DnsStatus::no_data;
        answer.ttl = std::min(chain.ttl, negative_ttl(packet));
        const bool says_no_more =
            reply.rcode == LDNS_RCODE_NXDOMAIN || ldns_rr_list_rr_count(ldns_pkt_authority(packet)) > 0;
        if (answer.is_alias && !says_no_more && is_askable(chain.name)) reply.alias_target = chain.name;
    }
}

}  // namespace

WireQuery make_query(const DnsQuestion& question, std::uint16_t id, std::uint64_t case_bits, Edns edns) {
    WireQuery query;
    query.id = id;
    const std::string name = wire_name(question.name, case_bits);
    ldns_rdf* owner = ldns_rdf_new_frm_data(LDNS_RDF_TYPE_DNAME, name.size(), name.data());
    Packet packet(
        ldns_pkt_query_new(owner, static_cast<ldns_rr_type>(question.type), LDNS_RR_CLASS_IN, LDNS_RD),
        &ldns_pkt_free);  // owns `owner`
    ldns_pkt_set_id(packet.get(), id);
    ldns_pkt_set_ad(packet.get(), true);  // asks whether DNSSEC vouches for the answer (RFC 6840 section 5.7)
    if (edns == Edns::on) ldns_pkt_set_edns_udp_size(packet.get(), kUdpPayload);
    std::uint8_t* wire = nullptr;
    std::size_t size = 0;
    if (ldns_pkt2wire(&wire, packet.get(), &size) != LDNS_STATUS_OK) throw std::bad_alloc();
    const std::unique_ptr<std::uint8_t, decltype(&free)> owned(wire, &free);
    query.packet.assign(reinterpret_cast<const char*>(wire), size);
    query.question = query.packet.substr(kHeaderSize, name.size() + 4);
    return query;
}

WireReply read_reply(std::span<const std::uint8_t> bytes, const WireQuery& query,
                     const DnsQuestion& question) {
    WireReply reply;
    if (bytes.size() < kHeaderSize + query.question.size() || bytes.size() > kMaxWireReply) return reply;
    const bool is_response = bytes[2] & 0x80, is_query_opcode = (bytes[2] & 0x78) == 0,
               is_cut = bytes[2] & 0x02;
    if (u16(bytes, 0) != query.id || !is_response || !is_query_opcode || u16(bytes, 4) != 1) return reply;
    if (std::memcmp(bytes.data() + kHeaderSize, query.question.data(), query.question.size()) != 0)
        return reply;
    if (is_cut) {
        reply.kind = WireReply::Kind::truncated;
        return reply;
    }
    if (u16(bytes, 6) + u16(bytes, 8) + u16(bytes, 10) > static_cast<int>(kMaxRecords)) {
        reply.kind = WireReply::Kind::refused;
        reply.answer.why = "too many records";
        return reply;
    }
    ldns_pkt* raw = nullptr;
    if (ldns_wire2pkt(&raw, bytes.data(), bytes.size()) != LDNS_STATUS_OK || !raw) return reply;
    const Packet packet(raw, &ldns_pkt_free);
    reply.rcode = ldns_pkt_get_rcode(packet.get());
    if (reply.rcode != LDNS_RCODE_NOERROR && reply.rcode != LDNS_RCODE_NXDOMAIN) {
        reply.kind = WireReply::Kind::refused;
        reply.answer.why = "RCODE " + std::to_string(reply.rcode);
        return reply;
    }
    reply.kind = WireReply::Kind::answered;
    read_answer_section(packet.get(), question, reply);
    return reply;
}

}  // namespace gatepost::auth
