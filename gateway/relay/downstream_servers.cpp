#include "gateway/relay/downstream_servers.h"

#include <algorithm>
#include <tuple>
#include <utility>

namespace gatepost::gateway {
namespace {

using namespace std::chrono_literals;

constexpr auto kLongWait = 2s;  // a client that waits so long for a dead server should be the only one
constexpr auto kLeftAlone = 15s;
constexpr auto kTriedAnyway = 2s;   // after a failure: a client with a hundred recipients waits once
constexpr auto kWorthWaiting = 1s;  // for another's try, from its beginning: who is there answers sooner
constexpr auto kFirstPause = 2s;    // between two times of asking in vain, then twice as long each time
constexpr auto kLongestPause = 60s;
constexpr auto kLongestDisbelief = 600s;  // it greets well, but breaks each time

// As kFirstPause says, for the nth time.
DownstreamServers::Duration pause(unsigned times, DownstreamServers::Duration longest) {
    const auto doublings = std::min(times, 20u);
    return std::min<DownstreamServers::Duration>(kFirstPause * (1 << doublings), longest);
}

// The next of a sequence of numbers that look like chance (splitmix64).
std::uint64_t next_chance(std::uint64_t& state) {
    std::uint64_t z = state += 0x9e3779b97f4a7c15;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
}

}  // namespace

DownstreamServers::DownstreamServers(std::vector<Preference> preferences) : servers_(preferences.size()) {
    for (std::size_t i = 0; i < servers_.size(); ++i) servers_[i].preference = preferences[i];
}

DownstreamServers::Change DownstreamServers::note_greeting(std::size_t server,
                                                           const protocol::Capabilities& can, Time now) {
    auto& known = servers_[server];
    known.can = can;
    known.learned = now;
    known.trying_until = {};
    if (now < known.not_believed_until) return Change::none;
    known.failures = 0;
    known.has_let_wait = false;
    known.left_alone_until = known.asked_again_from = known.not_believed_until = {};
    return std::exchange(known.is_failing, false) ? Change::became_available : Change::none;
}

DownstreamServers::Change DownstreamServers::fail(Server& server, Duration pause, Duration took, Time now) {
    server.asked_again_from = now + pause;
    server.trying_until = {};
    server.has_let_wait = took >= kLongWait;
    if (server.has_let_wait) server.left_alone_until = server.tried_anyway_from = now + kLeftAlone;
    return std::exchange(server.is_failing, true) ? Change::none : Change::became_unavailable;
}

DownstreamServers::Change DownstreamServers::note_failure(std::size_t server, Duration took, Time now) {
    auto& known = servers_[server];
    const Change change = fail(known, pause(known.failures++, kLongestPause), took, now);
    known.tried_anyway_from = now + kTriedAnyway;
    return change;
}

DownstreamServers::Change DownstreamServers::note_break(std::size_t server, Duration took, Time now) {
    auto& known = servers_[server];
    Duration rest = pause(known.breaks++, kLongestDisbelief);
    if (took >= kLongWait)
        rest = std::max<Duration>({rest, kLeftAlone, std::min<Duration>(took, kLongestDisbelief)});
    known.not_believed_until = now + rest;
    return fail(known, rest, took, now);
}

// RFC 2782, "Weight": a running sum over those of one priority, and a number within it. The number begins at
// 1 and not at 0, which keeps small weights as they are meant; those of weight 0 come when all others have.
std::vector<std::size_t> DownstreamServers::order(Time now, std::uint64_t chance) const {
    std::vector<std::size_t> waiting, order;
    for (std::size_t i = 0; i < servers_.size(); ++i) {
        if (now >= servers_[i].left_alone_until && may_try(i, now)) waiting.push_back(i);
    }
    if (const auto early = waiting.empty() ? first_to_end_its_rest(now) : std::nullopt)
        waiting.push_back(*early);
    const auto rank = [&](std::size_t i) {
        const auto& server = servers_[i];
        return std::tuple(server.is_failing, server.preference.priority, server.preference.weight == 0);
    };
    std::stable_sort(waiting.begin(), waiting.end(),
                     [&](std::size_t a, std::size_t b) { return rank(a) < rank(b); });
    while (!waiting.empty()) {
        const auto first = rank(waiting.front());
        const auto end =
            std::find_if(waiting.begin(), waiting.end(), [&](std::size_t i) { return rank(i) != first; });
        const auto share = [&](std::size_t i) {
            return std::max<std::size_t>(servers_[i].preference.weight, 1);
        };
        std::size_t sum = 0;
        std::for_each(waiting.begin(), end, [&](std::size_t i) { sum += share(i); });
        const std::size_t drawn = 1 + next_chance(chance) % sum;
        std::size_t running = 0;
        const auto chosen =
            std::find_if(waiting.begin(), end, [&](std::size_t i) { return (running += share(i)) >= drawn; });
        order.push_back(*chosen);
        waiting.erase(chosen);
    }
    return order;
}

// Who hung within a transaction is not among them: that would cost a client minutes, and not seconds.
std::optional<std::size_t> DownstreamServers::first_to_end_its_rest(Time now) const {
    std::optional<std::size_t> first;
    const auto rank = [&](std::size_t i) {
        return std::tuple(servers_[i].left_alone_until, servers_[i].preference.priority);
    };
    for (std::size_t i = 0; i < servers_.size(); ++i) {
        if (now < servers_[i].tried_anyway_from || !may_try(i, now)) continue;
        if (!first || rank(i) < rank(*first)) first = i;
    }
    return first;
}

void DownstreamServers::begin_trying(std::size_t server, Time now, Time last) {
    servers_[server].trying_since = now;
    servers_[server].trying_until = last;
}

bool DownstreamServers::may_try(std::size_t server, Time now) const {
    return !servers_[server].has_let_wait || now >= servers_[server].trying_until;
}

DownstreamServers::Time DownstreamServers::worth_waiting_until(Time now) const {
    Time until = Time::min();
    for (std::size_t i = 0; i < servers_.size(); ++i) {
        const Time end = servers_[i].trying_since + kWorthWaiting;
        if (!may_try(i, now) && now < end) until = std::max(until, end);
    }
    return until;
}

std::optional<protocol::Capabilities> DownstreamServers::offered() const {
    std::optional<protocol::Capabilities> there, once_there;
    const auto add = [](auto& sum, const protocol::Capabilities& can) {
        sum = sum ? protocol::what_both_can(*sum, can) : can;
    };
    for (const auto& server : servers_) {
        if (!server.can) continue;
        add(once_there, *server.can);
        if (!server.is_failing) add(there, *server.can);
    }
    return there ? there : once_there;
}

bool DownstreamServers::is_due(std::size_t server, Duration max_age, Time now) const {
    const auto& known = servers_[server];
    if (known.is_being_asked || now < known.asked_again_from || !may_try(server, now)) return false;
    return !known.can || known.is_failing || now - known.learned > max_age;
}

void DownstreamServers::begin_asking(std::size_t server) {
    servers_[server].is_being_asked = true;
}

void DownstreamServers::end_asking(std::size_t server) {
    servers_[server].is_being_asked = false;
}

bool DownstreamServers::may_know_soon() const {
    return std::any_of(servers_.begin(), servers_.end(),
                       [](const Server& server) { return server.is_being_asked && !server.is_failing; });
}

}  // namespace gatepost::gateway
