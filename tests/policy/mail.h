// A message from example.com that fails DMARC, to begin a policy test with.
#pragma once

#include "auth/verification.h"
#include "config/settings.h"
#include "policy/evidence.h"

namespace gatepost::policy {

inline protocol::Domain domain(std::string_view text) {
    return *protocol::Domain::parse(text);
}

inline auth::DkimOutcome signature(std::string_view signing_domain, auth::DkimResult result) {
    auth::DkimOutcome outcome;
    outcome.result = result;
    outcome.signing_domain = domain(signing_domain);
    outcome.is_genuine = result == auth::DkimResult::pass || result == auth::DkimResult::fail;
    return outcome;
}

// What a stranger wrote who has no key of that domain.
inline auth::DkimOutcome forged_signature(std::string_view signing_domain, auth::DkimResult result) {
    auto outcome = signature(signing_domain, result);
    outcome.is_genuine = false;
    return outcome;
}

inline auth::Verification failing_mail(auth::Policy policy = auth::Policy::reject) {
    auth::Verification v;
    v.dmarc.result = auth::DmarcResult::fail;
    v.dmarc.author_domain = v.dmarc.organizational_domain = v.dmarc.policy_domain = domain("example.com");
    v.dmarc.record = auth::DmarcRecord{.p = policy};
    v.dmarc.policy = v.dmarc.effective = policy;
    return v;
}

inline config::Settings our_settings() {
    config::Settings settings;
    settings.domains = {domain("our.example")};
    return settings;
}

inline Circumstances circumstances() {
    using namespace std::chrono;
    Circumstances c;
    c.client = *protocol::IpAddress::parse("192.0.2.7");
    c.helo = "mail.vendor.example";
    c.reverse_path = "bounce@vendor.example";
    c.recipients = {"ann@our.example"};
    c.today = sys_days(2026y / November / 23);
    return c;
}

}  // namespace gatepost::policy
