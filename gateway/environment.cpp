#include "gateway/environment.h"

namespace gatepost::gateway {
namespace {

bool ask_the_same_servers(const Snapshot& before, const Snapshot& now) {
    return before.settings.dns == now.settings.dns && before.dns_servers == now.dns_servers;
}

void forget_places(std::vector<config::DownstreamServer>& servers) {
    for (auto& server : servers) server.place = {};
}

// All else counts: also what a later version of the relay may come to look at.
config::Settings relevant_to_the_relay(const config::Settings& settings) {
    config::Settings relevant = settings;
    const config::Settings none;
    relevant.file = none.file;
    relevant.authserv_id = none.authserv_id;
    relevant.listeners = none.listeners;
    relevant.tls = none.tls;
    relevant.require_tls = none.require_tls;
    relevant.domains = none.domains;
    relevant.policy = none.policy;
    relevant.smtp = none.smtp;
    relevant.defence = none.defence;
    relevant.queue = none.queue;
    relevant.workers = none.workers;
    relevant.state_place = {};
    relevant.downstream.client.reset();  // Relay::use() has it
    relevant.downstream.tls_place = {};
    forget_places(relevant.downstream.servers);
    for (auto& route : relevant.downstream.routes) {
        route.place = {};
        forget_places(route.servers);
    }
    forget_places(relevant.notifications.relay);
    relevant.notifications.key_place = {};
    relevant.recipients.file_place = {};
    return relevant;
}

}  // namespace

bool need_the_same_relay(const Snapshot& before, const Snapshot& now) {
    return ask_the_same_servers(before, now) &&
           relevant_to_the_relay(before.settings) == relevant_to_the_relay(now.settings);
}

Environment::Environment(asio::io_context& io, asio::thread_pool& disk, std::shared_ptr<const Snapshot> taken,
                         Spool* messages, const Environment* before)
    : context(io),
      snapshot(std::move(taken)),
      settings(snapshot->settings),
      spool(messages),
      tls(snapshot->tls),
      shared_resolver_(before && ask_the_same_servers(*before->snapshot, *snapshot)
                           ? before->shared_resolver_
                           : std::make_shared<Resolver>(io, snapshot->dns_servers, settings.dns)),
      outward_(
          before && need_the_same_relay(*before->snapshot, *snapshot)
              ? before->outward_
              : std::shared_ptr<Outward>(new Outward{snapshot, shared_resolver_,
                                                     Relay(io, disk, *shared_resolver_, settings,
                                                           snapshot->client_tls, snapshot->recipients)})),
      // A result may hold an explanation with our name in it (RFC 7208 section 7.3, macro r).
      shared_spf_cache_(before && before->shared_resolver_ == shared_resolver_ &&
                                before->settings.hostname == settings.hostname
                            ? before->shared_spf_cache_
                            : std::make_shared<auth::SpfCache>()),
      shared_key_cache_(before ? before->shared_key_cache_ : std::make_shared<auth::DkimKeyCache>()),
      resolver(*shared_resolver_),
      relay(outward_->relay),
      spf_cache(*shared_spf_cache_),
      key_cache(*shared_key_cache_) {
    if (!before) return;
    next_list_warning = before->next_list_warning;
    relay.use(snapshot->client_tls);
    relay.recipients().use(snapshot->recipients, settings.domains);
}

void Environment::use_certificates(const Snapshot& renewed) {
    tls = renewed.tls;
    relay.use(renewed.client_tls);
}

}  // namespace gatepost::gateway
