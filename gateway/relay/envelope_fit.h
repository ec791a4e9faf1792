// Whether a downstream can take what a client asked for, and in which words it is asked.
#pragma once

#include <optional>
#include <string>

#include "protocol/capabilities.h"
#include "protocol/envelope.h"
#include "protocol/reply.h"

namespace gatepost::gateway {

// Why the message cannot go there (specs/smtp.md section 6), or nothing. `is_tls`: the connection is
// encrypted.
std::optional<protocol::Reply> mismatch(const protocol::MailParameters& wanted,
                                        const protocol::Capabilities& can, bool is_tls);
std::optional<protocol::Reply> mismatch(const protocol::Recipient& wanted, const protocol::Capabilities& can);

// NOTIFY=SUCCESS, alone or with others.
bool wants_success(const protocol::Recipient& wanted);

// "SIZE=1000 BODY=8BITMIME", or empty: what was received, as far as the server has it.
std::string mail_parameters(const protocol::MailParameters& wanted, const protocol::Capabilities& can);
std::string rcpt_parameters(const protocol::Recipient& wanted, const protocol::Capabilities& can);

}  // namespace gatepost::gateway
