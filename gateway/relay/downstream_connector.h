// Making a connection to a downstream server: its addresses, TLS as configured, the greeting.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "config/settings.h"
#include "gateway/relay/dane.h"
#include "gateway/relay/downstream_connection.h"

namespace gatepost::gateway {

class Resolver;

class DownstreamConnector {
  public:
    // `tls`: null for one without a certificate of ours.
    DownstreamConnector(asio::io_context& context, Resolver& resolver, const config::Settings& settings,
                        TlsContext tls);

    // For connections from now on.
    void use(TlsContext tls) { tls_ = std::move(tls); }

    // A connection that has been greeted; or null and why not. No further address is tried from `last` on.
    awaitable<std::unique_ptr<DownstreamConnection>> connect(const config::DownstreamServer& server,
                                                             Deadline last, std::string& why);

  private:
    using Endpoint = Transport::Socket::endpoint_type;  // TCP or Unix
    struct Whereabouts {
        std::vector<Endpoint> endpoints;
        DanePlan plan;
    };
    struct Attempt {
        const config::DownstreamServer& server;
        Endpoint endpoint;
        const DanePlan& plan;
        protocol::TlsWish wish = protocol::TlsWish::never;
        Deadline last{};
        bool tls_failed = false;
        std::string why{};
    };
    awaitable<Whereabouts> look_up(const config::DownstreamServer& server);
    void note_plan(const config::DownstreamServer& server, const DanePlan& plan);
    awaitable<std::unique_ptr<DownstreamConnection>> try_once(Attempt& attempt);
    awaitable<bool> greet(DownstreamConnection& connection, Attempt& attempt);

    asio::io_context& context_;
    Resolver& resolver_;
    const config::Settings& settings_;
    TlsContext tls_;
    std::string last_noted_;
};

}  // namespace gatepost::gateway
