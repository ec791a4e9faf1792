#include "config/settings.h"

#include <algorithm>

namespace gatepost::config {

std::string Endpoint::text() const {
    const auto host = address.is_v4() ? address.text() : "[" + address.text() + "]";
    return host + ":" + std::to_string(port);
}

bool RequireTls::includes(const protocol::IpAddress& client) const {
    return std::any_of(networks.begin(), networks.end(),
                       [&](auto& network) { return network.contains(client); });
}

bool RequireTls::includes(const protocol::Domain& sender) const {
    return std::find(domains.begin(), domains.end(), sender) != domains.end();
}

bool Smtp::normalizes_for(const protocol::IpAddress& client) const {
    return bare_newline == BareNewline::normalize ||
           std::any_of(normalize_for.begin(), normalize_for.end(),
                       [&](const auto& network) { return network.contains(client); });
}

bool Settings::accepts_domain(const protocol::Domain& domain) const {
    return std::find(domains.begin(), domains.end(), domain) != domains.end();
}

std::size_t Settings::route_of(const std::optional<protocol::Domain>& domain) const {
    const auto& routes = downstream.routes;
    const auto serves = [&](const Route& route) {
        return std::find(route.domains.begin(), route.domains.end(), domain) != route.domains.end();
    };
    const auto found = std::find_if(routes.begin(), routes.end(), serves);
    return found == routes.end() ? 0 : static_cast<std::size_t>(found - routes.begin()) + 1;
}

const std::vector<DownstreamServer>& Settings::servers_of(std::size_t route) const {
    return route == 0 ? downstream.servers : downstream.routes.at(route - 1).servers;
}

}  // namespace gatepost::config
