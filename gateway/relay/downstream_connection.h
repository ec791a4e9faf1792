// One connection to a downstream server, over SMTP or LMTP.
#pragma once

#include <memory>
#include <string>

#include "gateway/net/tls.h"
#include "gateway/net/transport.h"
#include "protocol/client_dialogue.h"

namespace gatepost::gateway {

struct DownstreamConnection {
    // Of whom it is a connection: a route of Relay and a server of that route.
    struct Place {
        std::size_t route = 0, server = 0;
        friend bool operator==(const Place&, const Place&) = default;
    };

    explicit DownstreamConnection(Transport::Socket socket, protocol::ClientSettings settings,
                                  TlsContext context)
        : transport(std::move(socket)), dialogue(std::move(settings)), tls(std::move(context)) {}

    // What it can do for a message: REQUIRETLS counts over an authenticated connection only (RFC 8689 section
    // 4.2.1).
    protocol::Capabilities capabilities() const;

    Transport transport;
    protocol::ClientDialogue dialogue;
    TlsContext tls;           // for the handshake
    ExpectedServer expected;  // likewise
    std::string server;       // for the log
    Place place;
    Clock::time_point idle_since{};
    std::size_t messages = 0;         // that went over it
    bool is_reused = false;           // it was kept before
    bool needs_reset = false;         // a transaction was left open
    bool tls_failed = false;          // the handshake, after STARTTLS had been agreed on
    bool is_authenticated = false;    // TLS with a certificate of its name, or of its TLSA records
    protocol::Capabilities greeting;  // of the first EHLO: what is said after XCLIENT may hide XCLIENT
    std::string announced;            // by XCLIENT: whose mail it is taken for
};

// Runs the request that was made of the connection's dialogue to its end.
awaitable<protocol::ClientAction> finish_request(DownstreamConnection& connection, Deadline deadline);
// QUIT, a short wait for the answer, and the end.
awaitable<void> say_goodbye(std::unique_ptr<DownstreamConnection> connection);

}  // namespace gatepost::gateway
