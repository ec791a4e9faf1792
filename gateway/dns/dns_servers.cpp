#include "gateway/dns/dns_servers.h"

#include <algorithm>
#include <fstream>
#include <sstream>

namespace gatepost::gateway {

std::vector<std::size_t> DnsServers::order(Time now) {
    std::vector<std::size_t> order;
    for (std::size_t i = 0; i < servers_.size(); ++i) {
        Server& server = servers_[i];
        if (server.rests_until > now) continue;
        if (server.silences > 0) server.rests_until = now + kTrial;
        order.push_back(i);
    }
    for (std::size_t i = 0; i < servers_.size(); ++i) {
        if (std::find(order.begin(), order.end(), i) == order.end()) order.push_back(i);
    }
    return order;
}

bool DnsServers::has_room(std::size_t server, Time now) {
    auto& fresh = servers_[server].fresh;
    while (!fresh.empty() && fresh.front() + kSettled <= now) fresh.pop_front();
    return fresh.size() < kBurst;
}

void DnsServers::sent(std::size_t server, Time now) {
    servers_[server].fresh.push_back(now);
}

void DnsServers::heard(std::size_t server, Time asked, Time now) {
    Server& it = servers_[server];
    it.last_heard = now;
    it.rests_until = {};
    it.silences = 0;
    while (!it.fresh.empty() && it.fresh.front() <= asked) it.fresh.pop_front();
}

void DnsServers::silent(std::size_t server, Time asked, Time now, std::uint32_t chance) {
    Server& it = servers_[server];
    const bool is_zones_fault = it.last_heard > asked;
    const bool is_known = it.silences > 0 && asked <= it.rests_since;  // one silence, many questions in it
    if (is_zones_fault || is_known) return;
    const auto rest = std::min(kLongestRest, kFirstRest * (1 << std::min(it.silences, 4u)));
    const auto spread = std::chrono::milliseconds(chance % 1000) * rest.count() / 4;
    it.rests_since = now;
    it.rests_until = now + rest + spread;
    ++it.silences;
}

bool trusts_ad_of(const config::Endpoint& server, const config::Dns& settings) {
    return settings.trust_ad || server.address.is_loopback();
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
