#include "gateway/resolver.h"

#include <openssl/rand.h>

#include <array>
#include <fstream>
#include <sstream>
#include <unordered_map>

namespace gatepost::gateway {
namespace {

using auth::DnsAnswer;
using auth::DnsQuestion;
using auth::DnsStatus;
using auth::WireReply;

constexpr std::size_t kPortsPerServer = 16;
constexpr unsigned kQueriesPerPort = 200;  // then the port is given back and another one drawn
constexpr std::size_t kMaxRunning = 5000;  // questions in flight a worker
constexpr std::chrono::seconds kShunned{10};
constexpr int kMaxRounds = 40;    // of one settle(); each asks at least one new question
constexpr unsigned kFormErr = 1;  // RFC 6891 section 7
constexpr int kMaxHops = 8;       // questions that a chain of aliases may add

std::uint64_t random_bits() {
    std::uint64_t bits = 0;
    if (RAND_bytes(reinterpret_cast<unsigned char*>(&bits), sizeof bits) != 1)
        throw std::runtime_error("no randomness");
    return bits;
}

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

// One question under way. It walks through the servers, as often as the settings say, and ends exactly once.
class Resolver::Query : public std::enable_shared_from_this<Query> {
  public:
    Query(Resolver& resolver, DnsQuestion asked)
        : question(std::move(asked)),
          on_wire(question),
          resolver_(resolver),
          timer_(resolver.context_),
          order_(resolver.order_of_servers()) {}

    void send_next();
    // A packet came for the attempt with that number; false if it was not an answer.
    bool receive(std::span<const std::uint8_t> packet, bool by_tcp);
    void attempt_failed(const std::string& why);
    void end(DnsAnswer answer);
    std::size_t server() const { return order_[(attempt_ - 1) % order_.size()]; }

    const DnsQuestion question;
    DnsQuestion on_wire;  // the question, or the end of its aliases so far
    auth::WireQuery wire;
    unsigned attempt_ = 0;
    bool ended = false;
    std::vector<std::weak_ptr<Waiter>> waiters;

  private:
    void wait();

    Resolver& resolver_;
    asio::steady_timer timer_;
    std::vector<std::size_t> order_;
    std::weak_ptr<Port> port_;
    std::string last_failure_ = "no answer";
    std::size_t refusals_ = 0;  // in a row; when every server has refused there is no sense in going on
    int hops_ = 0;
    std::uint32_t alias_ttl_ = UINT32_MAX;
    bool is_alias_ = false;
};

// A connected UDP socket on a port that the kernel drew at random. It lives until it has carried its share of
// queries and the last of them has ended.
class Resolver::Port : public std::enable_shared_from_this<Port> {
  public:
    Port(asio::io_context& context, const udp::endpoint& server) : socket_(context) {
        ErrorCode error;
        socket_.open(server.protocol(), error);
        if (!error) socket_.connect(server, error);
        if (!error) socket_.non_blocking(true, error);
        usable_ = !error;
    }
    bool is_usable() const { return usable_; }
    bool is_worn() const { return used_ >= kQueriesPerPort || !usable_; }

    std::uint16_t fresh_id() const {
        for (;;) {
            const auto id = static_cast<std::uint16_t>(random_bits());
            if (!pending_.contains(id)) return id;
        }
    }
    bool send(const std::shared_ptr<Query>& query) {
        ErrorCode error;
        socket_.send(asio::buffer(query->wire.packet), 0, error);
        ++used_;
        if (error) return false;
        pending_[query->wire.id] = query;
        if (!receiving_) receive();
        return true;
    }
    void forget(std::uint16_t id) {
        pending_.erase(id);
        if (is_worn()) retire();
    }
    void retire() {
        if (pending_.empty()) close();
    }
    void close() {
        ErrorCode ignored;
        socket_.close(ignored);
        usable_ = false;
    }

  private:
    void receive() {
        receiving_ = true;
        auto self = shared_from_this();
        socket_.async_receive(asio::buffer(buffer_), [self](ErrorCode error, std::size_t size) {
            self->receiving_ = false;
            if (!self->socket_.is_open()) return;
            if (error) {
                self->unreachable();
            } else {
                self->deliver(size);
            }
            if (self->socket_.is_open() && !self->pending_.empty() && !self->receiving_) self->receive();
        });
    }
    // ICMP "port unreachable" for all we know about this server: go on with the next one at once.
    void unreachable() {
        const auto pending = std::exchange(pending_, {});
        for (const auto& [id, weak] : pending) {
            if (auto query = weak.lock(); query && query->wire.id == id)
                query->attempt_failed("server unreachable");
        }
    }
    void deliver(std::size_t size) {
        if (size < 2) return;
        const auto id = static_cast<std::uint16_t>(buffer_[0] << 8 | buffer_[1]);
        const auto it = pending_.find(id);
        if (it == pending_.end()) return;
        auto query = it->second.lock();
        if (!query || query->ended || query->wire.id != id) {
            pending_.erase(it);
            return;
        }
        // Only a reply that fits the question ends the wait; what an attacker sprays does not.
        if (query->receive({buffer_.data(), size}, false)) pending_.erase(id);
    }

