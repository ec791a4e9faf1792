#include "config/load_metrics.h"

#include "config/units.h"

namespace gatepost::config {

void read_metrics(Mapping& top, Metrics& metrics) {
    Mapping map(top["metrics"], "metrics", top.findings());
    if (map.is_given("listen")) {
        const YAML::Node node = map["listen"];
        if (const auto text = scalar(node, "listen", top.findings())) {
            metrics.listen = parse_endpoint(*text);
            if (!metrics.listen || metrics.listen->port == 0)
                note(top.findings(), node,
                     shown(*text) + " is no address to listen on; write for example \"127.0.0.1:9250\"");
        }
    }
    map.finish();
}

}  // namespace gatepost::config
