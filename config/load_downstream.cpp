#include "config/load_downstream.h"

#include "config/units.h"

namespace gatepost::config {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t kMaxSocketPath = 107;  // unix(7)

void read_server(Mapping& map, const YAML::Node& node, const std::filesystem::path& folder,
                 std::vector<DownstreamServer>& servers) {
    const auto text = scalar(node, "a downstream server", map.findings());
    if (!text) return;
    auto server = parse_downstream(*text);
    if (!server) {
        note(map.findings(), node,
             shown(*text) +
                 " is no downstream server; write smtp://host:25, lmtp://host:24, lmtp+unix:///path or "
                 "maildir:///path");
        return;
    }
    server->place = place_of(node);
    if (!server->path.empty()) {
        server->path = (folder / server->path).lexically_normal().string();
    }
    if (server->kind == DownstreamKind::lmtp_unix && server->path.size() > kMaxSocketPath) {
        note(map.findings(), node,
             "the path of a socket has at most 107 octets; make a symbolic link to its folder");
    }
    servers.push_back(std::move(*server));
}

void read_client_certificate(Mapping& downstream, std::optional<TlsIdentity>& client,
                             const std::filesystem::path& folder) {
    if (!downstream.is_given("client_certificate")) return;
    Mapping map(downstream["client_certificate"], "downstream.client_certificate", downstream.findings());
    if (!map.is_mapping()) return;
    TlsIdentity identity;
    map.path("certificate", identity.certificate, folder);
    map.path("key", identity.key, folder);
    identity.place = place_of(downstream["client_certificate"]);
    if (identity.certificate.empty() || identity.key.empty()) {
        note(downstream.findings(), downstream["client_certificate"],
             "client_certificate needs both a certificate and a key: paths of PEM files");
    }
    map.finish();
    client = std::move(identity);
}

// Whether there is a name for which records could be published.
bool has_name(const DownstreamServer& server) {
    return !server.host.empty() && server.host != "localhost" && !protocol::IpAddress::parse(server.host);
}

void note_dane(Mapping& map, Downstream& downstream) {
    if (downstream.tls != DownstreamTls::dane) return;
    downstream.tls_place = place_of(map["tls"]);
    for (const auto& server : downstream.servers) {
        if (has_name(server)) continue;
        map.findings().push_back({Finding::Weight::warning, server.place,
                                  "tls: dane needs the server's name, for its DNS records; " + server.url +
                                      " has none and is treated as with tls: opportunistic"});
    }
}

// What can be written but not done yet is refused, so that nobody relies on it.
void refuse_unsupported(Mapping& map, const Downstream& downstream) {
    if (downstream.spool != SpoolMode::never) {
        note(map.findings(), map["spool"],
             "spool is not supported by this version; use never: while the downstream is away, senders are "
             "told to "
             "try again");
    }
    for (const auto& server : downstream.servers) {
        const bool is_maildir_of_several =
            server.kind == DownstreamKind::maildir && downstream.servers.size() > 1;
        if (is_maildir_of_several) {
            map.findings().push_back({Finding::Weight::error, server.place,
                                      "a maildir must be the only server; leave out it or the others"});
        }
    }
}

void read_retry(Mapping& downstream, RetryTimes& retry) {
    Mapping map(downstream["retry"], "downstream.retry", downstream.findings());
    map.duration<seconds>("first", retry.first, 1s, 86400s);
    map.duration<seconds>("max", retry.max, 1s, 7 * 86400s);
    map.duration<seconds>("expire", retry.expire, 60s, 30 * 86400s);
    map.finish();
}

}  // namespace

void read_downstream(Mapping& top, Settings& settings, const std::filesystem::path& folder) {
    Mapping map(top["downstream"], "downstream", top.findings());
    auto& downstream = settings.downstream;
    map.each("servers", [&](const YAML::Node& node) { read_server(map, node, folder, downstream.servers); });
    if (const auto node = map["servers"]; is_missing(node) && map.is_mapping()) {
        note(top.findings(),
             node         ? node
             : map.node() ? map.node()
                          : top.node(),
             "downstream.servers is missing: say where accepted mail goes, e.g. [\"smtp://10.0.0.5:25\"]");
    }
    map.choice<DownstreamTls>("tls", downstream.tls,
                              {{"none", DownstreamTls::none},
                               {"opportunistic", DownstreamTls::opportunistic},
                               {"verify", DownstreamTls::verify},
                               {"dane", DownstreamTls::dane}});
    note_dane(map, downstream);
    read_client_certificate(map, downstream.client, folder);
    map.choice<AnnounceClient>("announce_client", downstream.announce_client,
                               {{"auto", AnnounceClient::automatic},
                                {"xclient", AnnounceClient::xclient},
                                {"xforward", AnnounceClient::xforward},
                                {"none", AnnounceClient::none}});
    map.duration<seconds>("probe", downstream.probe, 1s, 86400s);
    map.choice<SpoolMode>(
        "spool", downstream.spool,
        {{"never", SpoolMode::never}, {"outage", SpoolMode::outage}, {"always", SpoolMode::always}});
    refuse_unsupported(map, downstream);
    read_retry(map, downstream.retry);
    map.finish();
}

}  // namespace gatepost::config
