// Clients that come through a proxy of ours, which says who they are before they speak (PROXY protocol).
#pragma once

#include "config/settings.h"
#include "gateway/asio.h"
#include "protocol/proxy_header.h"

namespace gatepost::gateway {

constexpr std::chrono::seconds kProxyHeaderTime{5};

// A listening socket and the proxies for which it is there.
class Entrance {
  public:
    // `bound`: where the socket really listens.
    explicit Entrance(config::Endpoint bound) : bound_(bound) {}

    // What is said of it there. If nothing is, it stays as it was: the socket changes with a restart only.
    void use(const std::vector<config::Listener>& listeners);
    bool is_for_proxies() const { return !proxies_.empty(); }
    bool lets_in(const protocol::IpAddress& proxy) const;

  private:
    config::Endpoint bound_;
    std::vector<protocol::IpNetwork> proxies_;
};

// How a client came that did not connect itself.
struct Proxied {
    protocol::IpAddress proxy;
    std::optional<std::uint16_t> client_port;  // nothing: the proxy speaks for itself
};

// Takes the header from the connection and leaves all that is behind it, for the session. Not complete:
// `why`.
awaitable<protocol::ProxyHeaderRead> receive_proxy_header(tcp::socket& socket);

}  // namespace gatepost::gateway
