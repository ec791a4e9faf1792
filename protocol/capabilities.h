// What a server says it can do, in its EHLO or LHLO reply (RFC 5321 section 4.1.1.1).
#pragma once

#include <cstddef>
#include <string_view>

#include "protocol/reply.h"

namespace gatepost::protocol {

// What can be told of a client with XCLIENT or XFORWARD; a set of bits, as the server lists it behind the
// keyword.
enum class Attribute : unsigned {
    name = 1,
    addr = 2,
    port = 4,
    proto = 8,
    helo = 16,
    destaddr = 32,
    destport = 64,
    ident = 128,
    source = 256
};
using Attributes = unsigned;
constexpr bool has(Attributes set, Attribute attribute) {
    return (set & static_cast<unsigned>(attribute)) != 0;
}

struct Capabilities {
    bool is_extended = false;  // EHLO was understood
    bool pipelining = false;
    bool eight_bit_mime = false;
    bool smtputf8 = false;
    bool starttls = false;
    bool enhanced_status_codes = false;
    bool chunking = false;
    bool binarymime = false;
    bool dsn = false;
    bool requiretls = false;
    bool xclient = false;
    bool xforward = false;
    bool size = false;
    std::size_t max_size = 0;  // 0: no fixed maximum (RFC 1870 section 4)
    Attributes xclient_attributes = 0, xforward_attributes = 0;
    friend bool operator==(const Capabilities&, const Capabilities&) = default;
};

Capabilities parse_capabilities(const Reply& ehlo);
// What two servers can both do: what may be promised while it is open which of them gets the message.
Capabilities what_both_can(const Capabilities& one, const Capabilities& other);

}  // namespace gatepost::protocol
