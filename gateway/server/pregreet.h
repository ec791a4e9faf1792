// Clients that talk before they are greeted (RFC 5321 section 4.3.1: the sender waits for the greeting).
// Programs that send mail in masses often do not wait, mail servers do.
#pragma once

#include "config/settings.h"
#include "gateway/net/transport.h"
#include "protocol/ip_address.h"

namespace gatepost::gateway {

// Keeps the client waiting as long as the settings say, then looks whether it has said something. Nothing is
// taken from the stream. A client that talks is logged.
awaitable<bool> talks_first(Transport& transport, protocol::IpAddress client, config::Pregreet settings);

}  // namespace gatepost::gateway
