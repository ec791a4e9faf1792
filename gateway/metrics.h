// What monitoring is told, in Prometheus's text format (version 0.0.4). Without I/O.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace gatepost::gateway {

// Totals are since the start.
struct Metrics {
    std::string version;
    double started = 0;  // Unix seconds
    std::size_t sessions = 0;
    bool has_queue = false;  // false: nothing below is told
    std::size_t queued_messages = 0, queued_octets = 0, running_tries = 0;
    std::uint64_t accepted = 0, refused = 0, deferred = 0, unreachable = 0,
                  unknown = 0;  // recipients, by try
    std::uint64_t failure_notices = 0, delay_notices = 0, relay_notices = 0;
    std::uint64_t dead_letters = 0;  // recipients for whom there was nobody to tell
};

std::string exposition(const Metrics& metrics);

}  // namespace gatepost::gateway
