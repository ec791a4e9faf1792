#include "config/load_downstream.h"

#include "config/load_servers.h"

namespace gatepost::config {
namespace {

using namespace std::chrono_literals;

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

void note_dane(Mapping& map, Downstream& downstream) {
    if (downstream.tls != DownstreamTls::dane) return;
    downstream.tls_place = place_of(map["tls"]);
    warn_of_nameless(downstream.servers, map.findings());
    for (const auto& route : downstream.routes) warn_of_nameless(route.servers, map.findings());
}

void read_retry(Mapping& downstream, RetryTimes& retry) {
    Mapping map(downstream["retry"], "downstream.retry", downstream.findings());
    map.duration<seconds>("first", retry.first, 1s, 86400s);
    map.duration<seconds>("max", retry.max, 1s, 7 * 86400s);
    map.duration<seconds>("expire", retry.expire, 60s, 30 * 86400s);
    if (retry.first > retry.max) {
        note(map.findings(), map.is_given("max") ? map["max"] : map["first"],
             "max must not be shorter than first: each pause is longer than the one before, up to max");
    }
    if (retry.first > retry.expire) {
        note(map.findings(), map.is_given("expire") ? map["expire"] : map["first"],
             "expire must not be shorter than first: nothing would be tried a second time");
    }
    map.finish();
}

}  // namespace

void read_downstream(Mapping& top, Settings& settings, const std::filesystem::path& folder) {
    Mapping map(top["downstream"], "downstream", top.findings());
    auto& downstream = settings.downstream;
    read_servers(map, "servers", folder, downstream.servers);
    if (const auto node = map["servers"]; is_missing(node) && map.is_mapping()) {
        note(top.findings(),
             node         ? node
             : map.node() ? map.node()
                          : top.node(),
             "downstream.servers is missing: say where accepted mail goes, e.g. [\"smtp://10.0.0.5:25\"]");
    }
    read_routes(map, settings, folder);
    refuse_loops(settings, downstream.servers, map.findings());
    for (const auto& route : downstream.routes) refuse_loops(settings, route.servers, map.findings());
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
    read_retry(map, downstream.retry);
    map.finish();
}

}  // namespace gatepost::config
