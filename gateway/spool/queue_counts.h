// What the queue has done since the start, for monitoring. Written by its thread, read by any.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

namespace gatepost::gateway {

struct QueueCounts {
    using Count = std::atomic<std::uint64_t>;
    std::array<Count, 5> tried{};       // recipients, by Fate of each try
    std::array<Count, 3> notices{};     // put into the spool, by Queue::Notify::What
    Count dead_letters{0};              // recipients for whom there was nobody to tell
    std::atomic<std::size_t> tries{0};  // that run now
};

}  // namespace gatepost::gateway
