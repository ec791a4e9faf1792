#include "config/load_entrance.h"

#include "config/units.h"

namespace gatepost::config {
namespace {

constexpr std::size_t kMaxListed = 10'000;  // looked through one by one

void read_networks(Mapping& map, std::string_view key, std::vector<protocol::IpNetwork>& networks) {
    map.each(key, [&](const YAML::Node& node) {
        const auto text = scalar(node, "a network", map.findings());
        if (!text) return;
        const auto network = protocol::IpNetwork::parse(*text);
        if (network && networks.size() < kMaxListed) {
            networks.push_back(*network);
        } else if (network) {
            note(map.findings(), node, std::string(key) + ": more than 10000 networks");
        } else {
            note(map.findings(), node,
                 shown(*text) + " is no network; write for example 10.0.0.0/8 or 2001:db8::/32");
        }
    });
}

void read_proxy_protocol(Mapping& listener, std::vector<protocol::IpNetwork>& proxies) {
    if (!listener.is_given("proxy_protocol")) return;
    const auto before = listener.findings().size();
    Mapping map(listener["proxy_protocol"], "proxy_protocol", listener.findings());
    if (!map.is_mapping()) return;
    read_networks(map, "from", proxies);
    map.finish();
    if (proxies.empty() && listener.findings().size() == before) {
        note(listener.findings(), listener["proxy_protocol"],
             "proxy_protocol needs the networks of the proxies: {from: [10.0.0.0/8]}");
    }
    for (const auto& network : proxies) {
        if (network.prefix > 0) continue;
        note(listener.findings(), map["from"],
             "everybody may say for any client that they are its proxy; name the proxies' own networks",
             Finding::Weight::warning);
    }
}

}  // namespace

void read_listeners(Mapping& top, std::vector<Listener>& listeners) {
    if (!top.is_given("listeners")) {
        listeners = {{{*protocol::IpAddress::parse("::"), 25}, {}}};
        return;
    }
    top.each("listeners", [&](const YAML::Node& node) {
        Mapping map(node, "listeners", top.findings());
        if (!map.is_mapping()) return;
        std::string address;
        map.text("address", address);
        Listener listener;
        listener.place = place_of(node);
        read_proxy_protocol(map, listener.proxies);
        if (const auto endpoint = parse_endpoint(address, 25)) {
            listener.endpoint = *endpoint;
            listeners.push_back(std::move(listener));
        } else {
            note(top.findings(), node,
                 "a listener needs an address such as \"[::]:25\" or \"127.0.0.1:2525\"");
        }
        map.finish();
    });
    if (is_missing(top["listeners"])) note(top.findings(), top["listeners"], "listeners must not be empty");
}

void read_tls(Mapping& top, std::vector<TlsIdentity>& identities, const std::filesystem::path& folder) {
    top.each("tls", [&](const YAML::Node& node) {
        Mapping map(node, "tls", top.findings());
        if (!map.is_mapping()) return;
        TlsIdentity identity;
        map.path("certificate", identity.certificate, folder);
        map.path("key", identity.key, folder);
        identity.place = place_of(node);
        if (identity.certificate.empty() || identity.key.empty()) {
            note(top.findings(), node, "tls needs both a certificate and a key: paths of PEM files");
        }
        identities.push_back(identity);
        map.finish();
    });
}

void read_require_tls(Mapping& top, Settings& settings) {
    Mapping map(top["require_tls"], "require_tls", top.findings());
    auto& required = settings.require_tls;
    read_networks(map, "networks", required.networks);
    map.each("domains", [&](const YAML::Node& node) {
        const auto text = scalar(node, "a domain", map.findings());
        if (!text) return;
        const auto domain = protocol::Domain::parse(*text);
        if (domain && required.domains.size() < kMaxListed) {
            required.domains.push_back(*domain);
        } else {
            note(map.findings(), node,
                 domain ? "domains: more than 10000 domains" : shown(*text) + " is not a domain name");
        }
    });
    map.finish();
    const bool is_empty = required.networks.empty() && required.domains.empty();
    if (!is_empty && settings.tls.empty()) {
        note(top.findings(), top["require_tls"], "require_tls needs tls: nobody could obey it");
    }
}

}  // namespace gatepost::config
