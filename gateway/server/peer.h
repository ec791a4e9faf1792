// Who is at the other end of a socket.
#pragma once

#include "gateway/asio.h"
#include "protocol/announcement.h"
#include "protocol/ip_address.h"

namespace gatepost::gateway {

protocol::IpAddress ip_of(const tcp::endpoint& endpoint);
// Both ends, as the downstream is told of them; what can no longer be found out is left open.
protocol::ClientFacts facts_of(const tcp::socket& socket);

}  // namespace gatepost::gateway
