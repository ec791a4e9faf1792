// Files of messages that were never acknowledged, whose commit failed and which could not be removed either:
// a start would find them in queue/ and deliver what its client was told to bring again. They are removed as
// soon as the disk lets us.
#pragma once

#include <chrono>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "gateway/spool/disk.h"

namespace gatepost::gateway {

class Leftovers {
  public:
    using Time = std::chrono::steady_clock::time_point;

    // Names below the spool folder. So many are remembered; of what is beyond that there is a line in the
    // log.
    static constexpr std::size_t kMost = 10'000;
    void add(const std::vector<std::string>& names, Time now) noexcept;
    // From any thread: whether what lies there is none of the queue's.
    bool contains(const std::string& name) const;

    // When remove() is worth another look; Time::max() if there is nothing to remove.
    Time next() const;
    // Forgets those of which nothing can come back.
    void remove(Disk& disk, Time now);

  private:
    mutable std::mutex mutex_;
    std::set<std::string> names_;
    Time next_ = Time::max();
};

}  // namespace gatepost::gateway
