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
    // What `before` has learned is taken over as far as the settings that it rests on are the same: answers
    // of the DNS and what was made of them, the downstream and the connections to it. `messages`: null if
    // nothing is spooled; outlives all sessions.
    Environment(asio::io_context& io, asio::thread_pool& disk, std::shared_ptr<const Snapshot> taken,
                Spool* messages = nullptr, const Environment* before = nullptr);
    Environment(const Environment&) = delete;

    // Renewed ones, and nothing else of that snapshot: for handshakes from now on.
    void use_certificates(const Snapshot& renewed);

    asio::io_context& context;
    const std::shared_ptr<const Snapshot> snapshot;
    const config::Settings& settings;
    Spool* const spool;
    std::shared_ptr<TlsServer> tls;  // null: STARTTLS is not offered

  private:
    // The relay stands on the settings that it was made of, though those of today may be others where it does
    // not look.
    struct Outward {
        std::shared_ptr<const Snapshot> snapshot;
        std::shared_ptr<Resolver> resolver;
        Relay relay;
    };
    const std::shared_ptr<Resolver> shared_resolver_;
    const std::shared_ptr<Outward> outward_;
    const std::shared_ptr<auth::SpfCache> shared_spf_cache_;
    const std::shared_ptr<auth::DkimKeyCache> shared_key_cache_;

  public:
    Resolver& resolver;
    Relay& relay;
    auth::SpfCache& spf_cache;
    auth::DkimKeyCache& key_cache;
    Clock::time_point next_list_warning{};  // of a DNS list that answers nonsense
};

// Whether a relay and what it knows of the downstream serve both alike. What it does not look at may differ:
// listeners, policy and the like, and where something stands in the file.
bool need_the_same_relay(const Snapshot& before, const Snapshot& now);

}  // namespace gatepost::gateway
