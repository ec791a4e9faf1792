// Whom a message claims to come from: the domains in its From field, read so strictly that no other reader
// can see somebody else (RFC 5322 section 3.6.2, RFC 6854, RFC 9989 section 5.3.1).
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "protocol/domain.h"
#include "protocol/header.h"

namespace gatepost::protocol {

enum class AuthorProblem { none, no_from, several_from, malformed, no_domain, too_many_domains };

struct Author {
    AuthorProblem problem = AuthorProblem::none;
    std::vector<Domain> domains;  // distinct, in order, 1 to kMaxAuthorDomains; empty if there is a problem
    std::string why;              // what is wrong, for reply and log; ours, never a stranger's text
    friend bool operator==(const Author&, const Author&) = default;
};

// RFC 9989 section 4.2 lets several domains be evaluated each by itself; their number is the sender's to
// choose.
inline constexpr std::size_t kMaxAuthorDomains = 5;

Author find_author(const Header& header);

// The same for the body of the one From field, folded or not.
Author parse_author(std::string_view field_body);

}  // namespace gatepost::protocol
