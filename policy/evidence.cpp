#include "policy/evidence.h"

#include <algorithm>

#include "policy/forwarders.h"
#include "protocol/ascii.h"

namespace gatepost::policy {
namespace {

using auth::DkimResult;
using auth::SpfResult;
using protocol::Domain;

struct Row {
    EvidenceKind kind;
    std::string_view name;
    bool is_for_forgery;
};

constexpr Row kRows[] = {
    {EvidenceKind::own_domain, "own_domain", true},
    {EvidenceKind::spf_fail_author, "spf_fail_author", true},
    {EvidenceKind::unsigned_author, "unsigned", true},
    {EvidenceKind::helo_spf_fail, "helo_spf_fail", true},
    {EvidenceKind::no_fcrdns, "no_fcrdns", true},
    {EvidenceKind::dnsbl, "dnsbl", true},
    {EvidenceKind::pregreet, "pregreet", true},
    {EvidenceKind::known_forwarder, "known_forwarder", false},
    {EvidenceKind::broken_author_signature, "broken_author_signature", false},
    {EvidenceKind::list_headers, "list_headers", false},
    {EvidenceKind::arc_chain, "arc_chain", false},
    {EvidenceKind::srs, "srs", false},
};

const Row& row(EvidenceKind kind) {
    return kRows[static_cast<std::size_t>(kind)];
}

bool passes_dkim(const auth::Verification& verification) {
    return std::any_of(verification.dkim.begin(), verification.dkim.end(),
                       [](const auto& signature) { return signature.vouches(); });
}

bool passes_spf(const auth::Verification& verification) {
    return verification.mail_from.result == SpfResult::pass;
}

// Somebody stands behind the message under a name that can be checked.
bool has_verified_identity(const auth::Verification& verification) {
    return passes_spf(verification) || passes_dkim(verification) ||
           verification.arc.result == auth::ArcResult::pass ||
           verification.iprev.result == auth::IprevResult::pass;
}

// What stands for the author: the Organizational Domain, the author domain if that is not known.
const Domain* author_organization(const auth::DmarcOutcome& dmarc) {
    if (dmarc.organizational_domain) return &*dmarc.organizational_domain;
    return dmarc.author_domain ? &*dmarc.author_domain : nullptr;
}

// Anybody can write a signature that names the author's domain; only one that a key of that domain made is
// the author's. One whose key could not be looked up may be.
bool is_authors(const auth::DkimOutcome& signature, const Domain& organization) {
    return signature.signing_domain && signature.signing_domain->is_or_is_below(organization) &&
           (signature.is_genuine || signature.result == DkimResult::temperror);
}

// Whether the SPF identity would have aligned, had it passed.
bool is_author_path(const auth::Verification& verification, const Domain& organization) {
    const auto domain = Domain::parse(verification.mail_from.domain);
    if (!domain) return false;
    const auto& dmarc = verification.dmarc;
    const bool is_strict = dmarc.record && dmarc.record->aspf == auth::AlignmentMode::strict;
    return is_strict ? domain == dmarc.author_domain : domain->is_or_is_below(organization);
}

bool is_srs(std::string_view reverse_path) {
    const bool is_named = protocol::starts_with_ignoring_case(reverse_path, "SRS0") ||
                          protocol::starts_with_ignoring_case(reverse_path, "SRS1");
    return is_named && reverse_path.size() > 4 &&
           std::string_view("=+-").find(reverse_path[4]) != std::string_view::npos;
}

bool has_list_headers(const protocol::Header& header) {
    return !header.find("List-Id").empty() || !header.find("List-Post").empty();
}

class Collector {
  public:
    Collector(const auth::Verification& verification, Evidence& evidence)
        : verification_(verification), evidence_(evidence) {}

    void collect_forgery(const Circumstances& circumstances, const config::Settings& settings);
    void collect_forwarding(const Circumstances& circumstances, const protocol::Header& header);

  private:
    void add_if(bool holds, EvidenceKind kind, std::string detail = {}) {
        if (holds) evidence_.items.push_back({kind, std::move(detail)});
    }

