#include "gateway/relay/relay.h"

#include <algorithm>

#include "auth/iprev.h"
#include "gateway/dns/resolver.h"
#include "gateway/log.h"
#include "gateway/relay/maildir_delivery.h"
#include "gateway/relay/smtp_delivery.h"

namespace gatepost::gateway {
namespace {

constexpr std::chrono::seconds kConnectingTime{30};   // over all servers and their addresses
constexpr std::chrono::seconds kCapabilitiesTime{2};  // that an EHLO may wait for the downstream's
constexpr std::chrono::seconds kNameTime{10};
constexpr std::chrono::seconds kResetTime{10};  // of a kept connection; then rather a new one

// What may be offered while nothing is known: 8-bit content, which every server of this century takes.
protocol::Capabilities least() {
    protocol::Capabilities can;
    can.is_extended = can.eight_bit_mime = true;
    return can;
}

// A folder takes all that comes, but sends no notifications.
protocol::Capabilities of_a_maildir() {
    protocol::Capabilities can = least();
    can.smtputf8 = true;
    return can;
}

}  // namespace

Relay::Relay(asio::io_context& context, asio::thread_pool& disk, Resolver& resolver,
             const config::Settings& settings, TlsContext tls)
    : context_(context),
      disk_(disk),
      resolver_(resolver),
      settings_(settings),
      connector_(context, resolver, settings, std::move(tls)),
      servers_(settings.downstream.servers.size()),
      kept_(context),
      answers_(context) {}

bool Relay::is_smtp() const {
    return settings_.downstream.servers.front().kind != config::DownstreamKind::maildir;
}

std::unique_ptr<Delivery> Relay::begin(const Sender& sender) {
    if (is_smtp()) return std::make_unique<SmtpDelivery>(*this, sender);
    const auto& folder = settings_.downstream.servers.front().path;
    return std::make_unique<MaildirDelivery>(context_, disk_, folder, settings_.hostname, sender);
}

protocol::Capabilities Relay::offered() const {
    if (!is_smtp()) return of_a_maildir();
    return servers_.offered().value_or(least());
}

void Relay::begin_probing() {
    answers_.expires_after(kCapabilitiesTime);
}

void Relay::end_probing() {
    if (!servers_.may_know_soon()) answers_.cancel();
}

awaitable<void> Relay::wait_for_capabilities() {
    if (servers_.may_know_soon() && answers_.expiry() > Clock::now()) co_await answers_.async_wait(no_throw);
}

// Only one of them is tried: a server that hangs would let the client wait for each.
awaitable<std::unique_ptr<DownstreamConnection>> Relay::take_kept() {
    std::unique_ptr<DownstreamConnection> connection = kept_.take();
    if (!connection || !connection->needs_reset) co_return connection;
    connection->dialogue.reset();
    const Deadline last = std::min<Deadline>(deadline(), Clock::now() + kResetTime);
    const protocol::ClientAction action = co_await finish_request(*connection, last);
    const auto* done = std::get_if<protocol::ClientDone>(&action);
    if (!done || !done->reply.is_positive()) co_return nullptr;
    connection->needs_reset = false;
    co_return connection;
}

awaitable<std::unique_ptr<DownstreamConnection>> Relay::connect(std::string& why) {
    why = "no answer a moment ago";
    const Deadline last = Clock::now() + kConnectingTime;
    const std::vector<std::size_t> order = servers_.order(Clock::now());
    for (const std::size_t index : order) {
        if (Clock::now() >= last) break;
        std::unique_ptr<DownstreamConnection> connection = co_await connect_to(index, last, why);
        if (connection) co_return connection;
    }
    co_return nullptr;
}

awaitable<std::unique_ptr<DownstreamConnection>> Relay::connect_to(std::size_t server, Deadline last,
                                                                   std::string& why) {
    const auto& configured = settings_.downstream.servers[server];
    const auto began = Clock::now();
    std::unique_ptr<DownstreamConnection> connection = co_await connector_.connect(configured, last, why);
    const auto now = Clock::now();
    if (connection) {
        connection->server_index = server;
        note_greeting(*connection);
    } else {
        servers_.note_failure(server, now - began, now);
        LogLine line("downstream");
        log_warning(line.add("server", configured.url).add("state", "unavailable").add("why", why));
    }
    co_return connection;
}

void Relay::note_greeting(const DownstreamConnection& connection) {
    servers_.note_greeting(connection.server_index, connection.capabilities(), Clock::now());
}

void Relay::note_missing_xclient(const std::string& server) {
    if (std::exchange(has_missed_xclient_, true)) return;
    LogLine line("downstream");
    log_warning(line.add("server", server)
                    .add("at", "XCLIENT")
                    .add("why", "not listed in its EHLO reply, so it does not learn the client")
                    .add("remedy", "authorise this gateway there, or set downstream.announce_client"));
}

awaitable<auth::IprevOutcome> Relay::name_of(protocol::IpAddress client) {
    auth::IprevOutcome outcome;
    auth::DnsFacts facts = resolver_.facts();
    const std::function<void(auth::DnsFacts&)> evaluate = [&](auth::DnsFacts& known) {
        outcome = auth::check_iprev(client, known);
    };
    co_await settle(resolver_, Clock::now() + kNameTime, facts, evaluate);
    co_return outcome;
}

}  // namespace gatepost::gateway
