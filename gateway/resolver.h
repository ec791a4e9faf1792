// An asynchronous stub resolver, one a worker thread: ldns makes and reads the packets (auth/dns_wire.h),
// Asio carries them. UDP from random source ports with random ids and letter case, TCP on truncation,
// fail-over between servers, one question on the wire at a time however many wait for it, and a cache.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "auth/dns_facts.h"
#include "auth/dns_wire.h"
#include "config/settings.h"
#include "gateway/asio.h"
#include "gateway/dns_cache.h"

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

    auth::DnsFacts facts();  // empty, with the cache behind it

    struct Counts {
        std::uint64_t sent = 0, answered = 0, failed = 0, tcp = 0;
    };
    const Counts& counts() const { return counts_; }
    std::size_t in_flight() const { return running_.size(); }

  private:
    struct Waiter;
    class Query;
    class Port;
    struct Server {
        udp::endpoint udp_endpoint;
        tcp::endpoint tcp_endpoint;
        Clock::time_point shunned_until{};  // after silence: asked last for a while
    };

    std::shared_ptr<Query> start(const auth::DnsQuestion& question);
    void finish(Query& query, auth::DnsAnswer answer);
    std::vector<std::size_t> order_of_servers() const;
    std::shared_ptr<Port> port_for(std::size_t server);
    static awaitable<void> ask_by_tcp(asio::io_context& context, std::shared_ptr<Query> query,
                                      unsigned attempt, tcp::endpoint server, std::chrono::milliseconds time);

    asio::io_context& context_;
    const config::Dns settings_;
    std::vector<Server> servers_;
    DnsCache cache_;
    std::map<auth::DnsQuestion, std::shared_ptr<Query>> running_;
    std::vector<std::vector<std::shared_ptr<Port>>> ports_;  // by server
    std::size_t next_port_ = 0;
    Counts counts_;
};

// Evaluates, asks for all that was missing, evaluates again, until nothing needed is missing. At the deadline
// what is still unknown becomes `failed` and the last evaluation stands.
awaitable<void> settle(Resolver& resolver, Deadline deadline, auth::DnsFacts& facts,
                       const std::function<void(auth::DnsFacts&)>& evaluate);

// The nameserver lines of a resolv.conf(5) file, port 53; 127.0.0.1 if it has none, as the C library does.
std::vector<config::Endpoint> system_dns_servers(const std::string& file = "/etc/resolv.conf");

}  // namespace gatepost::gateway
