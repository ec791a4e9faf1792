// The Received field (RFC 5321 section 4.4) and what can be read from those of others.
#pragma once

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "protocol/domain.h"
#include "protocol/header.h"
#include "protocol/ip_address.h"

namespace gatepost::protocol {

struct Trace {
    std::string helo;                    // as the client said it; anything
    std::optional<Domain> reverse_name;  // forward-confirmed or not: what the address' PTR says
    IpAddress client;
    std::string hostname;  // ours
    std::string_view with = "ESMTP";
    std::string tls_cipher;  // "TLS_AES_256_GCM_SHA384"; empty without TLS
    std::string id;
    std::string recipient;  // forward-path without angle brackets; only if there is exactly one, else empty
    std::chrono::sys_seconds time;
};

// The whole field with its final CRLF, folded. Nothing of a stranger's text reaches it raw.
std::string received_field(const Trace& trace);

struct Transmission {
    bool is_extended, is_tls, uses_smtputf8;
};
// The word behind "with" (RFC 3848, RFC 6531 section 4.3).
std::string_view with_protocol(Transmission transmission);

// Number of Received fields, against loops (RFC 5321 section 6.3).
std::size_t hops(const Header& header);

}  // namespace gatepost::protocol
