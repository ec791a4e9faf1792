#include "gateway/admission.h"

#include <algorithm>
#include <array>

namespace gatepost::gateway {
namespace {

// Whoever has one IPv6 address has the 2^64 of its network.
protocol::IpAddress counted_as(const protocol::IpAddress& client) {
    if (client.is_v4()) return client;
    std::array<std::uint8_t, 16> bytes{};
    const auto network = client.bytes().first(8);
    std::copy(network.begin(), network.end(), bytes.begin());
    return protocol::IpAddress::from_bytes(bytes).value_or(client);
}

}  // namespace

Admission::Verdict Admission::enter(const protocol::IpAddress& client, const config::Limits& limits) {
    const std::lock_guard lock(mutex_);
    if (total_ >= limits.sessions) return Verdict::too_many;
    const auto key = counted_as(client);
    const auto it = by_client_.find(key);
    if (it != by_client_.end() && it->second >= limits.sessions_per_client)
        return Verdict::too_many_of_client;
    ++by_client_[key];
    ++total_;
    return Verdict::welcome;
}

void Admission::leave(const protocol::IpAddress& client) {
    const std::lock_guard lock(mutex_);
    --total_;
    const auto it = by_client_.find(counted_as(client));
    if (it != by_client_.end() && --it->second == 0) by_client_.erase(it);
}

std::size_t Admission::sessions() const {
    const std::lock_guard lock(mutex_);
    return total_;
}

}  // namespace gatepost::gateway
