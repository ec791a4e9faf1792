#include "config/load_servers.h"

#include <algorithm>
#include <set>

#include "config/units.h"

namespace gatepost::config {
namespace {

using protocol::Domain;
using protocol::IpAddress;

constexpr std::size_t kMaxSocketPath = 107;  // unix(7)
constexpr std::size_t kMaxServers = 64;      // of a list; each may be tried for one message
constexpr std::size_t kMaxRoutes = 1000;
constexpr std::size_t kMaxPreference = 65535;  // of priority and weight, as in RFC 2782

void refuse(Findings& findings, Place place, std::string text) {
    findings.push_back({Finding::Weight::error, place, std::move(text)});
}

void read_url(Findings& findings, const YAML::Node& node, const std::filesystem::path& folder,
              DownstreamServer preferred, std::vector<DownstreamServer>& servers) {
    const auto text = scalar(node, "a downstream server", findings);
    if (!text) return;
    auto server = parse_downstream(*text);
    if (!server) {
        return note(findings, node,
                    shown(*text) +
                        " is no downstream server; write smtp://host:25, lmtp://host:24, lmtp+unix:///path "
                        "or maildir:///path");
    }
    server->place = place_of(node);
    server->priority = preferred.priority;
    server->weight = preferred.weight;
    if (!server->path.empty()) server->path = (folder / server->path).lexically_normal().string();
    if (server->kind == DownstreamKind::lmtp_unix && server->path.size() > kMaxSocketPath) {
        note(findings, node,
             "the path of a socket has at most 107 octets; make a symbolic link to its folder");
    }
    servers.push_back(std::move(*server));
}

void read_server(Findings& findings, const YAML::Node& node, const std::filesystem::path& folder,
                 std::size_t position, std::vector<DownstreamServer>& servers) {
    DownstreamServer preferred;
    preferred.priority = position;
    if (!node.IsMap()) return read_url(findings, node, folder, preferred, servers);
    Mapping map(node, "a downstream server", findings);
    map.count("priority", preferred.priority, 0, kMaxPreference);
    map.count("weight", preferred.weight, 0, kMaxPreference);
    if (map.is_given("url")) {
        read_url(findings, map["url"], folder, preferred, servers);
    } else {
        note(findings, node,
             "a downstream server needs a url, e.g. {url: \"smtp://10.0.0.5:25\", priority: 10, weight: 1}");
    }
    map.finish();
}

void read_route_domains(Mapping& map, const Settings& settings, std::set<Domain>& routed, Route& route) {
    map.each("domains", [&](const YAML::Node& node) {
        const auto text = scalar(node, "a domain", map.findings());
        if (!text) return;
        const auto domain = Domain::parse(*text);
        if (!domain) {
            note(map.findings(), node, shown(*text) + " is not a domain name");
        } else if (!settings.accepts_domain(*domain)) {
            note(map.findings(), node,
                 shown(*text) + " is not one of domains; nothing would come this way, add it there");
        } else if (!routed.insert(*domain).second) {
            note(map.findings(), node, shown(*text) + " has a route already; a domain has one");
        } else {
            route.domains.push_back(*domain);
        }
    });
}

bool is_unspecified(const IpAddress& address) {
    const auto bytes = address.bytes();
    return std::all_of(bytes.begin(), bytes.end(), [](auto octet) { return octet == 0; });
}

// Whether a connection to it ends at the listener, as far as can be told without asking anybody.
bool leads_to(const DownstreamServer& server, const Listener& listener, const std::string& hostname) {
    const auto& own = listener.endpoint;
    const bool is_network = server.kind == DownstreamKind::smtp || server.kind == DownstreamKind::lmtp;
    if (!is_network || server.port != own.port) return false;
    const auto address =
        server.host == "localhost" ? IpAddress::parse("127.0.0.1") : IpAddress::parse(server.host);
    const bool is_everywhere = is_unspecified(own.address);
    if (!address) return is_everywhere && server.host == hostname;
    if (*address == own.address || is_unspecified(*address)) return true;
    return is_everywhere && address->is_loopback();
}

// Whether there is a name for which records could be published.
bool has_name(const DownstreamServer& server) {
    return !server.host.empty() && server.host != "localhost" && !protocol::IpAddress::parse(server.host);
}

}  // namespace

void read_servers(Mapping& map, std::string_view key, const std::filesystem::path& folder,
                  std::vector<DownstreamServer>& servers) {
    std::size_t position = 0;
    map.each(key, [&](const YAML::Node& node) {
        if (position < kMaxServers) read_server(map.findings(), node, folder, position, servers);
        if (position == kMaxServers) {
            note(map.findings(), node,
                 std::string(key) + ": more than " + std::to_string(kMaxServers) + " servers");
        }
        ++position;
    });
    for (const auto& server : servers) {
        if (server.kind == DownstreamKind::maildir && servers.size() > 1) {
            refuse(map.findings(), server.place,
                   "a maildir must be the only server; leave out it or the others");
        }
    }
}

void read_routes(Mapping& downstream, Settings& settings, const std::filesystem::path& folder) {
    std::set<Domain> routed;
    auto& routes = settings.downstream.routes;
    downstream.each("routes", [&](const YAML::Node& node) {
        if (routes.size() == kMaxRoutes) return;
        Mapping map(node, "a route", downstream.findings());
        if (!map.is_mapping()) return;
        Route route;
        route.place = place_of(node);
        const auto before = map.findings().size();
        read_route_domains(map, settings, routed, route);
        read_servers(map, "servers", folder, route.servers);
        const bool is_whole = !is_missing(map["domains"]) && !is_missing(map["servers"]);
        if (!is_whole && map.findings().size() == before) {
            note(map.findings(), node,
                 "a route needs domains and servers, e.g. {domains: [example.org], servers: "
                 "[\"smtp://10.0.0.7:25\"]}");
        }
        map.finish();
        routes.push_back(std::move(route));
    });
    if (const auto node = downstream["routes"]; node && node.IsSequence() && node.size() > kMaxRoutes) {
        note(downstream.findings(), node, "routes: more than " + std::to_string(kMaxRoutes));
    }
}

void refuse_loops(const Settings& settings, const std::vector<DownstreamServer>& servers,
                  Findings& findings) {
    for (const auto& server : servers) {
        const auto leads_here = [&](const Listener& listener) {
            return leads_to(server, listener, settings.hostname);
        };
        if (std::any_of(settings.listeners.begin(), settings.listeners.end(), leads_here)) {
            refuse(findings, server.place,
                   shown(server.url) +
                       " is a listener of this gateway: mail would go round in circles; name the mail server "
                       "behind it");
        }
    }
}

void warn_of_nameless(const std::vector<DownstreamServer>& servers, Findings& findings) {
    for (const auto& server : servers) {
        if (has_name(server)) continue;
        findings.push_back({Finding::Weight::warning, server.place,
                            "tls: dane needs the server's name, for its DNS records; " + server.url +
                                " has none and is treated as with tls: opportunistic"});
    }
}

}  // namespace gatepost::config
