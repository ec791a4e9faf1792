#include "gateway/dns/dns_cache.h"

#include <algorithm>

namespace gatepost::gateway {
namespace {

using std::chrono::seconds;

// What an entry costs besides its text, with the nodes of the map and the list (measured: 430 octets).
constexpr std::size_t kEntryOverhead = 448;
// "Could not find out" is remembered just long enough that one message does not ask twice and a storm does
// not feed itself; when the DNS is back, the next message is fine within seconds.
constexpr seconds kFailureLife{3};
constexpr seconds kLongest{86400};
// Longer than one message's look-ups take, so that its own second look does not settle a name.
constexpr seconds kSecondLook{30};

std::size_t octets_of(const auth::DnsQuestion& question, const auth::DnsAnswer& answer) {
    std::size_t octets = kEntryOverhead + question.name.size() + answer.why.size() + answer.canonical.size() +
                         20 * answer.addresses.size();
    for (const auto& text : answer.texts) octets += 32 + text.size();
    for (const auto& mx : answer.exchanges) octets += 40 + mx.host.size();
    for (const auto& name : answer.names) octets += 32 + name.size();
    for (const auto& tlsa : answer.tlsas) octets += 40 + tlsa.data.size();
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
    Entry& entry = it->second;
    const bool is_asked_again = now >= entry.kept + kSecondLook;
    move(entry, entry.is_settled || is_asked_again);
    return entry.answer;
}

void DnsCache::keep(const auth::DnsQuestion& question, auth::DnsAnswerPtr answer, Time now) {
    if (const auto it = entries_.find(question); it != entries_.end()) drop(it);
    const std::size_t octets = octets_of(question, *answer);
    if (octets > room_) return;
    make_room(octets);
    const Time good_until = now + life_of(*answer);
    fresh_.by_use.push_back(nullptr);
    const auto age = std::prev(fresh_.by_use.end());
    try {
        const auto it =
            entries_.emplace(question, Entry{std::move(answer), now, good_until, octets, false, age}).first;
        *age = &it->first;
    } catch (...) {  // short of memory: the list must not know what the map does not
        fresh_.by_use.pop_back();
        throw;
    }
    fresh_.octets += octets;
}

// To the young end of a shelf. When the settled ones get more than their share, the longest unused of them
// becomes the youngest of the new ones: it has one more chance.
void DnsCache::move(Entry& entry, bool to_settled) {
    Shelf& from = shelf_of(entry);
    entry.is_settled = to_settled;
    Shelf& to = shelf_of(entry);
    to.by_use.splice(to.by_use.end(), from.by_use, entry.age);
    from.octets -= entry.octets;
    to.octets += entry.octets;
    while (settled_.octets > room_ / 4 * 3) move(entries_.find(*settled_.by_use.front())->second, false);
}

void DnsCache::make_room(std::size_t octets) {
    while (fresh_.octets + settled_.octets + octets > room_) {
        const Shelf& shelf = fresh_.by_use.empty() ? settled_ : fresh_;
        drop(entries_.find(*shelf.by_use.front()));
    }
}

void DnsCache::drop(Entries::iterator it) {
    Shelf& shelf = shelf_of(it->second);
    shelf.octets -= it->second.octets;
    shelf.by_use.erase(it->second.age);
    entries_.erase(it);
}

}  // namespace gatepost::gateway
