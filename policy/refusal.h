// What a client is told. Every name in a reply is a valid domain, an enhanced code or the administrator's
// text.
#pragma once

#include <string_view>

#include "auth/verification.h"
#include "config/settings.h"
#include "policy/decision.h"

namespace gatepost::policy {

// What stands for an accepted message if nobody downstream says anything else.
SmtpReply acceptance();

// p=reject, applied: whose policy, what was found, what the sender can do, and where to ask (RFC 9989
// section 5.4).
SmtpReply dmarc_refusal(const auth::Verification& verification, const config::Settings& settings,
                        std::string_view reference);

// A From field that does not name one author.
SmtpReply author_refusal(const auth::DmarcOutcome& dmarc, std::string_view reference);

// A DNS error that could have changed the answer.
SmtpReply dns_deferral(const auth::DmarcOutcome& dmarc, std::string_view reference);

}  // namespace gatepost::policy
