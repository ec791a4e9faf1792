// An asynchronous stub resolver, one a worker thread: ldns makes and reads the packets (auth/dns_wire.h),
// Asio carries them. UDP from random source ports with random ids and letter case (dns_port, dns_query), TCP
// on truncation or when somebody guesses, fail-over between servers at a pace they can stand (dns_servers),
// one question on the wire at a time however many wait for it, and a cache.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "auth/dns_facts.h"
#include "auth/dns_wire.h"
#include "config/settings.h"
#include "gateway/asio.h"
#include "gateway/dns/dns_cache.h"
#include "gateway/dns/dns_port.h"
#include "gateway/dns/dns_servers.h"

namespace gatepost::gateway {

class Resolver {
  public:
    // `servers` must not be empty; system_dns_servers() has those of the machine.
    Resolver(asio::io_context& context, std::vector<config::Endpoint> servers, const config::Dns& settings);
    ~Resolver();
    Resolver(const Resolver&) = delete;

    // What is known without waiting; null otherwise.
    auth::DnsAnswerPtr cached(const auth::DnsQuestion& question);
    // Asks all of them at once and tells `facts` what came back. What has no answer at the deadline is not
    // told.
    awaitable<void> ask(std::vector<auth::DnsQuestion> questions, Deadline deadline, auth::DnsFacts& facts);
    // Asks so that the answers will be in the cache; nobody waits for them.
    void prefetch(const std::vector<auth::DnsQuestion>& questions);

    // Empty, with the cache behind it.
    auth::DnsFacts facts(auth::DnsBudget budget = {});

    struct Counts {
        std::uint64_t sent = 0, answered = 0, failed = 0, tcp = 0, guessed_ports = 0;
    };
    const Counts& counts() const { return counts_; }
    std::size_t in_flight() const { return running_.size(); }

  private:
    struct Waiter;
    class Query;
    struct Endpoints {
        udp::endpoint by_udp;
        tcp::endpoint by_tcp;
    };

    std::shared_ptr<Query> start(const auth::DnsQuestion& question, std::size_t& begun);
    bool trusts(std::size_t server) const;
    void queue_up(std::shared_ptr<Query> query);
    void let_depart(std::size_t server);
    void heard_from(std::size_t server, Clock::time_point asked);
    void finish(Query& query, auth::DnsAnswer answer);
    std::shared_ptr<DnsPort> port_for(std::size_t server);
    void note_guesses(const DnsPort& port, std::size_t server);

    asio::io_context& context_;
    const config::Dns settings_;
    std::vector<Endpoints> endpoints_;
    std::vector<bool> trusted_;  // by server: its AD bit counts
    DnsServers servers_;
    DnsCache cache_;
    std::map<auth::DnsQuestion, std::shared_ptr<Query>> running_;
    std::vector<std::vector<std::shared_ptr<DnsPort>>> ports_;   // by server
    std::vector<std::deque<std::shared_ptr<Query>>> queues_;     // by server: those whose turn has not come
    std::vector<std::unique_ptr<asio::steady_timer>> turns_;     // by server: when there may be room again
    const std::shared_ptr<int> life_ = std::make_shared<int>();  // for timers that have rung already
    std::size_t next_port_ = 0;
    Clock::time_point next_warning_{};
    Counts counts_;
    std::shared_ptr<std::size_t> by_tcp_ = std::make_shared<std::size_t>(0);  // exchanges under way
};

// Evaluates, asks for all that was missing, evaluates again, until nothing needed is missing. At the deadline
// what is still unknown becomes `failed` and the last evaluation stands.
awaitable<void> settle(Resolver& resolver, Deadline deadline, auth::DnsFacts& facts,
                       const std::function<void(auth::DnsFacts&)>& evaluate);

}  // namespace gatepost::gateway
