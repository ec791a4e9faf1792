// Everything that follows from a verification, in one place for the session and the command line: evidence,
// decision, and what is added to and taken from the header.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "auth/verification.h"
#include "config/settings.h"
#include "policy/decision.h"
#include "policy/evidence.h"
#include "protocol/header.h"

namespace gatepost::policy {

struct Judgement {
    auth::Verification verification;
    Evidence evidence;
    Decision decision;
    std::string authentication_results;  // the whole field
    std::string quarantine_field;        // the whole field; empty unless the action is quarantine
    std::vector<std::size_t> removed;    // header fields that must not reach our readers

    // Whether it goes to the downstream, marked or not.
    bool is_relayed() const {
        return decision.action == Action::accept || decision.action == Action::quarantine;
    }
};

// `settings` must outlive the judgement. `reference`: how the decision is found again in the log.
Judgement judge(auth::Verification verification, const Circumstances& circumstances,
                const protocol::Header& header, const config::Settings& settings, std::string_view reference);

}  // namespace gatepost::policy
