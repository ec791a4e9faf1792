// The relay of one worker: begins deliveries, keeps connections to the downstream for the next message, and
// knows what the downstream can do.
#pragma once

#include <asio/thread_pool.hpp>
#include <memory>
#include <string>

#include "auth/verification.h"
#include "gateway/relay/delivery.h"
#include "gateway/relay/downstream_connector.h"
#include "gateway/relay/downstream_servers.h"
#include "gateway/relay/kept_connections.h"

namespace gatepost::gateway {

class Relay {
  public:
    // `disk`: threads for file work, which must end before what waits for it. `tls`: of our side; null for
    // one without a certificate.
    Relay(asio::io_context& context, asio::thread_pool& disk, Resolver& resolver,
          const config::Settings& settings, TlsContext tls = nullptr);

    // Our certificate has been renewed: for connections from now on.
    void use(TlsContext tls) { connector_.use(std::move(tls)); }

    // Never null. The delivery must not outlive the relay.
    std::unique_ptr<Delivery> begin(const Sender& sender);
    // No more connections are kept; those that are get a QUIT.
    void retire() { kept_.retire(); }

    // What clients may be offered: what the downstream last said it can do, all of its servers. Before it has
    // said anything, the least that all mail servers can do.
    protocol::Capabilities offered() const;
    // Until the servers that are being asked have answered, but not for long.
    awaitable<void> wait_for_capabilities();

    // For probing (probe.h).
    bool is_smtp() const;
    DownstreamServers& servers() { return servers_; }
    void begin_probing();
    void end_probing();

    // For SmtpDelivery. A kept connection, ready for MAIL, or null.
    awaitable<std::unique_ptr<DownstreamConnection>> take_kept();
    // A new one, greeted; or why not.
    awaitable<std::unique_ptr<DownstreamConnection>> connect(std::string& why);
    awaitable<std::unique_ptr<DownstreamConnection>> connect_to(std::size_t server, Deadline last,
                                                                std::string& why);
    void keep(std::unique_ptr<DownstreamConnection> connection) { kept_.keep(std::move(connection)); }
    // It has greeted us once more, after XCLIENT.
    void note_greeting(const DownstreamConnection& connection);
    awaitable<auth::IprevOutcome> name_of(protocol::IpAddress client);
    // For whatever the downstream is asked to do now.
    Deadline deadline() const { return Clock::now() + settings_.limits.downstream_timeout; }
    // downstream.announce_client wants XCLIENT and the server does not list it: said once, not of each
    // message.
    void note_missing_xclient(const std::string& server);

    const config::Settings& settings() const { return settings_; }

  private:
    asio::io_context& context_;
    asio::thread_pool& disk_;
    Resolver& resolver_;
    const config::Settings& settings_;
    DownstreamConnector connector_;
    DownstreamServers servers_;
    KeptConnections kept_;
    asio::steady_timer answers_;  // expires when it is not worth waiting any longer
    bool has_missed_xclient_ = false;
};

}  // namespace gatepost::gateway
