// From a verification and what else is known to what the gateway does with the message (RFC 9989
// sections 5.4, 7.4).
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "auth/verification.h"
#include "config/settings.h"
#include "policy/evidence.h"

namespace gatepost::policy {

enum class Action { accept, quarantine, reject, defer };

// Why the disposition differs from the policy, in the words of RFC 9990.
enum class Override { none, local_policy, mailing_list, trusted_forwarder, policy_test_mode, other };

struct SmtpReply {
    int code = 250;
    std::string enhanced;  // "5.7.26"
    std::vector<std::string>
        lines;                 // text of each line, without code; printable ASCII, at most 480 octets each
    std::string text() const;  // the lines joined by a space
};

struct Decision {
    Action action = Action::accept;
    auth::Disposition disposition = auth::Disposition::none;  // for the report
    Override overridden = Override::none;
    std::string why;  // one phrase for log, header and record
    SmtpReply reply;  // for reject and defer; for accept and quarantine what stands if nothing else is said
    // `enforce: observe` only: what would have been done under `corroborated`; equal to `action` otherwise.
    Action unobserved = Action::accept;
};

// `reference` is the id under which the decision can be found again in the log.
Decision decide(const auth::Verification& verification, const Evidence& evidence,
                const config::Settings& settings, std::string_view reference);

std::string_view name(Action action);
std::string_view name(Override override_);

}  // namespace gatepost::policy
