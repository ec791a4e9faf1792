// What the downstream said of recipients, for when it is away and to spare it questions. Without I/O and
// without a clock of its own; bounded in number and octets. What is refused cannot push out what was
// accepted: strangers can name as many unknown users as they like.
#pragma once

#include <chrono>
#include <cstddef>
#include <list>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "config/settings.h"
#include "protocol/address.h"
#include "protocol/reply.h"

namespace gatepost::gateway {

class RecipientCache {
  public:
    using Time = std::chrono::steady_clock::time_point;
    using Duration = std::chrono::steady_clock::duration;

    explicit RecipientCache(const config::Recipients& settings);

    // The downstream's answer to RCPT.
    void learn(const protocol::Path& recipient, const protocol::Reply& theirs, Time now);
    // True: it was accepted, no longer ago than `max_age`. False: it was refused, and that is believed still.
    std::optional<bool> lookup(const protocol::Path& recipient, Duration max_age, Time now);

    std::size_t size() const { return accepted_.size() + refused_.size(); }
    std::size_t octets() const { return accepted_.octets() + refused_.octets(); }

  private:
    // Addresses and when they were learned; who was not asked for longest goes first.
    class Addresses {
      public:
        Addresses(std::size_t entries, std::size_t octets) : max_entries_(entries), max_octets_(octets) {}
        void add(const std::string& address, Time now);
        void remove(std::string_view address);
        std::optional<Time> find(std::string_view address);
        std::size_t size() const { return entries_.size(); }
        std::size_t octets() const { return octets_; }

      private:
        struct Entry {
            std::string address;
            Time learned;
        };
        std::size_t max_entries_, max_octets_, octets_ = 0;
        std::list<Entry> entries_;  // the last asked for at the front
        std::unordered_map<std::string_view, std::list<Entry>::iterator> index_;
    };

    const Duration negative_;
    Addresses accepted_, refused_;
};

// Whether the reply says that there is no such user, whoever the sender is: 550, 551, 553 with a code of the
// recipient's address (RFC 3463 section 3.2). Without one it may speak of the sender, and a stranger who is
// refused himself would shut the mailbox for others.
bool speaks_of_the_user(const protocol::Reply& theirs);

}  // namespace gatepost::gateway
