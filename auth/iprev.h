// The client's own name: reverse and forward DNS must agree (RFC 8601 section 3).
#pragma once

#include "auth/dns_facts.h"
#include "auth/verification.h"
#include "protocol/ip_address.h"

namespace gatepost::auth {

// Provisional while facts are missing. Only the first ten names are looked at.
IprevOutcome check_iprev(const protocol::IpAddress& client, DnsFacts& facts);

}  // namespace gatepost::auth
