// What the sessions of one worker share: made anew from each Settings snapshot, kept by the sessions that
// began with it. Belongs to one thread.
#pragma once

#include <memory>

#include "auth/crypto.h"
#include "auth/dkim_key.h"
#include "auth/spf_cache.h"
#include "config/settings.h"
#include "gateway/dns/resolver.h"
#include "gateway/net/certificate_watch.h"
#include "gateway/net/tls.h"
#include "gateway/relay/relay.h"
#include "gateway/spool/spool.h"

namespace gatepost::gateway {

// One reading of the configuration, checked as a whole; shared by all workers and never changed.
struct Snapshot {
    config::Settings settings;
    std::shared_ptr<TlsServer> tls;  // null: STARTTLS is not offered
    TlsContext client_tls;           // towards the downstream
    FileStamps stamps;               // of all certificates and keys, from just before they were read
    std::vector<config::Endpoint> dns_servers;
    // Signs notifications, in the thread of the queue alone; null: none are sent.
    std::shared_ptr<const auth::PrivateKey> notification_key;
    std::shared_ptr<RecipientFile> recipients;  // null: recipients.file is not given
};

struct Environment {
    // `messages`: null if nothing is spooled; outlives all sessions.
    Environment(asio::io_context& io, asio::thread_pool& disk, std::shared_ptr<const Snapshot> taken,
                Spool* messages = nullptr)
        : context(io),
          snapshot(std::move(taken)),
          settings(snapshot->settings),
          resolver(io, snapshot->dns_servers, settings.dns),
          relay(io, disk, resolver, settings, snapshot->client_tls, snapshot->recipients),
          spool(messages) {}

    asio::io_context& context;
    const std::shared_ptr<const Snapshot> snapshot;
    const config::Settings& settings;
    Resolver resolver;
    Relay relay;
    Spool* const spool;
    auth::SpfCache spf_cache;
    auth::DkimKeyCache key_cache;
    Clock::time_point next_list_warning{};  // of a DNS list that answers nonsense
};

}  // namespace gatepost::gateway
