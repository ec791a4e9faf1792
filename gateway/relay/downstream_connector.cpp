#include "gateway/relay/downstream_connector.h"

#include <algorithm>

#include "auth/dns_facts.h"
#include "gateway/dns/resolver.h"
#include "gateway/log.h"

namespace gatepost::gateway {
namespace {

constexpr std::chrono::seconds kConnectTime{10};   // for one address; the client is waiting
constexpr std::chrono::seconds kGreetingTime{60};  // up to EHLO in TLS; then the next server is tried

// What goes through a Unix socket does not leave the machine.
protocol::TlsWish wish_of(const config::DownstreamServer& server, config::DownstreamTls tls,
                          const DanePlan& plan) {
    using protocol::TlsWish;
    if (server.kind == config::DownstreamKind::lmtp_unix) return TlsWish::never;
    switch (tls) {
        case config::DownstreamTls::none: return TlsWish::never;
        case config::DownstreamTls::opportunistic: return TlsWish::if_offered;
        case config::DownstreamTls::verify: return TlsWish::required;
        case config::DownstreamTls::dane: break;
    }
    return plan.action == DanePlan::Action::opportunistic ? TlsWish::if_offered : TlsWish::required;
}

ExpectedServer expected_of(const config::DownstreamServer& server, const DanePlan& plan) {
    if (plan.action != DanePlan::Action::authenticate) return {server.host, {}, {}};
    // RFC 7672 section 3.2.2: the certificate may bear the configured name, too.
    const bool is_same = plan.base_domain == server.host;
    return {plan.base_domain, is_same ? std::string() : server.host, plan.records};
}

std::string tls_problem_of(const DownstreamConnection& connection) {
    const std::string problem = connection.transport.tls_problem();
    return problem.empty() ? "TLS handshake failed" : "TLS handshake failed: " + problem;
}

}  // namespace

DownstreamConnector::DownstreamConnector(asio::io_context& context, Resolver& resolver,
                                         const config::Settings& settings, TlsContext tls)
    : context_(context),
      resolver_(resolver),
      settings_(settings),
      tls_(tls ? std::move(tls) : make_client_tls(settings.downstream.tls)) {}

// Nobody can publish records for an address, a socket or localhost: for those DANE is opportunistic.
awaitable<DownstreamConnector::Whereabouts> DownstreamConnector::look_up(
    const config::DownstreamServer& server) {
    Whereabouts found;
    std::vector<Endpoint>& endpoints = found.endpoints;
    const auto add = [&](const protocol::IpAddress& ip) {
        endpoints.emplace_back(tcp::endpoint(asio::ip::make_address(ip.text()), server.port));
    };
    if (server.kind == config::DownstreamKind::lmtp_unix) {
        endpoints.emplace_back(asio::local::stream_protocol::endpoint(server.path));
        co_return found;
    }
    if (const auto ip = protocol::IpAddress::parse(server.host)) {
        add(*ip);
        co_return found;
    }
    if (server.host == "localhost") {  // RFC 6761 section 6.3: never asked of the DNS
        endpoints.emplace_back(tcp::endpoint(asio::ip::make_address("127.0.0.1"), server.port));
        co_return found;
    }
    auth::DnsFacts facts = resolver_.facts();
    const std::function<void(auth::DnsFacts&)> evaluate = [&](auth::DnsFacts& known) {
        endpoints.clear();
        for (const auto type : {auth::RecordType::aaaa, auth::RecordType::a}) {
            const auto* answer = known.find(type, server.host);
            if (!answer) continue;
            for (const auto& ip : answer->addresses) add(ip);
        }
        if (settings_.downstream.tls == config::DownstreamTls::dane)
            found.plan = plan_dane(server.host, server.port, known);
    };
    co_await settle(resolver_, Clock::now() + settings_.limits.dns_timeout, facts, evaluate);
    co_return found;
}

// TLS that anybody could pretend to: said when it comes up, not with each connection.
void DownstreamConnector::note_plan(const config::DownstreamServer& server, const DanePlan& plan) {
    if (plan.action == DanePlan::Action::encrypt && plan.why != last_noted_) {
        LogLine line("downstream");
        log_warning(
            line.add("server", server.url).add("state", "encrypted, not authenticated").add("why", plan.why));
    }
    last_noted_ = plan.why;
}

awaitable<std::unique_ptr<DownstreamConnection>> DownstreamConnector::connect(
    const config::DownstreamServer& server, Deadline last, std::string& why) {
    why = "no address for " + server.host;
    const Whereabouts found = co_await look_up(server);
    note_plan(server, found.plan);
    if (found.plan.action == DanePlan::Action::defer) {
        why = found.plan.why;
        co_return nullptr;
    }
    const protocol::TlsWish wish = wish_of(server, settings_.downstream.tls, found.plan);
    for (const auto& endpoint : found.endpoints) {
        if (Clock::now() >= last) break;
        Attempt attempt{server, endpoint, found.plan, wish, last};
        std::unique_ptr<DownstreamConnection> connection = co_await try_once(attempt);
        // Opportunistic: rather in the clear than not at all (RFC 7435).
        if (attempt.tls_failed && attempt.wish == protocol::TlsWish::if_offered) {
            attempt.wish = protocol::TlsWish::never;
            connection = co_await try_once(attempt);
        }
        why = attempt.why;
        if (connection) co_return connection;
    }
    co_return nullptr;
}

awaitable<std::unique_ptr<DownstreamConnection>> DownstreamConnector::try_once(Attempt& attempt) {
    const bool is_lmtp = attempt.server.kind != config::DownstreamKind::smtp;
    protocol::ClientSettings client{
        settings_.hostname, attempt.wish,
        is_lmtp ? protocol::ClientProtocol::lmtp : protocol::ClientProtocol::smtp};
    auto connection =
        std::make_unique<DownstreamConnection>(Transport::Socket(context_), std::move(client), tls_);
    const bool has_host = !attempt.server.host.empty();
    connection->server = has_host ? attempt.server.host : attempt.server.path;
    connection->expected = expected_of(attempt.server, attempt.plan);
    connection->transport.set_deadline(std::min<Deadline>(attempt.last, Clock::now() + kConnectTime));
    auto [error] = co_await connection->transport.socket().async_connect(attempt.endpoint, no_throw);
    if (error) {
        attempt.why = connection->transport.timed_out() ? "connecting took too long" : error.message();
        co_return nullptr;
    }
    ErrorCode ignored;
    connection->transport.socket().set_option(tcp::no_delay(true), ignored);
    const bool is_welcome = co_await greet(*connection, attempt);
    if (!is_welcome) connection.reset();
    co_return connection;
}

awaitable<bool> DownstreamConnector::greet(DownstreamConnection& connection, Attempt& attempt) {
    connection.dialogue.greet();
    const auto time = std::min<std::chrono::seconds>(settings_.limits.downstream_timeout, kGreetingTime);
    const protocol::ClientAction action =
        co_await finish_request(connection, std::min<Deadline>(attempt.last, Clock::now() + time));
    attempt.tls_failed = connection.tls_failed;
    if (const auto* failed = std::get_if<protocol::ClientFailed>(&action)) {
        attempt.why = attempt.tls_failed ? tls_problem_of(connection) : "greeting: " + failed->why;
        co_return false;
    }
    const auto& reply = std::get<protocol::ClientDone>(action).reply;
    if (!reply.is_positive()) {
        attempt.why = reply.text();
        co_return false;
    }
    const bool verifies = settings_.downstream.tls == config::DownstreamTls::verify ||
                          attempt.plan.action == DanePlan::Action::authenticate;
    connection.is_authenticated = verifies && connection.dialogue.is_tls();
    connection.greeting = connection.dialogue.capabilities();
    co_return true;
}

}  // namespace gatepost::gateway
