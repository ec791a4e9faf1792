#include "gateway/dns/dns_query.h"

#include <array>

#include "gateway/completion.h"

namespace gatepost::gateway {
namespace {

using auth::DnsAnswer;
using auth::DnsStatus;
using auth::WireReply;

constexpr unsigned kFormErr = 1;        // RFC 6891 section 7
constexpr int kMaxHops = 8;             // questions that a chain of aliases may add
constexpr std::size_t kMaxByTcp = 100;  // exchanges by TCP at once, a worker

DnsAnswer failure(std::string why) {
    return DnsAnswer{.status = DnsStatus::failed, .why = std::move(why)};
}

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

Resolver::Query::Query(Resolver& resolver, auth::DnsQuestion asked)
    : question(std::move(asked)),
      resolver_(resolver),
      on_wire_(question),
      timer_(resolver.context_),
      order_(resolver.servers_.order(Clock::now())) {}

void Resolver::Query::send_next() {
    const unsigned attempts =
        static_cast<unsigned>(order_.size()) * static_cast<unsigned>(resolver_.settings_.tries);
    if (refusals_ >= order_.size() || attempt_ >= attempts) return end(failure(last_failure_));
    ++attempt_;
    resolver_.queue_up(shared_from_this());
}

void Resolver::Query::depart(Clock::time_point now) {
    const unsigned attempts =
        static_cast<unsigned>(order_.size()) * static_cast<unsigned>(resolver_.settings_.tries);
    const auto port = resolver_.port_for(server());
    // Random letter case (draft-vixie-dnsext-dns0x20) adds a bit a letter to id and port: recursive servers
    // repeat the question octet by octet, and those that do not are served all the same, for the last round
    // asks as plainly as can be: also for servers that choke on EDNS.
    const bool plain = resolver_.settings_.tries > 1 && attempt_ > attempts - order_.size();
    wire_ = auth::make_query(on_wire_, port->fresh_id(), plain ? 0 : random_bits(),
                             plain ? auth::Edns::off : auth::Edns::on);
    port_ = port;
    departed_ = now;
    ++departures_;
    ++resolver_.counts_.sent;
    wait();
    if (!port->is_usable() || !port->send(wire_.id, wire_.packet, shared_from_this())) {
        // Not at once: the caller may stand in a loop over many questions.
        asio::post(resolver_.context_, [self = shared_from_this(), departure = departures_] {
            if (!self->has_ended_ && self->departures_ == departure) self->server_unreachable();
        });
    }
}

// The time of a later attempt is a little longer by chance: what was lost together does not come back
// together.
void Resolver::Query::wait() {
    const auto time = resolver_.settings_.timeout;
    const auto spread = attempt_ > 1 ? time * static_cast<int>(random_bits() % 128) / 1024 : time * 0;
    timer_.expires_after(time + spread);
    timer_.async_wait([self = shared_from_this(), departure = departures_](ErrorCode error) {
        if (error || self->has_ended_ || self->departures_ != departure) return;
        self->resolver_.servers_.silent(self->server(), self->departed_, Clock::now(),
                                        static_cast<std::uint32_t>(random_bits()));
        self->refusals_ = 0;
        self->attempt_failed("timeout");
    });
}

void Resolver::Query::server_unreachable() {
    if (has_ended_) return;
    resolver_.servers_.silent(server(), departed_, Clock::now(), static_cast<std::uint32_t>(random_bits()));
    attempt_failed("server unreachable");
}

// Over TCP an answer comes from who was asked, or from somebody on the path, against whom nothing here helps.
void Resolver::Query::answers_are_guessed() {
    if (!has_ended_) go_by_tcp();
}

void Resolver::Query::attempt_failed(const std::string& why) {
    if (has_ended_) return;
    last_failure_ = why;
    timer_.cancel();
    if (auto port = port_.lock()) port->forget(wire_.id);
    send_next();
}

bool Resolver::Query::take(std::span<const std::uint8_t> packet, bool by_tcp) {
    if (has_ended_) return true;
    WireReply reply = auth::read_reply(packet, wire_, on_wire_);
    if (reply.kind == WireReply::Kind::foreign) return false;
    if (reply.kind == WireReply::Kind::truncated && by_tcp) return false;
    resolver_.heard_from(server(), departed_);
    switch (reply.kind) {
        case WireReply::Kind::truncated: go_by_tcp(); break;
        case WireReply::Kind::refused:
            if (reply.rcode != kFormErr) ++refusals_;  // it may be about EDNS: the last round asks without
            attempt_failed(reply.answer.why);
            break;
        default: take_answer(std::move(reply));
    }
    return true;
}

void Resolver::Query::take_answer(WireReply reply) {
    is_alias_ = is_alias_ || reply.answer.is_alias;
    is_secure_ = is_secure_ && reply.answer.is_secure && resolver_.trusts(server());
    alias_ttl_ = std::min(alias_ttl_, reply.answer.ttl);
    if (!reply.alias_target.empty() && ++hops_ <= kMaxHops) {
        on_wire_.name = reply.alias_target;
        attempt_ = 0;
        refusals_ = 0;
        timer_.cancel();
        if (auto port = port_.lock()) port->forget(wire_.id);
        return send_next();
    }
    if (hops_ > kMaxHops) reply.answer = failure("too many aliases");
    reply.answer.is_alias = is_alias_;
    reply.answer.is_secure = is_secure_ && reply.answer.status != DnsStatus::failed;
    if (is_alias_ && reply.answer.canonical.empty()) reply.answer.canonical = on_wire_.name;
    reply.answer.ttl = std::min(reply.answer.ttl, alias_ttl_);
    end(std::move(reply.answer));
}

void Resolver::Query::end(DnsAnswer answer) {
    if (has_ended_) return;
    has_ended_ = true;
    timer_.cancel();
    if (auto port = port_.lock()) port->forget(wire_.id);
    resolver_.finish(*this, std::move(answer));
}

// Each takes a descriptor; a zone whose answers are all cut short must not take them from the clients.
void Resolver::Query::go_by_tcp() {
    const auto under_way = resolver_.by_tcp_;
    if (*under_way >= kMaxByTcp) return attempt_failed("too many questions by TCP");
    ++*under_way;
    std::shared_ptr<void> place(nullptr, [under_way](void*) { --*under_way; });
    ++resolver_.counts_.tcp;
    ++departures_;
    wait();  // the whole exchange by TCP gets the time of one attempt
    asio::co_spawn(
        resolver_.context_,
        ask_by_tcp(resolver_.context_, shared_from_this(), departures_, resolver_.endpoints_[server()].by_tcp,
                   resolver_.settings_.timeout, std::move(place)),
        log_exception);
}

// Takes all it needs with it: the resolver may be gone before it begins.
awaitable<void> Resolver::Query::ask_by_tcp(asio::io_context& context, std::shared_ptr<Query> query,
                                            unsigned departure, tcp::endpoint server,
                                            std::chrono::milliseconds time, std::shared_ptr<void>) {
    auto socket = std::make_shared<tcp::socket>(context);
    asio::steady_timer limit(context, time);
    limit.async_wait([socket](ErrorCode error) {
        ErrorCode ignored;
        if (!error) socket->close(ignored);
    });
    const std::vector<std::uint8_t> reply = co_await exchange(socket, server, query->wire_.packet);
    if (query->has_ended_ || query->departures_ != departure) co_return;
    if (!query->take(reply, true)) query->attempt_failed("no answer over TCP");
}

}  // namespace gatepost::gateway
