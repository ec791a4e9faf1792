#include "gateway/server/peer.h"

namespace gatepost::gateway {

protocol::IpAddress ip_of(const tcp::endpoint& endpoint) {
    if (endpoint.address().is_v4()) {
        const auto bytes = endpoint.address().to_v4().to_bytes();
        return protocol::IpAddress::from_bytes(bytes).value_or(protocol::IpAddress());
    }
    const auto bytes = endpoint.address().to_v6().to_bytes();  // as text it may have a zone, "fe80::1%eth0"
    return protocol::IpAddress::from_bytes(bytes).value_or(protocol::IpAddress());
}

protocol::ClientFacts facts_of(const tcp::socket& socket) {
    protocol::ClientFacts facts;
    ErrorCode gone;
    const tcp::endpoint client = socket.remote_endpoint(gone);
    if (!gone) {
        facts.address = ip_of(client);
        facts.port = client.port();
    }
    const tcp::endpoint here = socket.local_endpoint(gone);
    if (!gone) {
        facts.destination = ip_of(here);
        facts.destination_port = here.port();
    }
    return facts;
}

}  // namespace gatepost::gateway
