#include "gateway/relay/downstream_route.h"

#include <algorithm>

#include "gateway/log.h"
#include "gateway/relay/outcome.h"

namespace gatepost::gateway {
namespace {

constexpr std::chrono::seconds kConnectingTime{30};  // over all servers and their addresses
constexpr std::chrono::seconds kResetTime{10};       // of a kept connection; then rather a new one
// After that a firewall between us may have forgotten it: it is asked for a sign of life first.
constexpr std::chrono::seconds kUnheardOf{10};

std::vector<DownstreamServers::Preference> preferences(const std::vector<config::DownstreamServer>& servers) {
    std::vector<DownstreamServers::Preference> all;
    for (const auto& server : servers) all.push_back({server.priority, server.weight});
    return all;
}

}  // namespace

DownstreamRoute::DownstreamRoute(asio::io_context& context, std::size_t number,
                                 const std::vector<config::DownstreamServer>& configured,
                                 DownstreamConnector& connector, KeptConnections& kept,
                                 const config::Limits& limits)
    : number_(number),
      configured_(configured),
      connector_(connector),
      kept_(kept),
      limits_(limits),
      servers_(preferences(configured)),
      problems_(configured.size()),
      others_(context) {}

DownstreamRoute::Tries DownstreamRoute::fresh_tries(Deadline deadline) const {
    Tries tries;
    tries.given_up.resize(servers_.size());
    tries.connecting_until = std::min<Deadline>(deadline, Clock::now() + kConnectingTime);
    return tries;
}

std::size_t DownstreamRoute::others_there(const Tries& tries, std::size_t server) const {
    std::size_t count = 0;
    for (std::size_t i = 0; i < servers_.size(); ++i) {
        if (i != server && !tries.given_up[i] && servers_.is_there(i)) ++count;
    }
    return count;
}

// Somebody may be finding out this moment whether a server is back: a probe, say, that this client's EHLO was
// the reason for.
awaitable<std::unique_ptr<DownstreamConnection>> DownstreamRoute::obtain(Tries& tries) {
    for (;;) {
        std::unique_ptr<DownstreamConnection> connection = co_await try_in_order(tries);
        const auto now = Clock::now();
        const bool may_wait = now < tries.connecting_until && now < servers_.worth_waiting_until(now);
        if (connection || !may_wait) co_return connection;
        co_await others_.async_wait(no_throw);
    }
}

awaitable<std::unique_ptr<DownstreamConnection>> DownstreamRoute::try_in_order(Tries& tries) {
    const std::vector<std::size_t> order = servers_.order(Clock::now(), chance_());
    for (const std::size_t server : order) {
        if (tries.given_up[server]) continue;
        std::unique_ptr<DownstreamConnection> kept = co_await reuse(server, tries);
        if (kept) co_return kept;
        // One that hangs leaves time for the next.
        const auto now = Clock::now();
        if (now >= tries.connecting_until) break;
        if (!servers_.may_try(server, now)) continue;
        const Deadline last =
            now + (tries.connecting_until - now) / static_cast<int>(1 + others_there(tries, server));
        std::unique_ptr<DownstreamConnection> made = co_await connect_to(server, last);
        if (made) co_return made;
        tries.given_up[server] = true;
    }
    co_return nullptr;
}

// Only one of them is asked for a sign of life: a server that hangs would let the client wait for each.
awaitable<std::unique_ptr<DownstreamConnection>> DownstreamRoute::reuse(std::size_t server, Tries& tries) {
    if (!tries.may_reuse) co_return nullptr;
    std::unique_ptr<DownstreamConnection> connection = kept_.take({number_, server});
    if (!connection) co_return nullptr;
    connection->is_reused = true;
    const bool is_fresh = Clock::now() - connection->idle_since < kUnheardOf;
    if (is_fresh && !connection->needs_reset) co_return connection;
    connection->dialogue.reset();
    const auto time = std::min<std::chrono::seconds>(limits_.downstream_timeout, kResetTime);
    const protocol::ClientAction action = co_await finish_request(*connection, Clock::now() + time);
    const auto* done = std::get_if<protocol::ClientDone>(&action);
    if (!done || !done->reply.is_positive()) {
        tries.may_reuse = false;
        co_return nullptr;
    }
    connection->needs_reset = false;
    co_return connection;
}

awaitable<std::unique_ptr<DownstreamConnection>> DownstreamRoute::connect_to(std::size_t server,
                                                                             Deadline last) {
    std::string why;
    const auto began = Clock::now();
    servers_.begin_trying(server, began, last);
    const Deadline others_wait_until = servers_.worth_waiting_until(began);
    if (others_wait_until > began) others_.expires_at(others_wait_until);
    std::unique_ptr<DownstreamConnection> connection =
        co_await connector_.connect(configured_[server], last, why);
    if (connection) {
        connection->place = {number_, server};
        note_greeting(*connection);
    } else {
        const auto now = Clock::now();
        problems_[server] = reason(why);
        log_change(servers_.note_failure(server, now - began, now), server, why);
    }
    others_.cancel();
    co_return connection;
}

void DownstreamRoute::note_greeting(const DownstreamConnection& connection) {
    const std::size_t server = connection.place.server;
    problems_[server].clear();
    log_change(servers_.note_greeting(server, connection.capabilities(), Clock::now()), server, "");
}

void DownstreamRoute::note_break(std::size_t server, std::string_view why, Deadline since) {
    const auto now = Clock::now();
    problems_[server] = reason(why);
    log_change(servers_.note_break(server, now - since, now), server, why);
}

std::string DownstreamRoute::problem() const {
    std::string text;
    for (std::size_t i = 0; i < problems_.size(); ++i) {
        if (problems_[i].empty()) continue;
        const auto& configured = configured_[i];
        if (!text.empty()) text += "; ";
        text += (configured.host.empty() ? configured.path : configured.host) + ": " + problems_[i];
    }
    return reason(text);
}

void DownstreamRoute::log_change(DownstreamServers::Change change, std::size_t server,
                                 std::string_view why) const {
    if (change == DownstreamServers::Change::none) return;
    LogLine line("downstream");
    line.add("server", configured_[server].url);
    if (change == DownstreamServers::Change::became_available) {
        log_info(line.add("state", "available"));
    } else {
        log_warning(line.add("state", "unavailable").add("why", why));
    }
}

}  // namespace gatepost::gateway