    udp::socket socket_;
    std::array<std::uint8_t, 4096> buffer_;
    std::unordered_map<std::uint16_t, std::weak_ptr<Query>> pending_;
    unsigned used_ = 0;
    bool usable_ = false;
    bool receiving_ = false;
};

void Resolver::Query::send_next() {
    const unsigned attempts =
        static_cast<unsigned>(order_.size()) * static_cast<unsigned>(resolver_.settings_.tries);
    if (refusals_ >= order_.size() || attempt_ >= attempts) return end(failure(last_failure_));
    ++attempt_;
    const auto port = resolver_.port_for(server());
    // The last round asks as plainly as can be, for servers that choke on EDNS or mend the case of names.
    const bool plain = resolver_.settings_.tries > 1 && attempt_ > attempts - order_.size();
    wire = auth::make_query(on_wire, port->fresh_id(), plain ? 0 : random_bits(),
                            plain ? auth::Edns::off : auth::Edns::on);
    port_ = port;
    ++resolver_.counts_.sent;
    wait();
    if (!port->is_usable() || !port->send(shared_from_this())) {
        // Not at once: the caller may stand in a loop over many questions.
        asio::post(resolver_.context_, [self = shared_from_this(), attempt = attempt_] {
            if (!self->ended && self->attempt_ == attempt) self->attempt_failed("server unreachable");
        });
    }
}

void Resolver::Query::wait() {
    timer_.expires_after(resolver_.settings_.timeout);
    timer_.async_wait([self = shared_from_this(), attempt = attempt_](ErrorCode error) {
        if (error || self->ended || self->attempt_ != attempt) return;
        self->resolver_.servers_[self->server()].shunned_until = Clock::now() + kShunned;
        self->refusals_ = 0;
        self->attempt_failed("timeout");
    });
}

void Resolver::Query::attempt_failed(const std::string& why) {
    if (ended) return;
    last_failure_ = why;
    if (auto port = port_.lock()) port->forget(wire.id);
    send_next();
}

bool Resolver::Query::receive(std::span<const std::uint8_t> packet, bool by_tcp) {
    WireReply reply = auth::read_reply(packet, wire, on_wire);
    switch (reply.kind) {
        case WireReply::Kind::foreign: return false;
        case WireReply::Kind::truncated:
            if (by_tcp) return false;
            ++resolver_.counts_.tcp;
            wait();  // the whole exchange by TCP gets the time of one attempt
            asio::co_spawn(resolver_.context_,
                           ask_by_tcp(resolver_.context_, shared_from_this(), attempt_,
                                      resolver_.servers_[server()].tcp_endpoint, resolver_.settings_.timeout),
                           asio::detached);
            return true;
        case WireReply::Kind::refused:
            if (reply.rcode != kFormErr) ++refusals_;  // it may be about EDNS: the last round asks without
            attempt_failed(reply.answer.why);
            return true;
        case WireReply::Kind::answered: break;
    }
    is_alias_ = is_alias_ || reply.answer.is_alias;
    alias_ttl_ = std::min(alias_ttl_, reply.answer.ttl);
    if (!reply.alias_target.empty() && ++hops_ <= kMaxHops) {
        on_wire.name = reply.alias_target;
        attempt_ = 0;
        refusals_ = 0;
        send_next();
        return true;
    }
    if (hops_ > kMaxHops) reply.answer = failure("too many aliases");
    reply.answer.is_alias = is_alias_;
    reply.answer.ttl = std::min(reply.answer.ttl, alias_ttl_);
    resolver_.servers_[server()].shunned_until = {};
    end(std::move(reply.answer));
    return true;
}

void Resolver::Query::end(DnsAnswer answer) {
    if (ended) return;
    ended = true;
    timer_.cancel();
    if (auto port = port_.lock()) port->forget(wire.id);
    resolver_.finish(*this, std::move(answer));
}

Resolver::Resolver(asio::io_context& context, std::vector<config::Endpoint> servers,
                   const config::Dns& settings)
    : context_(context), settings_(settings), cache_(settings.cache_octets), ports_(servers.size()) {
    for (const auto& server : servers) {
        const auto address = asio::ip::make_address(server.address.text());
        servers_.push_back({udp::endpoint(address, server.port), tcp::endpoint(address, server.port)});
    }
}

Resolver::~Resolver() {
    for (auto& [question, query] : running_) query->ended = true;
    for (const auto& ports : ports_) {
        for (const auto& port : ports) port->close();  // a port that still waits for a reply keeps itself
    }
}

auth::DnsAnswerPtr Resolver::cached(const DnsQuestion& question) {
    return cache_.find(question, Clock::now());
}

auth::DnsFacts Resolver::facts() {
    return auth::DnsFacts([this](const DnsQuestion& question) { return cached(question); });
}

// Those that were silent lately come last, in the order of the configuration otherwise.
std::vector<std::size_t> Resolver::order_of_servers() const {
    std::vector<std::size_t> order;
    const auto now = Clock::now();
    for (const bool shunned : {false, true}) {
        for (std::size_t i = 0; i < servers_.size(); ++i) {
            if ((servers_[i].shunned_until > now) == shunned) order.push_back(i);
        }
    }
    return order;
}

std::shared_ptr<Resolver::Port> Resolver::port_for(std::size_t server) {
    auto& ports = ports_[server];
    if (ports.size() < kPortsPerServer) {
        ports.push_back(std::make_shared<Port>(context_, servers_[server].udp_endpoint));
        return ports.back();
    }
    auto& port = ports[next_port_++ % ports.size()];
    if (port->is_worn()) {
        port->retire();
        port = std::make_shared<Port>(context_, servers_[server].udp_endpoint);
    }
    return port;
}

std::shared_ptr<Resolver::Query> Resolver::start(const DnsQuestion& question) {
    if (const auto it = running_.find(question); it != running_.end()) return it->second;
    if (running_.size() >= kMaxRunning) return nullptr;
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
    for (const auto& question : questions) {
        if (auto answer = cached(question)) {
            facts.learn(question, std::move(answer));
        } else if (auto query = start(question)) {
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
    for (const auto& question : questions) {
        if (!cached(question)) start(question);
    }
}

namespace {

// A whole exchange over a connection of its own; empty if it failed. The caller closes the socket when time
// is up.
awaitable<std::vector<std::uint8_t>> exchange(std::shared_ptr<tcp::socket> socket, tcp::endpoint server,
                                              std::string packet) {
    const std::array<char, 2> length{static_cast<char>(packet.size() >> 8), static_cast<char>(packet.size())};
    packet.insert(packet.begin(), length.begin(), length.end());
    std::vector<std::uint8_t> reply(2);
    auto [refused] = co_await socket->async_connect(server, no_throw);
    if (refused) co_return std::vector<std::uint8_t>();
    auto [unsent, sent] = co_await asio::async_write(*socket, asio::buffer(packet), no_throw);
    if (unsent) co_return std::vector<std::uint8_t>();
    auto [unanswered, got] = co_await asio::async_read(*socket, asio::buffer(reply), no_throw);
    if (unanswered) co_return std::vector<std::uint8_t>();
    reply.resize(static_cast<std::size_t>(reply[0] << 8 | reply[1]));
    if (reply.size() > auth::kMaxWireReply) co_return std::vector<std::uint8_t>();
    auto [cut, size] = co_await asio::async_read(*socket, asio::buffer(reply), no_throw);
    if (cut) co_return std::vector<std::uint8_t>();
    co_return reply;
}

}  // namespace

// Takes all it needs with it: the resolver may be gone before it begins.
awaitable<void> Resolver::ask_by_tcp(asio::io_context& context, std::shared_ptr<Query> query,
                                     unsigned attempt, tcp::endpoint server, std::chrono::milliseconds time) {
    auto socket = std::make_shared<tcp::socket>(context);
    asio::steady_timer limit(context, time);
    limit.async_wait([socket](ErrorCode error) {
        ErrorCode ignored;
        if (!error) socket->close(ignored);
    });
    const std::vector<std::uint8_t> reply = co_await exchange(socket, server, query->wire.packet);
    if (query->ended || query->attempt_ != attempt) co_return;
    if (!query->receive(reply, true)) query->attempt_failed("no answer over TCP");
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

std::vector<config::Endpoint> system_dns_servers(const std::string& file) {
    std::vector<config::Endpoint> servers;
    std::ifstream lines(file);
    for (std::string line; std::getline(lines, line) && servers.size() < 3;) {
        std::istringstream words(line);
        std::string keyword, address;
        if (!(words >> keyword >> address) || keyword != "nameserver") continue;
        if (auto ip = protocol::IpAddress::parse(address)) servers.push_back({*ip, 53});
    }
    if (servers.empty()) servers.push_back({*protocol::IpAddress::parse("127.0.0.1"), 53});
    return servers;
}

}  // namespace gatepost::gateway
