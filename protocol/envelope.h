// What a client says about a message and its recipients beside the two paths: the ESMTP parameters of MAIL
// and RCPT, as they are handed on to the downstream server.
#pragma once

#include <cstddef>
#include <optional>
#include <string>

#include "protocol/address.h"

namespace gatepost::protocol {

enum class BodyKind { seven_bit, eight_bit, binary };  // BODY= (RFC 6152, 3030)

struct MailParameters {
    std::optional<std::size_t> declared_size;  // octets (RFC 1870)
    BodyKind body = BodyKind::seven_bit;
    bool smtputf8 = false;     // RFC 6531
    bool require_tls = false;  // RFC 8689
    std::string ret;           // FULL or HDRS as the client wrote it, or empty (RFC 3461 section 4.3)
    std::string envid;         // xtext as it came, never decoded (RFC 3461 section 4.4)
    friend bool operator==(const MailParameters&, const MailParameters&) = default;
};

// One forward-path with its parameters; verbatim, checked for syntax (RFC 3461 section 4.1, 4.2).
struct Recipient {
    Path path;
    std::string notify;  // "NEVER" or a comma list of SUCCESS, FAILURE, DELAY; empty: not given
    std::string orcpt;   // "rfc822;xtext"; empty: not given
};

}  // namespace gatepost::protocol
