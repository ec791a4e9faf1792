// What the SMTP dialogue with a client is to offer and to hold it to.
#pragma once

#include "gateway/environment.h"
#include "protocol/dialogue.h"
#include "protocol/ip_address.h"

namespace gatepost::gateway {

// From the configuration, the client's network, and what the downstream can take at the moment.
protocol::DialogueSettings dialogue_settings(const Environment& environment,
                                             const protocol::IpAddress& client);

}  // namespace gatepost::gateway
