#include "gateway/relay/probe.h"

#include "gateway/completion.h"

namespace gatepost::gateway {
namespace {

constexpr std::chrono::seconds kProbeTime{30};  // for all addresses of a server

awaitable<void> probe(std::shared_ptr<Environment> environment, std::size_t route, std::size_t server) {
    Relay& relay = environment->relay;
    DownstreamRoute& destination = *relay.routes()[route];
    struct Asking {  // ends whatever happens
        Relay& relay;
        DownstreamRoute& destination;
        std::size_t server;
        ~Asking() {
            destination.servers().end_asking(server);
            relay.end_probing();
        }
    };
    const Asking asking{relay, destination, server};
    std::unique_ptr<DownstreamConnection> connection =
        co_await destination.connect_to(server, Clock::now() + kProbeTime);
    if (connection) destination.keep(std::move(connection));
}

}  // namespace

void probe_downstream(const std::shared_ptr<Environment>& environment) {
    Relay& relay = environment->relay;
    const auto max_age = environment->settings.downstream.probe;
    struct Due {
        std::size_t route, server;
    };
    std::vector<Due> due;
    for (std::size_t route = 0; route < relay.routes().size(); ++route) {
        auto& destination = *relay.routes()[route];
        if (destination.is_maildir()) continue;
        for (std::size_t server = 0; server < destination.servers().size(); ++server) {
            if (destination.servers().is_due(server, max_age, Clock::now())) due.push_back({route, server});
        }
    }
    if (due.empty()) return;
    relay.begin_probing();
    for (const auto& [route, server] : due) {
        relay.routes()[route]->servers().begin_asking(server);
        asio::co_spawn(environment->context, probe(environment, route, server), log_exception);
    }
}

}  // namespace gatepost::gateway
