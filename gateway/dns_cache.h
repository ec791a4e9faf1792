// Answers that are still good: true to their TTL, bounded in octets, the longest unused one goes first.
#pragma once

#include <chrono>
#include <cstddef>
#include <list>
#include <map>

#include "auth/dns_facts.h"

namespace gatepost::gateway {

class DnsCache {
  public:
    using Time = std::chrono::steady_clock::time_point;

    explicit DnsCache(std::size_t octets) : room_(octets) {}

    // Null if it is not there or no longer good.
    auth::DnsAnswerPtr find(const auth::DnsQuestion& question, Time now);
    void keep(const auth::DnsQuestion& question, auth::DnsAnswerPtr answer, Time now);
    std::size_t octets() const { return octets_; }
    std::size_t entries() const { return entries_.size(); }

  private:
    struct Entry;
    using Entries = std::map<auth::DnsQuestion, Entry>;
    struct Entry {
        auth::DnsAnswerPtr answer;
        Time good_until;
        std::size_t octets;
        std::list<const auth::DnsQuestion*>::iterator age;
    };
    void drop(Entries::iterator it);

    std::size_t room_;
    std::size_t octets_ = 0;
    Entries entries_;
    std::list<const auth::DnsQuestion*> by_use_;  // the longest unused first
};

}  // namespace gatepost::gateway
