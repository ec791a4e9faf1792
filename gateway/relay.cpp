#include "gateway/relay.h"

#include "auth/dns_facts.h"
#include "gateway/log.h"
#include "gateway/maildir_delivery.h"
#include "gateway/resolver.h"
#include "gateway/smtp_delivery.h"

namespace gatepost::gateway {
namespace {

using protocol::ClientAction;
using protocol::Reply;

constexpr std::size_t kMaxKept = 32;
constexpr std::chrono::seconds kMaxIdle{60};       // servers close idle connections after 5 minutes or so
constexpr std::chrono::seconds kConnectTime{10};   // for one address; the client is waiting
constexpr std::chrono::seconds kGreetingTime{60};  // up to EHLO in TLS; then the next server is tried

protocol::TlsWish wish_of(config::DownstreamTls tls) {
    switch (tls) {
        case config::DownstreamTls::none: return protocol::TlsWish::never;
        case config::DownstreamTls::opportunistic: return protocol::TlsWish::if_offered;
        case config::DownstreamTls::verify:
        case config::DownstreamTls::dane: break;
    }
    return protocol::TlsWish::required;
}

}  // namespace

Relay::Relay(asio::io_context& context, asio::thread_pool& disk, Resolver& resolver,
             const config::Settings& settings)
    : context_(context),
      disk_(disk),
      resolver_(resolver),
      settings_(settings),
      tls_(make_client_tls(settings.downstream.tls)) {}

std::unique_ptr<Delivery> Relay::begin(const Sender& sender) {
    const auto& first = settings_.downstream.servers.front();
    if (first.kind == config::DownstreamKind::maildir) {
        return std::make_unique<MaildirDelivery>(context_, disk_, first.path, settings_.hostname, sender);
    }
    return std::make_unique<SmtpDelivery>(*this, sender);
}

awaitable<ClientAction> Relay::finish_request(DownstreamConnection& connection, Deadline deadline) {
    auto& transport = connection.transport;
    auto& dialogue = connection.dialogue;
    transport.set_deadline(deadline);
    for (;;) {
        ClientAction action = dialogue.next();
        if (const auto* send = std::get_if<protocol::ClientSend>(&action)) {
            const bool sent = co_await transport.write(send->bytes);
            if (!sent) dialogue.connection_lost();
        } else if (std::get_if<protocol::ClientReceive>(&action)) {
            const std::size_t got = co_await transport.read_some(dialogue.input_buffer());
            if (got > 0) {
                dialogue.received(got);
            } else if (transport.timed_out()) {
                dialogue.out_of_time();
            } else {
                dialogue.connection_lost();
            }
        } else if (std::get_if<protocol::ClientBeginTls>(&action)) {
            const bool is_safe = co_await transport.start_tls(*tls_, connection.server);
            if (is_safe) {
                dialogue.tls_begun();
            } else {
                connection.tls_failed = true;
                dialogue.connection_lost();
            }
        } else {
            co_return action;
        }
    }
}

awaitable<std::unique_ptr<DownstreamConnection>> Relay::take_kept() {
    while (!kept_.empty()) {
        std::unique_ptr<DownstreamConnection> connection = std::move(kept_.back());
        kept_.pop_back();
        if (Clock::now() - connection->idle_since > kMaxIdle || !connection->transport.looks_alive())
            continue;
        if (connection->needs_reset) {
            connection->dialogue.reset();
            ClientAction action = co_await finish_request(*connection, deadline());
            const auto* done = std::get_if<protocol::ClientDone>(&action);
            if (!done || !done->reply.is_positive()) continue;
            connection->needs_reset = false;
        }
        co_return connection;
    }
    co_return nullptr;
}

void Relay::keep(std::unique_ptr<DownstreamConnection> connection) {
    // A reply still on its way would be taken for the answer to the next message's command.
    if (!connection->dialogue.is_usable() || !connection->dialogue.is_at_rest()) return;
    connection->idle_since = Clock::now();
    connection->transport.set_deadline(Deadline::max());
    kept_.push_back(std::move(connection));
    if (kept_.size() > kMaxKept) kept_.pop_front();
}

awaitable<std::unique_ptr<DownstreamConnection>> Relay::connect(std::string& why) {
    const auto& servers = settings_.downstream.servers;
    for (std::size_t i = 0; i < servers.size(); ++i) {
        const std::size_t index = (first_server_ + i) % servers.size();
        std::unique_ptr<DownstreamConnection> connection = co_await connect_to(servers[index], why);
        if (connection) {
            first_server_ = index;
            co_return connection;
        }
        LogLine line("downstream");
        log_warning(line.add("server", servers[index].url).add("state", "unavailable").add("why", why));
    }
    co_return nullptr;
}

awaitable<std::vector<tcp::endpoint>> Relay::addresses_of(const config::DownstreamServer& server) {
    std::vector<tcp::endpoint> endpoints;
    const auto add = [&](const protocol::IpAddress& ip) {
        endpoints.emplace_back(asio::ip::make_address(ip.text()), server.port);
    };
    if (const auto ip = protocol::IpAddress::parse(server.host)) {
        add(*ip);
        co_return endpoints;
    }
    if (server.host == "localhost") {  // RFC 6761 section 6.3: never asked of the DNS
        endpoints.emplace_back(asio::ip::make_address("127.0.0.1"), server.port);
        co_return endpoints;
    }
    auth::DnsFacts facts = resolver_.facts();
    const std::function<void(auth::DnsFacts&)> evaluate = [&](auth::DnsFacts& known) {
        endpoints.clear();
        for (const auto type : {auth::RecordType::aaaa, auth::RecordType::a}) {
            const auto* answer = known.find(type, server.host);
            if (!answer) continue;
            for (const auto& ip : answer->addresses) add(ip);
        }
    };
    co_await settle(resolver_, Clock::now() + settings_.limits.dns_timeout, facts, evaluate);
    co_return endpoints;
}

awaitable<std::unique_ptr<DownstreamConnection>> Relay::connect_to(const config::DownstreamServer& server,
                                                                   std::string& why) {
    why = "no address for " + server.host;
    const std::vector<tcp::endpoint> endpoints = co_await addresses_of(server);
    const protocol::TlsWish wish = wish_of(settings_.downstream.tls);
    for (const auto& endpoint : endpoints) {
        bool tls_failed = false;
        std::unique_ptr<DownstreamConnection> connection =
            co_await connect_to(server, endpoint, wish, tls_failed, why);
        // Opportunistic: rather in the clear than not at all (RFC 7435).
        if (tls_failed && wish == protocol::TlsWish::if_offered) {
            connection = co_await connect_to(server, endpoint, protocol::TlsWish::never, tls_failed, why);
        }
        if (connection) co_return connection;
    }
    co_return nullptr;
}

awaitable<std::unique_ptr<DownstreamConnection>> Relay::connect_to(const config::DownstreamServer& server,
                                                                   tcp::endpoint endpoint,
                                                                   protocol::TlsWish wish, bool& tls_failed,
                                                                   std::string& why) {
    protocol::ClientSettings client{settings_.hostname, wish};
    auto connection = std::make_unique<DownstreamConnection>(tcp::socket(context_), std::move(client));
    connection->server = server.host;
    connection->transport.set_deadline(Clock::now() + kConnectTime);
    auto [error] = co_await connection->transport.socket().async_connect(endpoint, no_throw);
    if (error) {
        why = connection->transport.timed_out() ? "connecting took too long" : error.message();
        co_return nullptr;
    }
    ErrorCode ignored;
    connection->transport.socket().set_option(tcp::no_delay(true), ignored);
    connection->dialogue.greet();
    const Deadline limit = std::min<Deadline>(deadline(), Clock::now() + kGreetingTime);
    const ClientAction action = co_await finish_request(*connection, limit);
    tls_failed = connection->tls_failed;
    const auto* done = std::get_if<protocol::ClientDone>(&action);
    if (!done) {
        why = tls_failed ? "TLS handshake failed" : std::get<protocol::ClientFailed>(action).why;
        co_return nullptr;
    }
    if (!done->reply.is_positive()) {
        why = done->reply.text();
        co_return nullptr;
    }
    capabilities_ = connection->dialogue.capabilities();
    co_return connection;
}

}  // namespace gatepost::gateway
