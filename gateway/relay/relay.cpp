#include "gateway/relay/relay.h"

#include <algorithm>

#include "auth/iprev.h"
#include "gateway/dns/resolver.h"
#include "gateway/log.h"
#include "gateway/relay/maildir_delivery.h"
#include "gateway/relay/smtp_delivery.h"

namespace gatepost::gateway {
namespace {

constexpr std::chrono::seconds kCapabilitiesTime{2};  // that an EHLO may wait for the downstream's
constexpr std::chrono::seconds kNameTime{10};

// What may be offered while nothing is known: 8-bit content, which every server of this century takes.
protocol::Capabilities least() {
    protocol::Capabilities can;
    can.is_extended = can.eight_bit_mime = true;
    return can;
}

// A folder takes all that comes, but sends no notifications.
std::optional<protocol::Capabilities> of_a_maildir() {
    protocol::Capabilities can = least();
    can.smtputf8 = true;
    return can;
}

}  // namespace

Relay::Relay(asio::io_context& context, asio::thread_pool& disk, Resolver& resolver,
             const config::Settings& settings, TlsContext tls, std::shared_ptr<RecipientFile> recipients)
    : context_(context),
      disk_(disk),
      resolver_(resolver),
      settings_(settings),
      recipients_(settings, std::move(recipients)),
      connector_(context, resolver, settings, std::move(tls)),
      kept_(context),
      clients_routes_(1 + settings.downstream.routes.size()),
      answers_(context) {
    const auto add = [&](const std::vector<config::DownstreamServer>& servers) {
        routes_.push_back(std::make_unique<DownstreamRoute>(context, routes_.size(), servers, connector_,
                                                            kept_, settings_.limits));
    };
    for (std::size_t i = 0; i < clients_routes_; ++i) add(settings_.servers_of(i));
    if (!settings_.notifications.relay.empty()) add(settings_.notifications.relay);
}

DownstreamRoute& Relay::route(std::size_t number) {
    if (number != kNotificationRoute) return *routes_.at(number);
    return routes_.size() > clients_routes_ ? *routes_.back() : *routes_.front();
}

std::unique_ptr<Delivery> Relay::begin(const Sender& sender, std::size_t number) {
    DownstreamRoute& destination = route(number);
    if (!destination.is_maildir()) return std::make_unique<SmtpDelivery>(*this, destination, sender);
    const auto& folder = destination.configured().front().path;
    return std::make_unique<MaildirDelivery>(context_, disk_, folder, settings_.hostname, sender);
}

protocol::Capabilities Relay::offered() const {
    std::optional<protocol::Capabilities> all;
    for (std::size_t i = 0; i < clients_routes_; ++i) {
        const auto& destination = *routes_[i];
        const auto can = destination.is_maildir() ? of_a_maildir() : destination.servers().offered();
        if (can) all = all ? protocol::what_both_can(*all, *can) : *can;
    }
    return all.value_or(least());
}

void Relay::begin_probing() {
    answers_.expires_after(kCapabilitiesTime);
}

bool Relay::may_know_soon() const {
    return std::any_of(routes_.begin(), routes_.end(),
                       [](const auto& destination) { return destination->servers().may_know_soon(); });
}

void Relay::end_probing() {
    if (!may_know_soon()) answers_.cancel();
}

awaitable<void> Relay::wait_for_capabilities() {
    if (may_know_soon() && answers_.expiry() > Clock::now()) co_await answers_.async_wait(no_throw);
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
