// All that an administrator can set: plain values with default, unit and meaning. load.h fills them from
// YAML. A Settings value is never changed once it is in use; a reload makes a new one.
#pragma once

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "protocol/domain.h"
#include "protocol/ip_address.h"

namespace gatepost::config {

using std::chrono::seconds;

// Where a value stands in the configuration file, for messages that come up after loading.
struct Place {
    int line = 0;  // 1-based; 0: a default
    int column = 0;
    friend bool operator==(const Place&, const Place&) = default;
};

struct Endpoint {
    protocol::IpAddress address;
    std::uint16_t port = 0;
    std::string text() const;  // "127.0.0.1:53", "[::1]:53"
    friend bool operator==(const Endpoint&, const Endpoint&) = default;
};

struct Listener {
    Endpoint endpoint;
    Place place;
    // If there are any, they alone may connect, and say who the client is (PROXY protocol).
    std::vector<protocol::IpNetwork> proxies;
    friend bool operator==(const Listener&, const Listener&) = default;
};

// A certificate chain and its key, PEM. The names for which it is offered (SNI) are those in the certificate;
// the first pair is the default.
struct TlsIdentity {
    std::string certificate;
    std::string key;
    Place place;
    friend bool operator==(const TlsIdentity&, const TlsIdentity&) = default;
};

// From whom mail is taken under TLS only.
struct RequireTls {
    std::vector<protocol::IpNetwork> networks;  // clients, from the greeting on
    std::vector<protocol::Domain> domains;      // of MAIL FROM, exactly
    bool includes(const protocol::IpAddress& client) const;
    bool includes(const protocol::Domain& sender) const;
    friend bool operator==(const RequireTls&, const RequireTls&) = default;
};

enum class DownstreamKind { smtp, lmtp, lmtp_unix, maildir };
enum class DownstreamTls { none, opportunistic, verify, dane };
// Whether the downstream is told who the client is: XCLIENT makes it treat the session as that client's,
// XFORWARD is for its log. automatic: XCLIENT where it is listed, else XFORWARD where that is.
enum class AnnounceClient { automatic, xclient, xforward, none };
enum class SpoolMode { never, outage, always };

struct DownstreamServer {
    DownstreamKind kind = DownstreamKind::smtp;
    std::string host;  // name or address; empty for paths
    std::uint16_t port = 25;
    std::string path;  // maildir and lmtp+unix
    std::string url;   // as written, for messages
    Place place;
    // Those of the lowest priority number that are there get the mail, each as often as its weight says; the
    // others when none of them is there. Not given: the place in the list, so the first that is there.
    std::size_t priority = 0;
    std::size_t weight = 1;
    friend bool operator==(const DownstreamServer&, const DownstreamServer&) = default;
};

struct RetryTimes {
    seconds first{60};
    seconds max{3600};
    seconds expire{5 * 86400};
    friend bool operator==(const RetryTimes&, const RetryTimes&) = default;
};

// Where the mail of some domains goes instead.
struct Route {
    std::vector<protocol::Domain> domains;
    std::vector<DownstreamServer> servers;
    Place place;
    friend bool operator==(const Route&, const Route&) = default;
};

struct Downstream {
    std::vector<DownstreamServer> servers;  // for all domains that no route names
    std::vector<Route> routes;
    std::optional<TlsIdentity> client;  // shown to servers that ask for a certificate
    DownstreamTls tls = DownstreamTls::opportunistic;
    Place tls_place;  // of dane, which not every resolver will do for
    AnnounceClient announce_client = AnnounceClient::automatic;
    seconds probe{300};  // what a server last said it can do is asked for anew when it is older
    SpoolMode spool = SpoolMode::never;
    RetryTimes retry;
    friend bool operator==(const Downstream&, const Downstream&) = default;
};

// What is spooled (downstream.spool) and how much of it there may be.
struct Queue {
    std::size_t messages = 100'000;                   // above that 452
    std::size_t size = std::size_t(10) << 30;         // octets, likewise
    std::size_t free_space = std::size_t(256) << 20;  // octets that are to stay free on that disk
    std::size_t deliveries = 20;                      // at once to one destination
    seconds dead_letters{30 * 86400};                 // how long they are kept; 0: for ever
    friend bool operator==(const Queue&, const Queue&) = default;
};

// Who is there, beyond the downstream's own answer to RCPT: so that unknown users can be refused while it is
// away.
struct Recipients {
    std::string file;  // one address or @domain a line; empty: none
    Place file_place;
    std::string folder;  // exists for each recipient, %n its local-part and %d its domain; empty: none
    std::size_t remembered = 100'000;  // answers of the downstream, a worker
    seconds positive{7 * 86400};       // how long it is believed when the downstream is away
    seconds refresh{3600};             // how old an answer may be that spares asking (spool: always)
    seconds negative{120};
    friend bool operator==(const Recipients&, const Recipients&) = default;
};

// Where monitoring (Prometheus) asks.
struct Metrics {
    std::optional<Endpoint> listen;  // empty: nowhere
    friend bool operator==(const Metrics&, const Metrics&) = default;
};

// Delivery status notifications (RFC 3461, 3464) for what was spooled and cannot be delivered.
struct Notifications {
    bool is_on = true;                       // false: dead letters only
    std::optional<protocol::Domain> domain;  // of From and d=; empty: hostname
    std::string selector, key;               // DKIM, PEM file; empty: none are sent
    Place key_place;
    std::vector<DownstreamServer> relay;  // where they go; empty: the servers of `downstream`
    seconds delay_after{4 * 3600};        // those who asked for NOTIFY=DELAY hear of it
    friend bool operator==(const Notifications&, const Notifications&) = default;
};

struct Dns {
    std::vector<Endpoint> servers;                // empty: those of /etc/resolv.conf
    std::chrono::milliseconds timeout{3000};      // for one try at one server
    int tries = 2;                                // at each server
    std::size_t cache_octets = 16 * 1024 * 1024;  // a worker
    // The way to these servers is safe and they validate, so that their AD bit counts; of a server on
    // loopback it counts anyhow (RFC 4035 section 4.9.3).
    bool trust_ad = false;
    friend bool operator==(const Dns&, const Dns&) = default;
};

enum class Enforce { observe, corroborated, policy };

enum class ForwarderKind { forwarder, mailing_list };

// An entry of the allowlist. Exactly one of ip, host, spf, dkim, arc is set.
struct KnownForwarder {
    std::string name;
    std::string owner;                             // whom to ask about it
    std::optional<std::chrono::sys_days> expires;  // the last day on which it counts
    std::optional<protocol::IpNetwork> ip;         // the client's address
    std::string host;  // the client's forward-confirmed name; "*.example" matches below example
    std::optional<protocol::Domain> spf;   // MAIL FROM domain with SPF pass
    std::optional<protocol::Domain> dkim;  // d= of a verified signature
    std::optional<protocol::Domain> arc;   // d= of the last seal of a valid chain
    ForwarderKind kind = ForwarderKind::forwarder;
    std::vector<std::string> recipients;  // "user@domain" or "@domain"; empty: all
    bool for_own_domains = false;         // also lets mail through whose author domain is ours
    Place place;
    friend bool operator==(const KnownForwarder&, const KnownForwarder&) = default;
};

struct DmarcPolicy {
    Enforce enforce = Enforce::corroborated;
    std::string quarantine_header = "X-Gatepost-Quarantine";
    std::vector<KnownForwarder> known_forwarders;
    std::string remedy_url;               // shown in refusals; empty: the line is left out
    bool strict_from = true;              // refuse 0 or several From fields and unparsable ones
    bool dkim_testing_counts = true;      // a pass with a key flagged t=y counts (specs/dmarc.md R-36)
    bool legacy_pct0_as_test = false;
    bool refuse_single_label_od = false;
    friend bool operator==(const DmarcPolicy&, const DmarcPolicy&) = default;
};

// Where each limit stands and what a client hears at it: gateway/README.md, section "Limits". A client is one
// IPv4 address or the /64 of an IPv6 address.
struct Limits {
    std::size_t sessions = 1000;
    std::size_t sessions_per_client = 20;
    // Of one IPv4 /24 or IPv6 /56. 0: half of `sessions`, and none for loopback addresses.
    std::size_t sessions_per_network = 0;
    // Begun by one client in a minute; 0: any number.
    std::size_t sessions_per_minute = 0;
    std::size_t messages_per_minute = 0;
    std::size_t recipients_per_minute = 0;

