// What a client hears because of who it is and what else it does: when it connects, at MAIL and at RCPT. Over
// all workers; touched once a session, message and recipient. What is to be said to known clients
// (greylisting, bans) belongs here too.
#pragma once

#include <atomic>
#include <cstddef>
#include <map>
#include <mutex>
#include <optional>

#include "config/settings.h"
#include "policy/pressure.h"
#include "policy/rate_table.h"
#include "protocol/ip_address.h"
#include "protocol/reply.h"

namespace gatepost::gateway {

class Admission {
  public:
    using Time = policy::RateTable::Time;

    Admission();

    // Nothing if it is welcome: then the session is counted, until leave(). Who is refused is told so and
    // gone at once, and takes no place.
    std::optional<protocol::Reply> enter(const protocol::IpAddress& client, const config::Limits& limits,
                                         Time now);
    // Of a session that was welcome.
    void leave(const protocol::IpAddress& client);
    // Before a message and before a recipient of it; nothing if they may come.
    std::optional<protocol::Reply> mail(const protocol::IpAddress& client, const config::Limits& limits,
                                        Time now);
    std::optional<protocol::Reply> recipient(const protocol::IpAddress& client, const config::Limits& limits,
                                             Time now);

    std::size_t sessions() const { return total_.load(std::memory_order_relaxed); }
    // Whether sessions have begun to run short, or are plenty again, since somebody asked last.
    std::optional<bool> changed_pressure(const config::Limits& limits);

    // A reply is delayed from true to end_delay(); false if `most` are already, or if sessions run short: a
    // delayed one holds a place that an honest client may need.
    bool begin_delay(std::size_t most);
    void end_delay();

  private:
    using Counts = std::map<protocol::IpAddress, std::size_t>;

    mutable std::mutex mutex_;
    std::atomic<std::size_t> total_{0};
    Counts by_client_, by_network_;  // never more than there are sessions
    policy::RateTable session_rates_, message_rates_, recipient_rates_;
    policy::Pressure pressure_;
    std::size_t delayed_ = 0;
};

}  // namespace gatepost::gateway
