#include "config/load_notifications.h"

#include "config/load_servers.h"
#include "config/units.h"

namespace gatepost::config {
namespace {

using namespace std::chrono_literals;

void read_relay(Mapping& map, std::vector<DownstreamServer>& servers) {
    map.each("relay", [&](const YAML::Node& node) {
        const auto text = scalar(node, "a relay", map.findings());
        if (!text) return;
        auto server = parse_downstream(*text);
        if (!server || server->kind != DownstreamKind::smtp) {
            note(map.findings(), node,
                 shown(*text) +
                     " is no relay for notifications, which go out into the world; write smtp://host:25");
            return;
        }
        server->place = place_of(node);
        server->priority = servers.size();
        servers.push_back(std::move(*server));
    });
}

void read_selector(Mapping& map, std::string& selector) {
    std::optional<protocol::Domain> name;
    map.domain("selector", name);
    if (name) selector = name->text();
}

// Where it is missing: of what makes one need it.
Place place_of_key(Mapping& top, Mapping& map) {
    if (map.is_given("key")) return place_of(map["key"]);
    if (top.is_given("notifications")) return place_of(top["notifications"]);
    const YAML::Node downstream = top["downstream"];
    if (!downstream || !downstream.IsMap() || !downstream["spool"]) return {};
    return place_of(downstream["spool"]);
}

}  // namespace

void read_notifications(Mapping& top, Settings& settings, const std::filesystem::path& folder) {
    auto& notifications = settings.notifications;
    Mapping map(top["notifications"], "notifications", top.findings());
    map.flag("enabled", notifications.is_on);
    map.domain("domain", notifications.domain);
    read_selector(map, notifications.selector);
    map.path("key", notifications.key, folder);
    notifications.key_place = place_of_key(top, map);
    read_relay(map, notifications.relay);
    refuse_loops(settings, notifications.relay, map.findings());
    if (settings.downstream.tls == DownstreamTls::dane) warn_of_nameless(notifications.relay, map.findings());
    map.duration<seconds>("delay_after", notifications.delay_after, 60s, 30 * 86400s);
    if (map.is_given("key") && !map.is_given("selector")) {
        note(map.findings(), map["key"],
             "selector is missing: the name below _domainkey at which the key is published, see "
             "gatepost keygen");
    }
    if (map.is_given("selector") && !map.is_given("key")) {
        note(map.findings(), map["selector"],
             "key is missing: the file of the private key, see gatepost keygen");
    }
    map.finish();
}

}  // namespace gatepost::config
