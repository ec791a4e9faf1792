#include "config/load_smtp.h"

namespace gatepost::config {

void read_smtp(Mapping& top, Smtp& smtp) {
    Mapping map(top["smtp"], "smtp", top.findings());
    map.choice<BareNewline>("bare_newline", smtp.bare_newline,
                            {{"reject", BareNewline::reject}, {"normalize", BareNewline::normalize}});
    map.each("normalize_for", [&](const YAML::Node& node) {
        const auto text = scalar(node, "a network", top.findings());
        if (!text) return;
        if (const auto network = protocol::IpNetwork::parse(*text)) {
            smtp.normalize_for.push_back(*network);
        } else {
            note(top.findings(), node, shown(*text) + " is no address or network; write 192.0.2.0/28");
        }
    });
    map.choice<UnauthorizedPipelining>(
        "unauthorized_pipelining", smtp.unauthorized_pipelining,
        {{"allow", UnauthorizedPipelining::allow}, {"refuse", UnauthorizedPipelining::refuse}});
    map.finish();
}

}  // namespace gatepost::config
