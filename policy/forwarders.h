// Which entry of the allowlist a message comes through. Only what the client cannot make up counts: its
// address, its forward-confirmed name, or an identity that verified.
#pragma once

#include "policy/evidence.h"

namespace gatepost::policy {

// Whether a domain is one of ours or below one.
bool is_own_domain(const protocol::Domain& domain, const config::Settings& settings);

// The first entry that matches the message and every one of its recipients, or null. The pointer is into
// `settings`.
const config::KnownForwarder* find_forwarder(const auth::Verification& verification,
                                             const Circumstances& circumstances,
                                             const config::Settings& settings);

}  // namespace gatepost::policy