    std::size_t errors = 10;      // protocol errors before 421
    std::size_t commands = 1000;  // without a transaction coming to an end, before 421
    std::size_t recipients = 100;
    std::size_t transactions = 1000;  // MAIL commands of a session, before 421

    std::size_t message_size = 50 * 1024 * 1024;
    std::size_t line_length = 8192;  // of the content, without CRLF
    std::size_t header_size = 256 * 1024;
    std::size_t header_fields = 1000;
    std::size_t header_field_size = 64 * 1024;
    std::size_t hops = 100;
    std::size_t memory_per_message = 256 * 1024;  // what is larger waits in an unlinked file below `state`

    seconds command_timeout{300};
    seconds stressed_command_timeout{60};  // with all `sessions` taken; in between from four fifths on
    seconds handshake_timeout{30};
    seconds write_timeout{60};          // until the client has taken a reply
    seconds data_timeout{600};          // for the whole content of a message
    std::size_t data_rate = 100;        // octets of content a second, on average over each window; 0: any
    seconds data_rate_window{180};      // RFC 5321 section 4.5.3.2.5: a client's block may take 3 minutes
    seconds transaction_timeout{1800};  // from MAIL to the end of the content
    seconds session_timeout{3600};      // after that it ends as soon as no transaction is running
    seconds downstream_timeout{300};
    seconds dns_timeout{20};          // all of a message's look-ups
    std::size_t dns_questions = 200;  // of a message, over all checks; auth/dns_facts.h says why so many
    seconds drain_timeout{30};        // running transactions at SIGTERM
    friend bool operator==(const Limits&, const Limits&) = default;
};

enum class BareNewline { reject, normalize };
enum class UnauthorizedPipelining { allow, refuse };

// How what is not quite SMTP is taken.
struct Smtp {
    // A bare CR or LF in content: 550 at its end, or bare LF becomes CRLF and bare CR a space, before DKIM is
    // verified.
    BareNewline bare_newline = BareNewline::reject;
    std::vector<protocol::IpNetwork> normalize_for;  // clients for whom it is normalize anyhow
    // A client that sends on where it must wait for a reply (RFC 2920 section 3.1), or speaks before the
    // greeting.
    UnauthorizedPipelining unauthorized_pipelining = UnauthorizedPipelining::allow;
    bool normalizes_for(const protocol::IpAddress& client) const;
    friend bool operator==(const Smtp&, const Smtp&) = default;
};

// Makes those wait who make errors: the replies to their bad commands come late. Replies to EHLO, DATA, NOOP,
// QUIT and unknown commands never do (RFC 2920 section 3.2).
struct Tarpit {
    std::size_t after = 0;                  // errors of a session that cost nothing; 0: off
    std::chrono::milliseconds delay{1000};  // of the first error that costs; each further one as much more
    std::chrono::milliseconds max{10000};
    friend bool operator==(const Tarpit&, const Tarpit&) = default;
};

// Against finding out addresses by RCPT: what counts are recipients refused since the last delivered message.
struct Harvest {
    std::size_t slow_after = 0;  // further refusals wait; 0: off
    std::chrono::milliseconds delay{2000};
    std::size_t end_after = 20;  // 421; 452 for the rest if the transaction has a good recipient
    friend bool operator==(const Harvest&, const Harvest&) = default;
};

// A DNS list of clients (RFC 5782).
struct DnsList {
    std::string zone;  // lower case
    std::size_t score = 1;
    std::vector<protocol::IpNetwork> answers;  // what counts as listed; empty: anything in 127.0.0.0/8
    friend bool operator==(const DnsList&, const DnsList&) = default;
};

enum class PregreetAction { log, evidence, refuse };

// Of clients that talk before they are greeted.
struct Pregreet {
    std::chrono::milliseconds wait{
        0};  // before the greeting; 0: what is there already is noticed all the same
    PregreetAction action = PregreetAction::log;
    friend bool operator==(const Pregreet&, const Pregreet&) = default;
};

// What is done early against clients that do not behave as mail servers do.
struct Defence {
    Tarpit tarpit;
    Harvest harvest;
    std::vector<DnsList> dnsbl;   // their scores are added
    std::vector<DnsList> dnswl;   // and these taken away
    std::size_t evidence_at = 1;  // from this sum on a listing is evidence for forgery
    std::size_t reject_at = 0;    // and from this one on recipients are refused; 0: never
    Pregreet pregreet;
    std::size_t delayed_sessions = 100;  // at once; the replies of more are not delayed
    friend bool operator==(const Defence&, const Defence&) = default;
};

struct Settings {
    std::string file;  // where it came from; empty: built in
    std::string hostname;
    std::string authserv_id;  // empty in the file: hostname
    std::vector<Listener> listeners;
    std::vector<TlsIdentity> tls;  // empty: STARTTLS is not offered
    RequireTls require_tls;
    std::vector<protocol::Domain> domains;
    Downstream downstream;
    Recipients recipients;
    Queue queue;
    Notifications notifications;
    Metrics metrics;
    Dns dns;
    DmarcPolicy policy;
    Limits limits;
    Smtp smtp;
    Defence defence;
    std::string state = "/var/lib/gatepost";
    Place state_place;
    unsigned workers = 0;  // 0: one a core

    bool accepts_domain(const protocol::Domain& domain) const;
    // 0: downstream.servers; n: downstream.routes[n - 1]. Without a domain (<Postmaster>): 0.
    std::size_t route_of(const std::optional<protocol::Domain>& domain) const;
    const std::vector<DownstreamServer>& servers_of(std::size_t route) const;
    friend bool operator==(const Settings&, const Settings&) = default;
};

}  // namespace gatepost::config
