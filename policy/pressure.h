// When sessions run short, clients may be idle for less time (specs/smtp.md M-8).
#pragma once

#include <cstddef>

#include "config/settings.h"

namespace gatepost::policy {

// How long a client may go without a command while `sessions` are open: `command_timeout` up to four fifths
// of limits.sessions, from there in a straight line down to `stressed_command_timeout` when all are taken.
config::seconds idle_time(const config::Limits& limits, std::size_t sessions);

// Whether sessions run short, for the log and for what is left out then. It begins above four fifths of
// limits.sessions and ends below seven tenths, so that it does not flap.
class Pressure {
  public:
    // True if that changed it.
    bool update(const config::Limits& limits, std::size_t sessions);
    bool is_on() const { return is_on_; }

  private:
    bool is_on_ = false;
};

}  // namespace gatepost::policy
