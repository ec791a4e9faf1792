// What a session has found out about a message, as the spool keeps it.
#pragma once

#include <string>
#include <vector>

#include "gateway/spool/intake.h"
#include "policy/judgement.h"
#include "protocol/header.h"

namespace gatepost::gateway {

Intake::Findings findings_of(const policy::Judgement& judgement, const protocol::Header& header,
                             const protocol::Path& reverse_path);

// "pass:example.net,fail:example.org", or "none".
std::string dkim_summary(const std::vector<auth::DkimOutcome>& outcomes);

}  // namespace gatepost::gateway
