// Telling the downstream server who the client is: the commands of XCLIENT and XFORWARD (Postfix's
// XCLIENT_README and XFORWARD_README; specs/smtp.md M-39, M-40).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "protocol/capabilities.h"
#include "protocol/domain.h"
#include "protocol/ip_address.h"

namespace gatepost::protocol {

// Where a message comes from. What a stranger chose himself, the HELO name and the PTR record, may be
// anything.
struct ClientFacts {
    IpAddress address;
    std::uint16_t port = 0;  // 0: not known
    std::string helo;
    bool is_extended = false;              // EHLO, not HELO
    std::optional<IpAddress> destination;  // ours, where the client came in
    std::uint16_t destination_port = 0;
    std::string id;  // the message's, under which our log has it
};

// The client's name as far as DNS told it.
struct ReverseName {
    std::optional<Domain> confirmed;
    bool is_unclear = false;  // DNS could not say now
};

// Whole commands without CRLF, each at most 512 octets with it, with no more than the listed attributes; ADDR
// and NAME come last. Values are xtext (RFC 3461 section 4), so they hold no blank and no control.
std::vector<std::string> xclient_commands(const ClientFacts& client, const ReverseName& name,
                                          Attributes listed);
std::vector<std::string> xforward_commands(const ClientFacts& client, const ReverseName& name,
                                           Attributes listed);

}  // namespace gatepost::protocol
