// For whom mail is taken at all, before anybody is asked whether he is there.
#pragma once

#include <cstddef>
#include <optional>

#include "config/settings.h"
#include "protocol/address.h"
#include "protocol/reply.h"

namespace gatepost::policy {

// Only the configured domains, exactly, and postmaster without a domain (RFC 5321 section 4.5.1); nothing
// else is relayed, whoever asks.
std::optional<protocol::Reply> refusal_of_recipient(const protocol::Path& recipient,
                                                    const config::Settings& settings);

// A notification concerns one sender: behind its first recipient the client hears a refusal, and sends it
// again for the others (specs/smtp.md M-5). `taken`: recipients so far.
std::optional<protocol::Reply> refusal_of_further_recipient(const protocol::Path& reverse_path,
                                                            std::size_t taken);

}  // namespace gatepost::policy
