// How often each client did a thing lately, in a table of fixed size: a flood of addresses pushes out what is
// oldest and cannot swell it. A client that was pushed out begins anew, which errs on its side.
#pragma once

#include <chrono>
#include <cstdint>
#include <vector>

#include "protocol/ip_address.h"

namespace gatepost::policy {

class RateTable {
  public:
    using Time = std::chrono::steady_clock::time_point;

    // `seed` keeps strangers from aiming at a place. `entries`: room for so many clients, 32 octets each;
    // taken with the first one.
    explicit RateTable(std::uint64_t seed, std::size_t entries = 16 * 1024);

    // Whether this client may do it once more, having done it `per_minute` times in a minute at most: all at
    // once or evenly. It counts only if it may. `per_minute` is at least 1.
    bool take(const protocol::IpAddress& client, std::size_t per_minute, Time now);

  private:
    struct Entry {
        protocol::IpAddress client;
        Time full;  // when it has its whole allowance again; the epoch: free
    };
    Entry& entry_of(const protocol::IpAddress& client);

    std::uint64_t seed_;
    std::size_t rows_;
    std::vector<Entry> entries_;
};

}  // namespace gatepost::policy
