#include "gateway/relay/downstream_servers.h"

#include <algorithm>
#include <tuple>
#include <utility>

namespace gatepost::gateway {
namespace {

using namespace std::chrono_literals;

constexpr auto kLongWait = 2s;  // a client that waits so long for a dead server should be the only one
constexpr auto kLeftAlone = 15s;
constexpr auto kFirstPause = 2s;  // between two times of asking in vain, then twice as long each time
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
    if (now < known.not_believed_until) return Change::none;
    known.failures = 0;
    known.left_alone_until = known.asked_again_from = known.not_believed_until = {};
    return std::exchange(known.is_failing, false) ? Change::became_available : Change::none;
}

DownstreamServers::Change DownstreamServers::fail(Server& server, Duration pause, Duration took, Time now) {
    server.asked_again_from = now + pause;
    if (took >= kLongWait) server.left_alone_until = now + kLeftAlone;
    return std::exchange(server.is_failing, true) ? Change::none : Change::became_unavailable;
}

DownstreamServers::Change DownstreamServers::note_failure(std::size_t server, Duration took, Time now) {
    auto& known = servers_[server];
    return fail(known, pause(known.failures++, kLongestPause), took, now);
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
        if (now >= servers_[i].left_alone_until) waiting.push_back(i);
    }
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
    if (known.is_being_asked || now < known.asked_again_from) return false;
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
