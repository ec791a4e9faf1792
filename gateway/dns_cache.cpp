#include "gateway/dns_cache.h"

#include <algorithm>

namespace gatepost::gateway {
namespace {

using std::chrono::seconds;

constexpr std::size_t kEntryOverhead = 256;
// "Could not find out" is remembered just long enough that one message does not ask twice and a storm does
// not feed itself; when the DNS is back, the next message is fine within seconds.
constexpr seconds kFailureLife{3};
constexpr seconds kLongest{86400};

std::size_t octets_of(const auth::DnsQuestion& question, const auth::DnsAnswer& answer) {
    std::size_t octets =
        kEntryOverhead + question.name.size() + answer.why.size() + 20 * answer.addresses.size();
    for (const auto& text : answer.texts) octets += 32 + text.size();
    for (const auto& mx : answer.exchanges) octets += 40 + mx.host.size();
    for (const auto& name : answer.names) octets += 32 + name.size();
    return octets;
}

seconds life_of(const auth::DnsAnswer& answer) {
    if (answer.status == auth::DnsStatus::failed) return kFailureLife;
    return std::clamp(seconds(answer.ttl), seconds(1), kLongest);
}

}  // namespace

auth::DnsAnswerPtr DnsCache::find(const auth::DnsQuestion& question, Time now) {
    const auto it = entries_.find(question);
    if (it == entries_.end()) return nullptr;
    if (it->second.good_until <= now) {
        drop(it);
        return nullptr;
    }
    by_use_.splice(by_use_.end(), by_use_, it->second.age);
    return it->second.answer;
}

void DnsCache::keep(const auth::DnsQuestion& question, auth::DnsAnswerPtr answer, Time now) {
    if (const auto it = entries_.find(question); it != entries_.end()) drop(it);
    const std::size_t octets = octets_of(question, *answer);
    if (octets > room_) return;
    while (octets_ + octets > room_) drop(entries_.find(*by_use_.front()));
    const Time good_until = now + life_of(*answer);
    by_use_.push_back(nullptr);
    const auto age = std::prev(by_use_.end());
    try {
        const auto it = entries_.emplace(question, Entry{std::move(answer), good_until, octets, age}).first;
        *age = &it->first;
    } catch (...) {  // short of memory: the list must not know what the map does not
        by_use_.pop_back();
        throw;
    }
    octets_ += octets;
}

void DnsCache::drop(Entries::iterator it) {
    octets_ -= it->second.octets;
    by_use_.erase(it->second.age);
    entries_.erase(it);
}

}  // namespace gatepost::gateway
