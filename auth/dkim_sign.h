// Signs a message (RFC 6376 section 5), for the reports and notices that the gateway itself sends.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "auth/canonical.h"
#include "auth/crypto.h"
#include "protocol/domain.h"
#include "protocol/header.h"
#include "protocol/result.h"

namespace gatepost::auth {

struct SigningOptions {
    protocol::Domain domain;                   // d=
    protocol::Domain selector;                 // s=
    std::int64_t now = 0;                      // t=, seconds since 1970
    std::optional<std::int64_t> expiration;    // x=
    std::optional<std::uint64_t> body_length;  // l=: never for our own mail; tests need it
    Canonicalization header_canonicalization = Canonicalization::relaxed;
    Canonicalization body_canonicalization = Canonicalization::relaxed;
    // h=. Empty: what identifies and shows a message, each name once more than it occurs, so that nobody can
    // add another (RFC 6376 section 8.15), and what else is there of the trace-free fields.
    std::vector<std::string> signed_names;
};

// The whole DKIM-Signature field with its final CRLF, to be put above the header. `body` has CRLF line ends.
std::string sign(const protocol::Header& header, std::string_view body, const PrivateKey& key,
                 const SigningOptions& options);

// The TXT record for a key: "v=DKIM1; k=rsa; p=…".
std::string key_record(const PrivateKey& key);

}  // namespace gatepost::auth
