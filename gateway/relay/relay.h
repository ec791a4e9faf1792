// The relay of one worker: begins deliveries on the route of their recipients, keeps connections to the
// downstream for the next message, and knows what the downstream can do.
#pragma once

#include <asio/thread_pool.hpp>
#include <memory>
#include <string>
#include <vector>

#include "auth/verification.h"
#include "gateway/relay/delivery.h"
#include "gateway/relay/downstream_connector.h"
#include "gateway/relay/downstream_route.h"
#include "gateway/relay/kept_connections.h"
#include "gateway/relay/recipients.h"

namespace gatepost::gateway {

// The route of our own notifications, beside those of Settings::route_of(): notifications.relay if it is
// given, else route 0.
inline constexpr std::size_t kNotificationRoute = static_cast<std::size_t>(-1);

class Relay {
  public:
    // `disk`: threads for file work, which must end before what waits for it. `tls`: of our side; null for
    // one without a certificate. `recipients`: of recipients.file, or null.
    Relay(asio::io_context& context, asio::thread_pool& disk, Resolver& resolver,
          const config::Settings& settings, TlsContext tls = nullptr,
          std::shared_ptr<RecipientFile> recipients = nullptr);

    // Our certificate has been renewed: for connections from now on.
    void use(TlsContext tls) { connector_.use(std::move(tls)); }

    // Never null. `route`: Settings::route_of(), which all its recipients have in common, or
    // kNotificationRoute. The delivery must not outlive the relay.
    std::unique_ptr<Delivery> begin(const Sender& sender, std::size_t route);
    // No more connections are kept; those that are get a QUIT.
    void retire() { kept_.retire(); }
    // Connections that have been said QUIT to, and are waited for.
    std::size_t leaving() const { return kept_.leaving(); }

    // What clients may be offered: what the downstream last said it can do, all servers that are there of all
    // routes of clients. Before it has said anything, the least that all mail servers can do.
    protocol::Capabilities offered() const;
    // Until the servers that are being asked have answered, but not for long.
    awaitable<void> wait_for_capabilities();

    Recipients& recipients() { return recipients_; }

    // For probing (probe.h).
    const std::vector<std::unique_ptr<DownstreamRoute>>& routes() const { return routes_; }
    void begin_probing();
    void end_probing();

    // For SmtpDelivery.
    awaitable<auth::IprevOutcome> name_of(protocol::IpAddress client);
    // For whatever the downstream is asked to do now.
    Deadline deadline() const { return Clock::now() + settings_.limits.downstream_timeout; }
    // downstream.announce_client wants XCLIENT and the server does not list it: said once, not of each
    // message.
    void note_missing_xclient(const std::string& server);

    const config::Settings& settings() const { return settings_; }

  private:
    DownstreamRoute& route(std::size_t number);
    bool may_know_soon() const;

    asio::io_context& context_;
    asio::thread_pool& disk_;
    Resolver& resolver_;
    const config::Settings& settings_;
    Recipients recipients_;
    DownstreamConnector connector_;
    KeptConnections kept_;
    std::size_t
        clients_routes_;  // the first ones of routes_; behind them that of notifications, if there is one
    std::vector<std::unique_ptr<DownstreamRoute>> routes_;
    asio::steady_timer answers_;  // expires when it is not worth waiting any longer
    bool has_missed_xclient_ = false;
};

}  // namespace gatepost::gateway
