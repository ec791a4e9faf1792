// What is known of a message when its first recipient is named.
#pragma once

#include "protocol/announcement.h"
#include "protocol/envelope.h"

namespace gatepost::gateway {

struct Sender {
    protocol::Path reverse_path;
    protocol::MailParameters parameters;
    protocol::ClientFacts client = {};  // for a downstream that wants to know whom it came from
};

}  // namespace gatepost::gateway
