// SPF results that need not be found again. One for each worker; bounded; what rests on DNS records lives no
// longer than they do.
#pragma once

#include <cstddef>
#include <cstdint>
#include <list>
#include <string>
#include <string_view>
#include <unordered_map>

#include "auth/verification.h"
#include "protocol/ip_address.h"

namespace gatepost::auth {

// What a result may depend on.
struct SpfIdentity {
    protocol::IpAddress ip;
    std::string_view domain;
    std::string_view local_part;
    std::string_view helo;
};

// Which of it the result depended on, and for how long it holds. The address and the domain always matter.
struct SpfValidity {
    std::uint32_t ttl = 0;  // seconds
    bool needs_local_part = false;
    bool needs_helo = false;
};

class SpfCache {
  public:
    explicit SpfCache(std::size_t capacity = 10'000) : capacity_(capacity) {}

    // Null if nothing is known at `now` (Unix seconds). Good until the next call.
    const SpfOutcome* find(const SpfIdentity& identity, std::int64_t now);
    // The oldest entry gives way when there are too many. A temperror is not kept.
    void keep(const SpfIdentity& identity, const SpfValidity& validity, const SpfOutcome& outcome,
              std::int64_t now);

    std::size_t size() const { return entries_.size(); }

  private:
    struct Entry {
        std::string key;
        SpfOutcome outcome;
        std::int64_t from = 0, until = 0;
    };

    std::size_t capacity_;
    std::list<Entry> entries_;  // oldest first
    std::unordered_map<std::string_view, std::list<Entry>::iterator> by_key_;
};

}  // namespace gatepost::auth
