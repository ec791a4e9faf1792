// The relay of one worker: begins deliveries, and keeps connections to the downstream server for the next
// message.
#pragma once

#include <asio/thread_pool.hpp>
#include <deque>
#include <memory>
#include <optional>

#include "config/settings.h"
#include "gateway/delivery.h"
#include "gateway/tls.h"
#include "gateway/transport.h"
#include "protocol/client_dialogue.h"

namespace gatepost::gateway {

class Resolver;

// One connection to a downstream SMTP server.
struct DownstreamConnection {
    explicit DownstreamConnection(tcp::socket socket, protocol::ClientSettings settings)
        : transport(std::move(socket)), dialogue(std::move(settings)) {}
    Transport transport;
    protocol::ClientDialogue dialogue;
    std::string server;  // for the log
    Clock::time_point idle_since{};
    bool needs_reset = false;  // a transaction was left open
    bool tls_failed = false;   // the handshake, after STARTTLS had been agreed on
};

class Relay {
  public:
    // `disk`: threads for file work, which must end before what waits for it.
    Relay(asio::io_context& context, asio::thread_pool& disk, Resolver& resolver,
          const config::Settings& settings);

    // Never null. The delivery must not outlive the relay.
    std::unique_ptr<Delivery> begin(const Sender& sender);

    // What the downstream last said it can do; nothing before the first connection.
    const std::optional<protocol::Capabilities>& capabilities() const { return capabilities_; }

    // For SmtpDelivery. A kept connection, ready for MAIL, or null.
    awaitable<std::unique_ptr<DownstreamConnection>> take_kept();
    // A new one, greeted; or why not.
    awaitable<std::unique_ptr<DownstreamConnection>> connect(std::string& why);
    void keep(std::unique_ptr<DownstreamConnection> connection);
    // Runs the request that was made of the connection's dialogue to its end.
    awaitable<protocol::ClientAction> finish_request(DownstreamConnection& connection, Deadline deadline);
    // For whatever the downstream is asked to do now.
    Deadline deadline() const { return Clock::now() + settings_.limits.downstream_timeout; }

    const config::Settings& settings() const { return settings_; }

  private:
    awaitable<std::unique_ptr<DownstreamConnection>> connect_to(const config::DownstreamServer& server,
                                                                std::string& why);
    awaitable<std::unique_ptr<DownstreamConnection>> connect_to(const config::DownstreamServer& server,
                                                                tcp::endpoint endpoint,
                                                                protocol::TlsWish wish, bool& tls_failed,
                                                                std::string& why);
    awaitable<std::vector<tcp::endpoint>> addresses_of(const config::DownstreamServer& server);

    asio::io_context& context_;
    asio::thread_pool& disk_;
    Resolver& resolver_;
    const config::Settings& settings_;
    TlsContext tls_;
    std::deque<std::unique_ptr<DownstreamConnection>> kept_;  // the last used at the back
    std::optional<protocol::Capabilities> capabilities_;
    std::size_t first_server_ = 0;  // where the last connection succeeded
};

}  // namespace gatepost::gateway
