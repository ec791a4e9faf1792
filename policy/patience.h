// Until when one client may keep us waiting, as arithmetic on points in time: for a command, for the content
// and how fast it has to come, for a transaction, for the session. No single octet buys more time.
#pragma once

#include <chrono>
#include <cstddef>

#include "config/settings.h"

namespace gatepost::policy {

class Patience {
  public:
    using Time = std::chrono::steady_clock::time_point;

    // `limits` must outlive it.
    Patience(const config::Limits& limits, Time now);

    void begin_transaction(Time now);
    void begin_content(Time now);
    void end_content();
    void end_transaction();
    // The client was answered: its next command is waited for from now on.
    void wait_for_command(Time now) { waiting_since_ = now; }
    // Octets of content.
    void came(std::size_t octets) { in_window_ += octets; }

    // When to look again. `idle_time`: for a command.
    Time deadline(config::seconds idle_time) const;
    // Whether the client's time is up. A window of content in which enough came makes room for the next one.
    bool is_over(Time now, config::seconds idle_time);

  private:
    bool is_content() const { return content_end_ != Time::max(); }
    Time window_end() const;

    const config::Limits* limits_;
    Time session_end_;
    Time waiting_since_;
    Time transaction_end_ = Time::max();
    Time content_end_ = Time::max();
    Time window_begin_ = Time::max();
    std::size_t in_window_ = 0;  // octets
};

}  // namespace gatepost::policy
