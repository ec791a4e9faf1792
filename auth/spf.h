// SPF (RFC 7208): may this client use this domain? Pure functions over facts; provisional while facts are
// missing.
#pragma once

#include <string_view>

#include "auth/dns_facts.h"
#include "auth/spf_cache.h"
#include "auth/spf_inquiry.h"
#include "auth/verification.h"

namespace gatepost::auth {

// RFC 7208 section 4. The cache is asked first if there is one, and learns what is final.
SpfOutcome check_host(const SpfClient& client, const SpfSender& sender, DnsFacts& facts,
                      SpfCache* cache = nullptr);

// The HELO identity: none for an address literal, a single label, anything malformed (RFC 7208 section 2.3).
SpfOutcome check_helo(const SpfClient& client, DnsFacts& facts, SpfCache* cache = nullptr);

// The MAIL FROM identity; `reverse_path` without angle brackets. The null path stands for postmaster@HELO
// (RFC 7208 section 2.4).
SpfOutcome check_mail_from(const SpfClient& client, std::string_view reverse_path, DnsFacts& facts,
                           SpfCache* cache = nullptr);

}  // namespace gatepost::auth
