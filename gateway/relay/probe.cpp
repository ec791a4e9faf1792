#include "gateway/relay/probe.h"

#include "gateway/completion.h"

namespace gatepost::gateway {
namespace {

constexpr std::chrono::seconds kProbeTime{30};  // for all addresses of a server

awaitable<void> probe(std::shared_ptr<Environment> environment, std::size_t server) {
    Relay& relay = environment->relay;
    struct Asking {  // ends whatever happens
        Relay& relay;
        std::size_t server;
        ~Asking() {
            relay.servers().end_asking(server);
            relay.end_probing();
        }
    };
    const Asking asking{relay, server};
    std::string why;
    std::unique_ptr<DownstreamConnection> connection =
        co_await relay.connect_to(server, Clock::now() + kProbeTime, why);
    if (connection) relay.keep(std::move(connection));
}

}  // namespace

void probe_downstream(const std::shared_ptr<Environment>& environment) {
    Relay& relay = environment->relay;
    if (!relay.is_smtp()) return;
    auto& servers = relay.servers();
    const auto max_age = environment->settings.downstream.probe;
    std::vector<std::size_t> due;
    for (std::size_t i = 0; i < servers.size(); ++i) {
        if (servers.is_due(i, max_age, Clock::now())) due.push_back(i);
    }
    if (due.empty()) return;
    relay.begin_probing();
    for (const std::size_t server : due) {
        servers.begin_asking(server);
        asio::co_spawn(environment->context, probe(environment, server), log_exception);
    }
}

}  // namespace gatepost::gateway
