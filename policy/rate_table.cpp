#include "policy/rate_table.h"

#include <algorithm>

namespace gatepost::policy {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t kEntriesOfRow = 8;

// FNV-1a over a secret beginning, stirred at the end (murmur3's finaliser).
std::uint64_t hash(std::uint64_t seed, std::span<const std::uint8_t> bytes) {
    std::uint64_t value = seed ^ 0xcbf29ce484222325u;
    for (const auto byte : bytes) value = (value ^ byte) * 0x100000001b3u;
    value = (value ^ (value >> 33)) * 0xff51afd7ed558ccdu;
    value = (value ^ (value >> 33)) * 0xc4ceb9fe1a85ec53u;
    return value ^ (value >> 33);
}

}  // namespace

RateTable::RateTable(std::uint64_t seed, std::size_t entries)
    : seed_(seed), rows_(std::max<std::size_t>(entries / kEntriesOfRow, 1)) {}

// The client's entry, or the one of its row that was used longest ago.
RateTable::Entry& RateTable::entry_of(const protocol::IpAddress& client) {
    if (entries_.empty()) entries_.resize(rows_ * kEntriesOfRow);
    const auto begin =
        entries_.begin() + static_cast<std::ptrdiff_t>(hash(seed_, client.bytes()) % rows_ * kEntriesOfRow);
    const auto end = begin + kEntriesOfRow;
    const auto known = std::find_if(
        begin, end, [&](const Entry& entry) { return entry.full != Time() && entry.client == client; });
    if (known != end) return *known;
    Entry& oldest =
        *std::min_element(begin, end, [](const Entry& a, const Entry& b) { return a.full < b.full; });
    oldest = {client, Time()};
    return oldest;
}

// Each one costs a part of the minute; whoever owes more than a whole minute waits (GCRA).
bool RateTable::take(const protocol::IpAddress& client, std::size_t per_minute, Time now) {
    Entry& entry = entry_of(client);
    const Time::duration cost = Time::duration(1min) / static_cast<Time::rep>(per_minute);
    const Time next = std::max(entry.full, now) + cost;
    if (next - now > 1min) return false;
    entry.full = next;
    return true;
}

}  // namespace gatepost::policy
