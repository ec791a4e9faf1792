// What is known of a message when its first recipient is named.
#pragma once

#include "protocol/announcement.h"
#include "protocol/envelope.h"

namespace gatepost::gateway {

struct Sender {
    protocol::Path reverse_path;
    protocol::MailParameters parameters;
    protocol::ClientFacts client = {};  // for a downstream that wants to know whom it came from
    // Out of the spool: of what a server without DSN takes, we tell its sender (RFC 3461 section 5.2.2).
    bool notifies = false;
};

}  // namespace gatepost::gateway
