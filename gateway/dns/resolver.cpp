#include "gateway/dns/resolver.h"

#include "gateway/dns/dns_query.h"
#include "gateway/log.h"

namespace gatepost::gateway {
namespace {

using auth::DnsAnswer;
using auth::DnsQuestion;
using auth::DnsStatus;

constexpr std::size_t kPortsPerServer = 16;
constexpr std::size_t kMaxRunning = 5000;  // questions under way a worker
// When half of them are taken, nobody may begin more than this at a time: what one message asks of a dead
// zone must not lock out the others, which need a handful.
constexpr std::size_t kShareWhenBusy = 16;
constexpr int kMaxRounds = 40;  // of one settle(); each asks at least one new question

DnsAnswer failure(std::string why) {
    return DnsAnswer{.status = DnsStatus::failed, .why = std::move(why)};
}

}  // namespace

// Somebody who waits for several answers: the timer is cancelled when the last one is there.
struct Resolver::Waiter {
    explicit Waiter(asio::io_context& context) : timer(context) {}
    asio::steady_timer timer;
    std::size_t outstanding = 0;
    std::vector<std::pair<DnsQuestion, auth::DnsAnswerPtr>> answers;
};

Resolver::Resolver(asio::io_context& context, std::vector<config::Endpoint> servers,
                   const config::Dns& settings)
    : context_(context),
      settings_(settings),
      servers_(servers.size()),
      cache_(settings.cache_octets),
      ports_(servers.size()),
      queues_(servers.size()) {
    for (const auto& server : servers) {
        const auto address = asio::ip::make_address(server.address.text());
        endpoints_.push_back({udp::endpoint(address, server.port), tcp::endpoint(address, server.port)});
        trusted_.push_back(trusts_ad_of(server, settings));
        turns_.push_back(std::make_unique<asio::steady_timer>(context));
    }
}

Resolver::~Resolver() {
    for (auto& [question, query] : running_) query->abandon();
    for (const auto& ports : ports_) {
        for (const auto& port : ports) port->close();  // a port that still waits for a reply keeps itself
    }
}

auth::DnsAnswerPtr Resolver::cached(const DnsQuestion& question) {
    return cache_.find(question, Clock::now());
}

auth::DnsFacts Resolver::facts(auth::DnsBudget budget) {
    return auth::DnsFacts([this](const DnsQuestion& question) { return cached(question); }, budget);
}

bool Resolver::trusts(std::size_t server) const {
    return trusted_[server];
}

std::shared_ptr<DnsPort> Resolver::port_for(std::size_t server) {
    auto& ports = ports_[server];
    if (ports.size() < kPortsPerServer) {
        ports.push_back(std::make_shared<DnsPort>(context_, endpoints_[server].by_udp));
        return ports.back();
    }
    auto& port = ports[next_port_++ % ports.size()];
    if (port->is_worn()) {
        note_guesses(*port, server);
        port->retire();
        port = std::make_shared<DnsPort>(context_, endpoints_[server].by_udp);
    }
    return port;
}

// Once a minute at most: an attacker must not write our log.
void Resolver::note_guesses(const DnsPort& port, std::size_t server) {
    if (port.strays() < DnsPort::kStrays) return;
    ++counts_.guessed_ports;
    const auto now = Clock::now();
    if (now < next_warning_) return;
    next_warning_ = now + std::chrono::minutes(1);
    LogLine line("dns");
    log_warning(line.add("server", endpoints_[server].by_udp.address().to_string())
                    .add("why", "answers that nobody asked for: somebody may be guessing")
                    .add("ports", counts_.guessed_ports));
}

void Resolver::queue_up(std::shared_ptr<Query> query) {
    const std::size_t server = query->server();
    queues_[server].push_back(std::move(query));
    let_depart(server);
}

void Resolver::let_depart(std::size_t server) {
    auto& queue = queues_[server];
    while (!queue.empty()) {
        const auto now = Clock::now();
        if (!servers_.has_room(server, now)) break;
        const auto query = std::move(queue.front());
        queue.pop_front();
        if (query->has_ended()) continue;
        query->depart(now);
        servers_.sent(server, now);
    }
    if (queue.empty()) return;
    turns_[server]->expires_after(DnsServers::kSettled);  // an answer makes room earlier
    turns_[server]->async_wait([this, server, life = std::weak_ptr(life_)](ErrorCode cancelled) {
        if (!cancelled && !life.expired()) let_depart(server);
    });
}

void Resolver::heard_from(std::size_t server, Clock::time_point asked) {
    servers_.heard(server, asked, Clock::now());
    if (!queues_[server].empty()) let_depart(server);
}

std::shared_ptr<Resolver::Query> Resolver::start(const DnsQuestion& question, std::size_t& begun) {
    if (const auto it = running_.find(question); it != running_.end()) return it->second;
    const bool is_busy = running_.size() >= kMaxRunning / 2;
    if (running_.size() >= kMaxRunning || (is_busy && begun >= kShareWhenBusy)) return nullptr;
    ++begun;
    auto query = std::make_shared<Query>(*this, question);
    running_.emplace(question, query);
    try {
        query->send_next();
    } catch (...) {  // or it would stand here for ever, and nobody ask this question again
        running_.erase(question);
        throw;
    }
    return query;
}

void Resolver::finish(Query& query, DnsAnswer answer) {
    const auto node = running_.extract(query.question);  // first, whatever may throw below
    ++(answer.status == DnsStatus::failed ? counts_.failed : counts_.answered);
    const auto shared = std::make_shared<const DnsAnswer>(std::move(answer));
    cache_.keep(query.question, shared, Clock::now());
    for (const auto& weak : query.waiters) {
        if (auto waiter = weak.lock()) {
            waiter->answers.emplace_back(query.question, shared);
            if (--waiter->outstanding == 0) waiter->timer.cancel();
        }
    }
}

awaitable<void> Resolver::ask(std::vector<DnsQuestion> questions, Deadline deadline, auth::DnsFacts& facts) {
    auto waiter = std::make_shared<Waiter>(context_);
    std::size_t begun = 0;
    for (const auto& question : questions) {
        if (auto answer = cached(question)) {
            facts.learn(question, std::move(answer));
        } else if (auto query = start(question, begun)) {
            ++waiter->outstanding;
            query->waiters.push_back(waiter);
        } else {
            facts.learn(question, failure("too many look-ups at once"));
        }
    }
    if (waiter->outstanding > 0) {
        waiter->timer.expires_at(deadline);
        co_await waiter->timer.async_wait(no_throw);
    }
    for (auto& [question, answer] : waiter->answers) facts.learn(question, std::move(answer));
}

void Resolver::prefetch(const std::vector<DnsQuestion>& questions) {
    std::size_t begun = 0;
    for (const auto& question : questions) {
        if (!cached(question)) start(question, begun);
    }
}

awaitable<void> settle(Resolver& resolver, Deadline deadline, auth::DnsFacts& facts,
                       const std::function<void(auth::DnsFacts&)>& evaluate) {
    for (int round = 0; round < kMaxRounds; ++round) {
        evaluate(facts);
        if (facts.is_complete()) co_return;
        if (Clock::now() >= deadline) break;
        std::vector<DnsQuestion> missing = facts.take_missing();
        co_await resolver.ask(std::move(missing), deadline, facts);
    }
    facts.give_up("no time left for DNS");
    evaluate(facts);
}

}  // namespace gatepost::gateway
