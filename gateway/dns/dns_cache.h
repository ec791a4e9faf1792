// Answers that are still good: true to their TTL and bounded in octets. What was asked for again some time
// after it came is settled and keeps three quarters of the room; what is new shares the rest until then. So
// names that are asked once, which any sender can make up without end, push out each other and not what all
// mail needs; to harm the settled ones each name must be sent twice, half a minute apart, and faster than the
// others push it out.
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
    std::size_t octets() const { return fresh_.octets + settled_.octets; }
    std::size_t settled_octets() const { return settled_.octets; }
    std::size_t entries() const { return entries_.size(); }

  private:
    struct Entry;
    using Entries = std::map<auth::DnsQuestion, Entry>;
    // The longest unused first.
    struct Shelf {
        std::list<const auth::DnsQuestion*> by_use;
        std::size_t octets = 0;
    };
    struct Entry {
        auth::DnsAnswerPtr answer;
        Time kept, good_until;
        std::size_t octets;
        bool is_settled = false;
        std::list<const auth::DnsQuestion*>::iterator age;
    };
    Shelf& shelf_of(const Entry& entry) { return entry.is_settled ? settled_ : fresh_; }
    void move(Entry& entry, bool to_settled);
    void make_room(std::size_t octets);
    void drop(Entries::iterator it);

    std::size_t room_;
    Entries entries_;
    Shelf fresh_, settled_;
};

}  // namespace gatepost::gateway
