#include "gateway/relay/downstream_servers.h"

#include <algorithm>

namespace gatepost::gateway {
namespace {

using namespace std::chrono_literals;

constexpr auto kLongWait = 2s;  // a client that waits so long for a dead server should be the only one
constexpr auto kLeftAlone = 15s;
constexpr auto kFirstPause = 2s;  // between two times of asking in vain, then twice as long each time
constexpr auto kLongestPause = 60s;

}  // namespace

void DownstreamServers::note_greeting(std::size_t server, const protocol::Capabilities& can, Time now) {
    auto& known = servers_[server];
    known.can = can;
    known.learned = now;
    known.failures = 0;
    known.left_alone_until = known.asked_again_from = {};
    first_ = server;
}

void DownstreamServers::note_failure(std::size_t server, Duration took, Time now) {
    auto& known = servers_[server];
    const auto doublings = std::min(known.failures++, 5u);
    known.asked_again_from = now + std::min<Duration>(kFirstPause * (1 << doublings), kLongestPause);
    if (took >= kLongWait) known.left_alone_until = now + kLeftAlone;
}

std::vector<std::size_t> DownstreamServers::order(Time now) const {
    std::vector<std::size_t> healthy, failing;
    for (std::size_t i = 0; i < servers_.size(); ++i) {
        const std::size_t index = (first_ + i) % servers_.size();
        const auto& server = servers_[index];
        if (now < server.left_alone_until) continue;
        (server.failures == 0 ? healthy : failing).push_back(index);
    }
    healthy.insert(healthy.end(), failing.begin(), failing.end());
    return healthy;
}

std::optional<protocol::Capabilities> DownstreamServers::offered() const {
    std::optional<protocol::Capabilities> there, once_there;
    const auto add = [](auto& sum, const protocol::Capabilities& can) {
        sum = sum ? protocol::what_both_can(*sum, can) : can;
    };
    for (const auto& server : servers_) {
        if (!server.can) continue;
        add(once_there, *server.can);
        if (server.failures == 0) add(there, *server.can);
    }
    return there ? there : once_there;
}

bool DownstreamServers::is_due(std::size_t server, Duration max_age, Time now) const {
    const auto& known = servers_[server];
    if (known.is_being_asked || now < known.asked_again_from) return false;
    return !known.can || known.failures > 0 || now - known.learned > max_age;
}

void DownstreamServers::begin_asking(std::size_t server) {
    servers_[server].is_being_asked = true;
}

void DownstreamServers::end_asking(std::size_t server) {
    servers_[server].is_being_asked = false;
}

bool DownstreamServers::may_know_soon() const {
    return std::any_of(servers_.begin(), servers_.end(),
                       [](const Server& server) { return server.is_being_asked && server.failures == 0; });
}

}  // namespace gatepost::gateway
