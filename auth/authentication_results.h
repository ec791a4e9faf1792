// The Authentication-Results field: writing ours, and finding those of others that must go (RFC 8601).
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "auth/verification.h"
#include "protocol/header.h"
#include "protocol/ip_address.h"

namespace gatepost::auth {

// Whether the message came with an empty MAIL FROM; then the identity that SPF checked is the HELO name.
enum class ReversePathKind { mailbox, null };

// The whole field, folded, with its final CRLF. A stranger's text gets in only where it is a valid domain
// name.
std::string authentication_results(const Verification& verification, const protocol::IpAddress& client,
                                   std::string_view helo, std::string_view authserv_id,
                                   ReversePathKind path = ReversePathKind::mailbox);

// Whether an Authentication-Results field must not reach our readers (RFC 8601 section 5): its authserv-id is
// one of ours, its version is not 1, or it cannot be parsed, so that nobody knows what a reader would make of
// it.
bool claims_our_id(std::string_view field_body, const std::vector<std::string>& our_ids);

// Whether a Received-SPF field names one of ours as its receiver, or nobody (RFC 7208 section 9.1).
bool claims_our_receiver(std::string_view field_body, const std::vector<std::string>& our_ids);

// Whether an ARC-Authentication-Results field says that we wrote it. We seal nothing, so outside a chain that
// verified it is forged. One of somebody else is never touched, even if we cannot read it: its seal covers
// it.
bool claims_our_seal(std::string_view field_body, const std::vector<std::string>& our_ids);

// Indices of the fields to take out before ours go in: Authentication-Results, Received-SPF and, unless `arc`
// is pass, ARC-Authentication-Results that could be taken for ours, and our own private header. After
// verification only.
std::vector<std::size_t> fields_to_remove(const protocol::Header& header,
                                          const std::vector<std::string>& our_ids,
                                          std::string_view private_header, ArcResult arc = ArcResult::none);

}  // namespace gatepost::auth
