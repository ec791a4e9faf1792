#include "config/settings.h"

#include <algorithm>

namespace gatepost::config {

std::string Endpoint::text() const {
    const auto host = address.is_v4() ? address.text() : "[" + address.text() + "]";
    return host + ":" + std::to_string(port);
}

bool Smtp::normalizes_for(const protocol::IpAddress& client) const {
    return bare_newline == BareNewline::normalize ||
           std::any_of(normalize_for.begin(), normalize_for.end(),
                       [&](const auto& network) { return network.contains(client); });
}

bool Settings::accepts_domain(const protocol::Domain& domain) const {
    return std::find(domains.begin(), domains.end(), domain) != domains.end();
}

}  // namespace gatepost::config
