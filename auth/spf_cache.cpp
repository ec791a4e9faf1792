#include "auth/spf_cache.h"

namespace gatepost::auth {
namespace {

// Lengths before the parts: no two identities have the same key.
std::string key_of(const SpfIdentity& identity, bool with_local_part, bool with_helo) {
    std::string key(with_local_part ? "L" : "-");
    key += with_helo ? "H" : "-";
    const auto ip = identity.ip.bytes();
    key += static_cast<char>(ip.size());
    key.append(ip.begin(), ip.end());
    const auto add = [&](std::string_view part) {
        key += std::to_string(part.size()) + ':' + std::string(part);
    };
    add(identity.domain);
    if (with_local_part) add(identity.local_part);
    if (with_helo) add(identity.helo);
    return key;
}

}  // namespace

const SpfOutcome* SpfCache::find(const SpfIdentity& identity, std::int64_t now) {
    for (const unsigned kind : {0u, 1u, 2u, 3u}) {
        const auto it = by_key_.find(key_of(identity, kind & 1, kind & 2));
        if (it == by_key_.end()) continue;
        const auto& entry = *it->second;
        if (now >= entry.from && now < entry.until) return &entry.outcome;  // clocks may go back
    }
    return nullptr;
}

void SpfCache::keep(const SpfIdentity& identity, const SpfValidity& validity, const SpfOutcome& outcome,
                    std::int64_t now) {
    if (capacity_ == 0 || validity.ttl == 0 || outcome.result == SpfResult::temperror) return;
    auto key = key_of(identity, validity.needs_local_part, validity.needs_helo);
    if (const auto old = by_key_.find(key); old != by_key_.end()) {
        const auto entry = old->second;
        by_key_.erase(old);
        entries_.erase(entry);
    } else if (entries_.size() >= capacity_) {
        by_key_.erase(entries_.front().key);
        entries_.pop_front();
    }
    entries_.push_back({std::move(key), outcome, now, now + validity.ttl});
    by_key_.emplace(entries_.back().key, std::prev(entries_.end()));
}

}  // namespace gatepost::auth
