#include "policy/decision.h"

#include "policy/refusal.h"
#include "protocol/ascii.h"

namespace gatepost::policy {
namespace {

using auth::Disposition;
using auth::DmarcOutcome;
using auth::DmarcResult;
using auth::Policy;
using config::Enforce;

// What is done, what is reported, and why the two may differ from the policy.
struct Verdict {
    Action action = Action::accept;
    Disposition disposition = Disposition::none;
    Override overridden = Override::none;
};

constexpr Verdict kReject{Action::reject, Disposition::reject, Override::none};
constexpr Verdict kQuarantine{Action::quarantine, Disposition::quarantine, Override::none};
constexpr Verdict kQuarantineInstead{Action::quarantine, Disposition::quarantine, Override::local_policy};

Verdict relayed_for(const config::KnownForwarder& forwarder) {
    const bool is_list = forwarder.kind == config::ForwarderKind::mailing_list;
    return {Action::accept, Disposition::none,
            is_list ? Override::mailing_list : Override::trusted_forwarder};
}

// The table of what p=reject comes to. RFC 9989 sections 5.4 and 7.4: not to reject for p=reject alone;
// without other knowledge, quarantine.
Verdict on_reject(const Evidence& evidence, Enforce enforce) {
    if (enforce == Enforce::policy) return kReject;
    if (evidence.speaks_for_forwarding()) return kQuarantineInstead;
    return evidence.speaks_for_forgery() ? kReject : kQuarantineInstead;
}

Verdict on_fail(const DmarcOutcome& dmarc, const Evidence& evidence, Enforce enforce) {
    const auto test_mode = dmarc.effective == dmarc.policy ? Override::none : Override::policy_test_mode;
    if (dmarc.effective == Policy::none) return {Action::accept, Disposition::none, test_mode};
    if (evidence.forwarder) return relayed_for(*evidence.forwarder);
    if (dmarc.effective == Policy::reject) return on_reject(evidence, enforce);
    Verdict verdict = kQuarantine;
    verdict.overridden = test_mode;
    return verdict;
}

// A policy of none changes nothing, not even by a delay (RFC 9989 section 5.4); an unknown one could be
// reject.
bool could_be_enforced(const DmarcOutcome& dmarc) {
    return !dmarc.record || dmarc.effective != Policy::none;
}

Verdict conclude(const DmarcOutcome& dmarc, const Evidence& evidence, const config::DmarcPolicy& policy) {
    switch (dmarc.result) {
        case DmarcResult::none: return {};
        case DmarcResult::pass: return {Action::accept, Disposition::pass, Override::none};
        case DmarcResult::fail: return on_fail(dmarc, evidence, policy.enforce);
        case DmarcResult::temperror: return {could_be_enforced(dmarc) ? Action::defer : Action::accept};
        case DmarcResult::permerror: return {policy.strict_from ? Action::reject : Action::accept};
    }
    return {};
}

// Observing: nothing is done to the message, and a policy that was not followed is reported as that.
Verdict observed(const Verdict& verdict, const DmarcOutcome& dmarc) {
    if (verdict.action == Action::accept) return verdict;
    const auto asked = dmarc.disposition();
    const bool differs = asked == Disposition::quarantine || asked == Disposition::reject;
    return {Action::accept, Disposition::none, differs ? Override::local_policy : Override::none};
}

// "dmarc=fail example.com policy=reject: unsigned, no_fcrdns"
std::string reason(const DmarcOutcome& dmarc, const Evidence& evidence) {
    std::string text = "dmarc=" + std::string(name(dmarc.result));
    if (dmarc.author_domain) text += " " + dmarc.author_domain->text();
    if (dmarc.record) text += " policy=" + std::string(name(dmarc.effective));
    std::string details = dmarc.why;
    if (dmarc.result == DmarcResult::fail) {
        for (const auto& item : evidence.texts()) details += (details.empty() ? "" : ", ") + item;
    }
    if (!details.empty()) text += ": " + details;
    return protocol::escaped(text, 900);
}

SmtpReply reply_for(Action action, const auth::Verification& verification, const config::Settings& settings,
                    std::string_view reference) {
    if (action == Action::defer) return dns_deferral(verification.dmarc, reference);
    if (action != Action::reject) return acceptance();
    if (verification.dmarc.result == DmarcResult::permerror)
        return author_refusal(verification.dmarc, reference);
    return dmarc_refusal(verification, settings, reference);
}

}  // namespace

Decision decide(const auth::Verification& verification, const Evidence& evidence,
                const config::Settings& settings, std::string_view reference) {
    const DmarcOutcome& dmarc = verification.dmarc;
    const Verdict enforced = conclude(dmarc, evidence, settings.policy);
    const bool observes = settings.policy.enforce == Enforce::observe;
    const Verdict verdict = observes ? observed(enforced, dmarc) : enforced;
    Decision decision;
    decision.action = verdict.action;
    decision.disposition = verdict.disposition;
    decision.overridden = verdict.overridden;
    decision.why = reason(dmarc, evidence);
    decision.reply = reply_for(verdict.action, verification, settings, reference);
    decision.unobserved = enforced.action;
    return decision;
}

std::string SmtpReply::text() const {
    std::string text;
    for (const auto& line : lines) text += (text.empty() ? "" : " ") + line;
    return text;
}

std::string_view name(Action action) {
    switch (action) {
        case Action::accept: return "accept";
        case Action::quarantine: return "quarantine";
        case Action::reject: return "reject";
        case Action::defer: return "defer";
    }
    return "?";
}

std::string_view name(Override override_) {
    switch (override_) {
        case Override::none: return "none";
        case Override::local_policy: return "local_policy";
        case Override::mailing_list: return "mailing_list";
        case Override::trusted_forwarder: return "trusted_forwarder";
        case Override::policy_test_mode: return "policy_test_mode";
        case Override::other: return "other";
    }
    return "?";
}

}  // namespace gatepost::policy
