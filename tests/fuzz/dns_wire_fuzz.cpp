// A DNS packet from anywhere: it is an answer only if it repeats id and question, and what is read from it is
// bounded.
//
// Input: two octets that are no part of the packet (the type, the letter case), then the packet.
#include <cstdint>
#include <cstring>
#include <string>

#include "auth/dns_wire.h"
#include "protocol/ascii.h"

using namespace gatepost::auth;

namespace {

constexpr std::uint16_t kId = 0x1234;
constexpr RecordType kTypes[] = {RecordType::a, RecordType::ptr, RecordType::mx, RecordType::txt,
                                 RecordType::aaaa};
constexpr RecordType kFurtherTypes[] = {RecordType::tlsa, RecordType::cname};

// The further ones came later: what the corpus asks for stays what it was.
RecordType type_of(std::uint8_t octet) {
    if (octet >= 0xf0) return kFurtherTypes[octet % std::size(kFurtherTypes)];
    return kTypes[octet % std::size(kTypes)];
}

void require(bool holds) {
    if (!holds) __builtin_trap();
}

bool is_clean_name(const std::string& name) {
    return name.size() <= 253 && name == gatepost::protocol::lowered(name);
}

void check_value(const DnsAnswer& answer) {
    const auto values = answer.texts.size() + answer.addresses.size() + answer.exchanges.size() +
                        answer.names.size() + answer.tlsas.size();
    require(values <= 100);
    require((answer.status == DnsStatus::found) == (values > 0));
    for (const auto& mx : answer.exchanges) require(is_clean_name(mx.host));
    for (const auto& name : answer.names) require(is_clean_name(name));
    for (const auto& tlsa : answer.tlsas) require(tlsa.data.size() <= kMaxWireReply);
    require(is_clean_name(answer.canonical) && (answer.is_alias || answer.canonical.empty()));
    require(!answer.is_secure || answer.status != DnsStatus::failed);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size < 2) return 0;
    const DnsQuestion question{type_of(data[0]), "a.example"};
    const WireQuery query = make_query(question, kId, data[1]);
    const std::span<const std::uint8_t> packet(data + 2, size - 2);
    const WireReply reply = read_reply(packet, query, question);
    if (reply.kind == WireReply::Kind::foreign) return 0;
    require(packet.size() >= 12 + query.question.size() && packet.size() <= kMaxWireReply);
    require(packet[0] == kId >> 8 && packet[1] == (kId & 0xff) && (packet[2] & 0x80) != 0);
    require(std::memcmp(packet.data() + 12, query.question.data(), query.question.size()) == 0);
    if (reply.kind != WireReply::Kind::answered) {
        require(reply.answer.status == DnsStatus::failed);
        return 0;
    }
    check_value(reply.answer);
    require(reply.alias_target.empty() || (is_askable(reply.alias_target) && reply.answer.is_alias));
    require(reply.alias_target.empty() || reply.answer.status == DnsStatus::no_data);
    return 0;
}
