#include "policy/forwarders.h"

#include <algorithm>

#include "protocol/ascii.h"

namespace gatepost::policy {
namespace {

using config::KnownForwarder;
using protocol::Domain;

// "*.example" matches below example and not example itself.
bool matches_host(const std::string& pattern, const auth::IprevOutcome& iprev) {
    if (iprev.result != auth::IprevResult::pass) return false;
    const std::string wanted = protocol::lowered(pattern);
    return std::any_of(iprev.names.begin(), iprev.names.end(), [&](const std::string& host) {
        if (!wanted.starts_with("*.")) return host == wanted;
        const auto base = std::string_view(wanted).substr(2);
        return host != base && protocol::is_or_is_below(host, base);
    });
}

bool passes_dkim(const Domain& domain, const std::vector<auth::DkimOutcome>& dkim, bool testing_counts) {
    return std::any_of(dkim.begin(), dkim.end(), [&](const auth::DkimOutcome& signature) {
        return signature.vouches() && signature.signing_domain == domain &&
               (testing_counts || !signature.testing);
    });
}

bool passes_spf(const Domain& domain, const auth::SpfOutcome& spf) {
    return spf.result == auth::SpfResult::pass && Domain::parse(spf.domain) == domain;
}

// The last sealer vouches for what it received; earlier ones only through it.
bool is_sealed_by(const Domain& domain, const auth::ArcOutcome& arc) {
    return arc.result == auth::ArcResult::pass && !arc.sealers.empty() && arc.sealers.back() == domain;
}

bool matches_client(const KnownForwarder& entry, const auth::Verification& verification,
                    const Circumstances& circumstances, const config::Settings& settings) {
    if (entry.ip) return entry.ip->contains(circumstances.client);
    if (!entry.host.empty()) return matches_host(entry.host, verification.iprev);
    if (entry.spf) return passes_spf(*entry.spf, verification.mail_from);
    if (entry.dkim) return passes_dkim(*entry.dkim, verification.dkim, settings.policy.dkim_testing_counts);
    return entry.arc && is_sealed_by(*entry.arc, verification.arc);
}

// "user@domain" or "@domain"; local parts are compared without case, the entry is written by hand.
bool matches_recipient(const std::string& pattern, const std::string& recipient) {
    const auto at = recipient.rfind('@');
    const auto pattern_at = pattern.rfind('@');
    if (at == std::string::npos || pattern_at == std::string::npos) return false;
    const auto domain = Domain::parse(std::string_view(recipient).substr(at + 1));
    if (!domain || domain != Domain::parse(std::string_view(pattern).substr(pattern_at + 1))) return false;
    return pattern_at == 0 ||
           protocol::equals_ignoring_case(pattern.substr(0, pattern_at), recipient.substr(0, at));
}

// One that it is not meant for would let the others' mail through as well: all share one answer.
bool matches_recipients(const KnownForwarder& entry, const std::vector<std::string>& recipients) {
    if (entry.recipients.empty()) return true;
    const auto is_meant = [&](const std::string& recipient) {
        return std::any_of(entry.recipients.begin(), entry.recipients.end(),
                           [&](const std::string& pattern) { return matches_recipient(pattern, recipient); });
    };
    return !recipients.empty() && std::all_of(recipients.begin(), recipients.end(), is_meant);
}

}  // namespace

bool is_own_domain(const Domain& domain, const config::Settings& settings) {
    return std::any_of(settings.domains.begin(), settings.domains.end(),
                       [&](const Domain& ours) { return domain.is_or_is_below(ours); });
}

const KnownForwarder* find_forwarder(const auth::Verification& verification,
                                     const Circumstances& circumstances, const config::Settings& settings) {
    const auto& author = verification.dmarc.author_domain;
    const bool is_own = author && is_own_domain(*author, settings);
    for (const auto& entry : settings.policy.known_forwarders) {
        if (entry.expires && circumstances.today > *entry.expires) continue;
        if (is_own && !entry.for_own_domains) continue;
        if (!matches_client(entry, verification, circumstances, settings)) continue;
        if (matches_recipients(entry, circumstances.recipients)) return &entry;
    }
    return nullptr;
}

}  // namespace gatepost::policy
