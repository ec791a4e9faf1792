// How long replies wait for clients that make errors or look for addresses. Delays only; who applies them
// bounds how many sessions wait at once.
#pragma once

#include <chrono>
#include <cstddef>

#include "config/settings.h"

namespace gatepost::policy {

// What a session has done wrong since it began or last delivered a message.
struct Misdeeds {
    std::size_t errors = 0;   // replies to them may be delayed (RFC 2920 section 3.2 and specs/smtp.md M-12)
    std::size_t refused = 0;  // recipients
};

// The time that the replies to all that was done wrong between the two wait together. Not more than a minute:
// honest clients wait five for a reply (RFC 5321 section 4.5.3.2).
std::chrono::milliseconds delay_of(const config::Defence& defence, const Misdeeds& before,
                                   const Misdeeds& now);

}  // namespace gatepost::policy
