#include "gateway/server/findings.h"

#include "protocol/ascii.h"
#include "protocol/automatic_mail.h"

namespace gatepost::gateway {
namespace {

constexpr std::size_t kMaxFact = 500;  // octets

// The only address of the From field, or the last.
bool is_from(const protocol::Header& header, const protocol::Path& reverse_path) {
    const auto found = header.find("From");
    if (found.size() != 1) return false;
    const std::string body = protocol::lowered(protocol::unfolded(header[found.front()].body));
    const std::string address = protocol::lowered(reverse_path.text());
    const auto from = protocol::trimmed(body);
    return from == address || from.ends_with("<" + address + ">");
}

// The reverse-path is the author's own. Another one of his domain is not enough: whoever has a signed message
// from there can send it again from wherever he likes, and at a large provider any reverse-path is
// somebody's.
bool is_author_s(const protocol::Path& reverse_path, const protocol::Header& header,
                 const auth::DmarcOutcome& dmarc) {
    return dmarc.result == auth::DmarcResult::pass && reverse_path.domain && dmarc.organizational_domain &&
           reverse_path.domain->is_or_is_below(*dmarc.organizational_domain) && is_from(header, reverse_path);
}

}  // namespace

std::string dkim_summary(const std::vector<auth::DkimOutcome>& outcomes) {
    std::string text;
    for (const auto& outcome : outcomes) {
        if (!text.empty()) text += ',';
        text += name(outcome.result);
        if (outcome.signing_domain) text += ":" + outcome.signing_domain->text();
    }
    return text.empty() ? "none" : text;
}

Intake::Findings findings_of(const policy::Judgement& judgement, const protocol::Header& header,
                             const protocol::Path& reverse_path) {
    const auto& verification = judgement.verification;
    const auto& dmarc = verification.dmarc;
    Intake::Findings findings;
    const bool is_spf_pass = verification.mail_from.result == auth::SpfResult::pass;
    findings.may_notify = !reverse_path.is_null && (is_spf_pass || is_author_s(reverse_path, header, dmarc));
    findings.is_list = protocol::is_automatic(header);
    const auto& names = verification.iprev.names;
    const auto add = [&](const char* key, std::string_view value) {
        findings.facts.emplace_back(key, value.substr(0, kMaxFact));
    };
    add("rdns", names.empty() ? "unknown" : names.front());
    add("spf", name(verification.mail_from.result));
    add("dkim", dkim_summary(verification.dkim));
    add("dmarc", name(dmarc.result));
    if (dmarc.author_domain) add("author", dmarc.author_domain->text());
    add("decision", policy::name(judgement.decision.action));
    add("why", judgement.decision.why);
    return findings;
}

}  // namespace gatepost::gateway