    const auth::Verification& verification_;
    Evidence& evidence_;
};

void Collector::collect_forgery(const Circumstances& circumstances, const config::Settings& settings) {
    const auto& dkim = verification_.dkim;
    const auto& author = verification_.dmarc.author_domain;
    add_if(author && is_own_domain(*author, settings), EvidenceKind::own_domain);
    if (const auto* organization = author_organization(verification_.dmarc)) {
        add_if(
            verification_.mail_from.result == SpfResult::fail && is_author_path(verification_, *organization),
            EvidenceKind::spf_fail_author);
        add_if(std::none_of(dkim.begin(), dkim.end(),
                            [&](const auto& s) { return is_authors(s, *organization); }),
               EvidenceKind::unsigned_author);
    }
    add_if(verification_.helo.result == SpfResult::fail, EvidenceKind::helo_spf_fail);
    // Neither a name that was not asked for nor one that could not be looked up speaks against the client.
    const auto iprev = verification_.iprev.result;
    add_if(iprev == auth::IprevResult::fail || iprev == auth::IprevResult::permerror,
           EvidenceKind::no_fcrdns);
    std::string lists;
    for (const auto& zone : circumstances.listed_by) lists += (lists.empty() ? "" : "+") + zone;
    add_if(!lists.empty(), EvidenceKind::dnsbl, lists);
    add_if(circumstances.talked_first, EvidenceKind::pregreet);
}

void Collector::collect_forwarding(const Circumstances& circumstances, const protocol::Header& header) {
    if (evidence_.forwarder) add_if(true, EvidenceKind::known_forwarder, evidence_.forwarder->name);
    const auto& dkim = verification_.dkim;
    if (const auto* organization = author_organization(verification_.dmarc)) {
        // One that leaves text unsigned is worth no less than one that text has broken.
        const auto is_broken = [&](const auto& signature) {
            return (signature.result == DkimResult::fail || signature.is_partial) &&
                   is_authors(signature, *organization);
        };
        add_if(has_verified_identity(verification_) && std::any_of(dkim.begin(), dkim.end(), is_broken),
               EvidenceKind::broken_author_signature);
    }
    add_if((passes_spf(verification_) || passes_dkim(verification_)) && has_list_headers(header),
           EvidenceKind::list_headers);
    const auto& arc = verification_.arc;
    add_if(arc.result == auth::ArcResult::pass && !arc.sealers.empty(), EvidenceKind::arc_chain,
           arc.sealers.empty() ? std::string() : arc.sealers.back().text());
    add_if(passes_spf(verification_) && is_srs(circumstances.reverse_path), EvidenceKind::srs);
}

}  // namespace

Evidence collect(const auth::Verification& verification, const Circumstances& circumstances,
                 const protocol::Header& header, const config::Settings& settings) {
    Evidence evidence;
    evidence.forwarder = find_forwarder(verification, circumstances, settings);
    Collector collector(verification, evidence);
    collector.collect_forgery(circumstances, settings);
    collector.collect_forwarding(circumstances, header);
    return evidence;
}

std::string EvidenceItem::text() const {
    std::string text(name(kind));
    if (!detail.empty()) text += "(" + detail + ")";
    return text;
}

bool Evidence::speaks_for_forgery() const {
    return std::any_of(items.begin(), items.end(),
                       [](const auto& item) { return is_for_forgery(item.kind); });
}

bool Evidence::speaks_for_forwarding() const {
    return std::any_of(items.begin(), items.end(), [](const auto& item) {
        return !is_for_forgery(item.kind) && item.kind != EvidenceKind::known_forwarder;
    });
}

std::vector<std::string> Evidence::texts() const {
    std::vector<std::string> texts;
    for (const auto& item : items) texts.push_back(item.text());
    return texts;
}

std::string_view name(EvidenceKind kind) {
    return row(kind).name;
}

bool is_for_forgery(EvidenceKind kind) {
    return row(kind).is_for_forgery;
}

}  // namespace gatepost::policy
