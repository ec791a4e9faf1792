#include "gateway/relay/recipient_cache.h"

#include <algorithm>
#include <iterator>

namespace gatepost::gateway {
namespace {

constexpr std::size_t kOctetsOfEntry = 128;  // of an address of usual length, with what it takes to find it
constexpr std::size_t kOverhead = 96;        // of list and index

// X.1.7 to X.1.9 speak of the sender, and X.1.0 does with Postfix; the other codes of the address do not.
constexpr std::string_view kOfTheUser[] = {"5.1.1", "5.1.2", "5.1.3", "5.1.4", "5.1.6", "5.1.10"};

}  // namespace

bool speaks_of_the_user(const protocol::Reply& theirs) {
    if (theirs.code != 550 && theirs.code != 551 && theirs.code != 553) return false;
    return std::find(std::begin(kOfTheUser), std::end(kOfTheUser), theirs.enhanced) != std::end(kOfTheUser);
}

RecipientCache::RecipientCache(const config::Recipients& settings)
    : negative_(settings.negative),
      accepted_(settings.remembered, settings.remembered * kOctetsOfEntry),
      refused_(settings.remembered / 4, settings.remembered / 4 * kOctetsOfEntry) {}

void RecipientCache::learn(const protocol::Path& recipient, const protocol::Reply& theirs, Time now) {
    const std::string address = recipient.text();
    if (theirs.is_positive()) {
        refused_.remove(address);
        accepted_.add(address, now);
    } else if (speaks_of_the_user(theirs)) {
        accepted_.remove(address);
        refused_.add(address, now);
    }
}

std::optional<bool> RecipientCache::lookup(const protocol::Path& recipient, Duration max_age, Time now) {
    const std::string address = recipient.text();
    if (const auto learned = refused_.find(address); learned && now - *learned < negative_) return false;
    if (const auto learned = accepted_.find(address); learned && now - *learned < max_age) return true;
    return {};
}

void RecipientCache::Addresses::add(const std::string& address, Time now) {
    remove(address);
    entries_.push_front({address, now});
    index_.emplace(entries_.front().address, entries_.begin());
    octets_ += address.size() + kOverhead;
    while (entries_.size() > max_entries_ || octets_ > max_octets_) remove(entries_.back().address);
}

void RecipientCache::Addresses::remove(std::string_view address) {
    const auto found = index_.find(address);
    if (found == index_.end()) return;
    const auto entry = found->second;
    octets_ -= entry->address.size() + kOverhead;
    index_.erase(found);
    entries_.erase(entry);
}

std::optional<RecipientCache::Time> RecipientCache::Addresses::find(std::string_view address) {
    const auto found = index_.find(address);
    if (found == index_.end()) return {};
    entries_.splice(entries_.begin(), entries_, found->second);
    return found->second->learned;
}

}  // namespace gatepost::gateway
