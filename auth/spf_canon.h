// An SPF record rewritten for one client and for the engine: bounded, without a stranger's text, every term
// about a name that only we resolve.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "auth/spf_record.h"
#include "protocol/ip_address.h"

namespace gatepost::auth {

// One more than RFC 7208 section 4.6.4 allows, so that the term too many is reached and seen.
constexpr std::size_t kMaxCanonicalTerms = kMaxSpfTerms + 1;

struct CanonicalRecord {
    static constexpr std::size_t kRedirect = static_cast<std::size_t>(-1);

    std::string text;  // [+-~?](a|mx|include|exists):nK.x …, and perhaps redirect=nK.x at the end
    std::vector<std::size_t> terms;  // alias first + i stands for this term of the record
};

// "n12.x".
std::string alias_name(std::size_t alias);

// Whether canonical() can have written this: the last look before libspf2, which ends the process over some
// texts.
bool is_canonical(std::string_view text);

// ip terms that do not hold the client are left out; the first that does, or `all`, is a certain match and
// the end: exists:nK.x, where we answer yes. So each term asks us about an alias of its own, and we know how
// far the engine came. redirect stands last, and only if there is no `all` (RFC 7208 section 6.1).
CanonicalRecord canonical(const SpfRecord& record, const protocol::IpAddress& client,
                          std::size_t first_alias);

}  // namespace gatepost::auth
