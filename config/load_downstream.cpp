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

// What can be written but not done yet is refused, so that nobody relies on it.
void refuse_unsupported(Mapping& map, const Downstream& downstream) {
    if (downstream.tls == DownstreamTls::dane) {
        note(map.findings(), map["tls"], "tls: dane is not supported by this version; use verify");
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
