// The path of MAIL and RCPT (RFC 5321 section 4.1.2, RFC 6531 section 3.3): one strict parser for all who
// need an address, so that SPF, DMARC, the trace and the downstream server never read two different domains
// out of it.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "protocol/domain.h"
#include "protocol/ip_address.h"
#include "protocol/result.h"

namespace gatepost::protocol {

struct Path {
    std::string local_part;            // without quotes and backslashes; its case is kept
    std::optional<Domain> domain;      // neither domain nor literal: <> or <Postmaster>
    std::optional<IpAddress> literal;  // user@[192.0.2.1]
    bool is_null = false;              // <>
    bool has_utf8 = false;             // anywhere in what was sent: needs SMTPUTF8

    // Without angle brackets: the local-part quoted only where it must be, the domain in A-labels and lower
    // case. Parses to the same Path again. Empty for <>.
    std::string text() const;
    // What stands behind the @: "example.org", "[192.0.2.1]", "[IPv6:2001:db8::1]", or nothing.
    std::string domain_text() const;

    friend bool operator==(const Path&, const Path&) = default;
};

struct ParsedPath {
    Path path;
    std::string_view rest;  // what follows the '>'
};

// `text` begins with '<'. Source routes are read and dropped (RFC 5321 appendix C).
Result<ParsedPath> parse_reverse_path(std::string_view text);
// The same, but <> is none, and <Postmaster> needs no domain (RFC 5321 section 4.5.1).
Result<ParsedPath> parse_forward_path(std::string_view text);

// Whether the local-part asks for a further hop (user%other, other!user, "user@other", host:user). Some
// server behind us might follow it.
bool has_routing(const Path& path);
// postmaster in any case, at whatever domain or none.
bool is_postmaster(const Path& path);

// "[192.0.2.1]" or "[IPv6:2001:db8::1]" (RFC 5321 section 4.1.3).
std::optional<IpAddress> parse_address_literal(std::string_view text);
std::string address_literal(const IpAddress& ip);

}  // namespace gatepost::protocol
