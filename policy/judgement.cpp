#include "policy/judgement.h"

#include <algorithm>

#include "auth/authentication_results.h"
#include "protocol/ascii.h"
#include "protocol/folded_field.h"

namespace gatepost::policy {
namespace {

bool is_postmaster(std::string_view recipient) {
    return protocol::equals_ignoring_case(recipient.substr(0, recipient.find('@')), "postmaster");
}

// Who is refused must be able to ask postmaster why (RFC 5321 section 4.5.1): such mail is marked, not
// refused.
void spare_postmaster(Decision& decision, const Circumstances& circumstances) {
    const auto& recipients = circumstances.recipients;
    const bool is_for_postmaster =
        !recipients.empty() && std::all_of(recipients.begin(), recipients.end(), is_postmaster);
    if (decision.action != Action::reject || decision.disposition != auth::Disposition::reject ||
        !is_for_postmaster)
        return;
    decision.action = decision.unobserved = Action::quarantine;
    decision.disposition = auth::Disposition::quarantine;
    decision.overridden = Override::local_policy;
    decision.why += ", but postmaster is always reached";
    decision.reply = {250, "2.0.0", {"Ok"}};
}

std::string quarantine_field(const Decision& decision, const config::Settings& settings,
                             std::string_view reference) {
    if (decision.action != Action::quarantine) return {};
    protocol::FoldedField field(settings.policy.quarantine_header);
    field.add_words(protocol::escaped(decision.why, 200) + "; ref " + std::string(reference));
    return field.finished();
}

}  // namespace

Judgement judge(auth::Verification verification, const Circumstances& circumstances,
                const protocol::Header& header, const config::Settings& settings,
                std::string_view reference) {
    Judgement judgement;
    judgement.verification = std::move(verification);
    judgement.evidence = collect(judgement.verification, circumstances, header, settings);
    judgement.decision = decide(judgement.verification, judgement.evidence, settings, reference);
    spare_postmaster(judgement.decision, circumstances);
    const auto path =
        circumstances.reverse_path.empty() ? auth::ReversePathKind::null : auth::ReversePathKind::mailbox;
    judgement.authentication_results = auth::authentication_results(
        judgement.verification, circumstances.client, circumstances.helo, settings.authserv_id, path);
    judgement.quarantine_field = quarantine_field(judgement.decision, settings, reference);
    const std::vector<std::string> our_ids{settings.authserv_id, settings.hostname};
    judgement.removed = auth::fields_to_remove(header, our_ids, settings.policy.quarantine_header,
                                               judgement.verification.arc.result);
    return judgement;
}

}  // namespace gatepost::policy
