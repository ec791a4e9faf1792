#include "config/load_downstream.h"

#include "config/load_servers.h"

namespace gatepost::config {
namespace {

using namespace std::chrono_literals;

// What can be written but not done yet is refused, so that nobody relies on it.
void refuse_unsupported(Mapping& map, const Downstream& downstream) {
    if (downstream.tls == DownstreamTls::dane) {
        note(map.findings(), map["tls"], "tls: dane is not supported by this version; use verify");
    }
    if (downstream.spool != SpoolMode::never) {
        note(map.findings(), map["spool"],
             "spool is not supported by this version; use never: while the downstream is away, senders are "
             "told to "
             "try again");
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
