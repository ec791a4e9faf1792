#include "gateway/server/admission.h"

#include <openssl/rand.h>

#include <algorithm>
#include <limits>

namespace gatepost::gateway {
namespace {

namespace reply = protocol::reply;
using protocol::IpAddress;
using protocol::Reply;

// Whoever has one IPv6 address has the 2^64 of its network.
IpAddress counted_as(const IpAddress& client) {
    return client.network(client.is_v4() ? 32 : 64);
}

// What one provider or customer is given as a whole.
IpAddress network_of(const IpAddress& client) {
    return client.network(client.is_v4() ? 24 : 56);
}

std::size_t most_of_network(const IpAddress& client, const config::Limits& limits) {
    if (limits.sessions_per_network > 0) return limits.sessions_per_network;
    if (client.is_loopback()) return std::numeric_limits<std::size_t>::max();
    return std::max(limits.sessions_per_client, limits.sessions / 2);
}

std::size_t count_of(const std::map<IpAddress, std::size_t>& counts, const IpAddress& key) {
    const auto it = counts.find(key);
    return it == counts.end() ? 0 : it->second;
}

void take_one(std::map<IpAddress, std::size_t>& counts, const IpAddress& key) {
    const auto it = counts.find(key);
    if (it != counts.end() && --it->second == 0) counts.erase(it);
}

std::uint64_t chance() {
    std::uint64_t value = 0;
    RAND_bytes(reinterpret_cast<unsigned char*>(&value), sizeof value);
    return value;
}

}  // namespace

Admission::Admission() : session_rates_(chance()), message_rates_(chance()), recipient_rates_(chance()) {}

std::optional<Reply> Admission::enter(const IpAddress& client, const config::Limits& limits, Time now) {
    const std::lock_guard lock(mutex_);
    const IpAddress key = counted_as(client), network = network_of(client);
    if (total_ >= limits.sessions) return reply::kTooManySessions;
    if (count_of(by_client_, key) >= limits.sessions_per_client) return reply::kTooManySessionsOfClient;
    if (count_of(by_network_, network) >= most_of_network(client, limits))
        return reply::kTooManySessionsOfNetwork;
    if (limits.sessions_per_minute > 0 && !session_rates_.take(key, limits.sessions_per_minute, now))
        return reply::kSessionsTooFast;
    auto& of_client = by_client_[key];
    auto& of_network = by_network_[network];  // both, before one is counted that nobody would take away
    ++of_client;
    ++of_network;
    ++total_;
    return {};
}

void Admission::leave(const IpAddress& client) {
    const std::lock_guard lock(mutex_);
    --total_;
    take_one(by_client_, counted_as(client));
    take_one(by_network_, network_of(client));
}

std::optional<Reply> Admission::mail(const IpAddress& client, const config::Limits& limits, Time now) {
    if (limits.messages_per_minute == 0) return {};
    const std::lock_guard lock(mutex_);
    if (message_rates_.take(counted_as(client), limits.messages_per_minute, now)) return {};
    return reply::kMessagesTooFast;
}

std::optional<Reply> Admission::recipient(const IpAddress& client, const config::Limits& limits, Time now) {
    if (limits.recipients_per_minute == 0) return {};
    const std::lock_guard lock(mutex_);
    if (recipient_rates_.take(counted_as(client), limits.recipients_per_minute, now)) return {};
    return reply::kRecipientsTooFast;
}

std::optional<bool> Admission::changed_pressure(const config::Limits& limits) {
    const std::lock_guard lock(mutex_);
    if (!pressure_.update(limits, total_)) return {};
    return pressure_.is_on();
}

bool Admission::begin_delay(std::size_t most) {
    const std::lock_guard lock(mutex_);
    if (delayed_ >= most || pressure_.is_on()) return false;
    ++delayed_;
    return true;
}

void Admission::end_delay() {
    const std::lock_guard lock(mutex_);
    --delayed_;
}

}  // namespace gatepost::gateway
