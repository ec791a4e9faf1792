#include "auth/dmarc.h"

#include <algorithm>
#include <map>

#include "auth/dmarc_record.h"
#include "auth/dmarc_walk.h"

namespace gatepost::auth {
namespace {

using protocol::Domain;

// The sender chooses how many domains sign, and each may need a walk (specs R-15).
constexpr std::size_t kMaxSigningDomains = 10;

// unknown: a look-up failed, or its answer is still to come.
enum class Aligned { no, yes, unknown };

// An identity that passed, or that might have but for a DNS error.
struct Candidate {
    Domain domain;
    bool passed = false;
};

Policy one_step_lower(Policy policy) {
    return policy == Policy::reject ? Policy::quarantine : Policy::none;
}

std::vector<Candidate> spf_candidates(const SpfOutcome& spf) {
    if (spf.result != SpfResult::pass && spf.result != SpfResult::temperror) return {};
    const auto domain = Domain::parse(spf.domain);
    if (!domain) return {};
    return {{*domain, spf.result == SpfResult::pass}};
}

std::vector<Candidate> dkim_candidates(const std::vector<DkimOutcome>& dkim, const DmarcOptions& options) {
    std::vector<Candidate> candidates;
    for (const auto& signature : dkim) {
        const bool passed = signature.vouches();
        if (!signature.signing_domain || (!passed && signature.result != DkimResult::temperror)) continue;
        if (passed && signature.testing && !options.dkim_testing_counts) continue;
        const auto is_same = [&](const Candidate& known) {
            return known.domain == *signature.signing_domain;
        };
        const auto known = std::find_if(candidates.begin(), candidates.end(), is_same);
        if (known != candidates.end()) {
            known->passed |= passed;
        } else if (candidates.size() < kMaxSigningDomains) {
            candidates.push_back({*signature.signing_domain, passed});
        }
    }
    return candidates;
}

class Evaluation {
  public:
    Evaluation(const DmarcInput& input, const DmarcOptions& options, DnsFacts& facts);
    DmarcOutcome evaluate(const Domain& author);

  private:
    const Walk& walk(const Domain& start);
    void want_walks(const std::vector<Candidate>& candidates, const std::vector<Domain>& authors);
    bool apply_record(const Walk& author, DmarcOutcome& outcome);
    bool select_policy(const Walk& author, DmarcOutcome& outcome);
    Aligned alignment(const Domain& identity, AlignmentMode mode, const Domain& author);
    Aligned best_alignment(const std::vector<Candidate>& candidates, AlignmentMode mode,
                           const Domain& author);

    const DmarcOptions& options_;
    DnsFacts& facts_;
    SingleLabelOd single_;
    std::vector<Candidate> spf_, dkim_;
    std::map<Domain, Walk> walks_;
};

Evaluation::Evaluation(const DmarcInput& input, const DmarcOptions& options, DnsFacts& facts)
    : options_(options),
      facts_(facts),
      single_(options.refuse_single_label_od ? SingleLabelOd::refused : SingleLabelOd::allowed),
      spf_(spf_candidates(input.mail_from)),
      dkim_(dkim_candidates(input.dkim, options)) {
    for (const auto& author : input.author.domains) walk(author);
    want_walks(spf_, input.author.domains);
    want_walks(dkim_, input.author.domains);
}

const Walk& Evaluation::walk(const Domain& start) {
    auto known = walks_.find(start);
    if (known == walks_.end()) known = walks_.emplace(start, walk_tree(start, facts_)).first;
    return known->second;
}

// Only near relatives of an author domain will need a walk; asking for theirs now saves a round.
void Evaluation::want_walks(const std::vector<Candidate>& candidates, const std::vector<Domain>& authors) {
    for (const auto& candidate : candidates) {
        const auto is_relative = [&](const Domain& author) {
            return candidate.domain != author && candidate.domain.last_labels(2) == author.last_labels(2);
        };
        if (!std::any_of(authors.begin(), authors.end(), is_relative)) continue;
        for (const auto& name : names_of_walk(candidate.domain))
            facts_.want(RecordType::txt, "_dmarc." + name.text());
    }
}

// RFC 9989 sections 4.4 and 4.10.2.
Aligned Evaluation::alignment(const Domain& identity, AlignmentMode mode, const Domain& author) {
    if (identity == author) return Aligned::yes;
    if (mode == AlignmentMode::strict) return Aligned::no;
    const Walk& author_walk = walk(author);
    if (!author_walk.is_whole()) {
        return identity.last_labels(1) == author.last_labels(1) ? Aligned::unknown : Aligned::no;
    }
    // The identity's Organizational Domain is the identity or above it: often that settles it without its
    // walk.
    const Domain organizational = organizational_domain(author_walk, single_);
    if (!identity.is_or_is_below(organizational)) return Aligned::no;
    const Walk& identity_walk = walk(identity);
    if (!identity_walk.is_whole()) return Aligned::unknown;
    return organizational_domain(identity_walk, single_) == organizational ? Aligned::yes : Aligned::no;
}

// An identity that failed to be looked up matters only if it could align (specs R-40).
Aligned Evaluation::best_alignment(const std::vector<Candidate>& candidates, AlignmentMode mode,
                                   const Domain& author) {
    Aligned best = Aligned::no;
    for (const auto& candidate : candidates) {
        const Aligned aligned = alignment(candidate.domain, mode, author);
        if (aligned == Aligned::yes && candidate.passed) return Aligned::yes;
        if (aligned != Aligned::no) best = Aligned::unknown;
    }
    return best;
}

// RFC 9989 section 4.10.1. False if DMARC does not apply or cannot be applied: then result and why are set.
bool Evaluation::apply_record(const Walk& author, DmarcOutcome& outcome) {
    if (author.is_whole()) outcome.organizational_domain = organizational_domain(author, single_);
    const auto* found = author.is_whole() ? applicable_record(author, single_) : author.at(author.start);
    if (!found) {
        outcome.result = author.is_whole() ? DmarcResult::none : DmarcResult::temperror;
        outcome.why = !author.is_whole()        ? "the DMARC record could not be looked up"
                      : author.repeated.empty() ? "no DMARC record"
                                                : "several DMARC records at one name";
        return false;
    }
    DmarcRecord record = found->record;
    if (!has_sound_policies(record)) {
        if (record.rua.empty()) {
            outcome.why = "a DMARC record without a valid policy";
            return false;
        }
        record.p = Policy::none;
        record.sp = record.np = {};
    }
    outcome.policy_domain = found->name;
    outcome.record = std::move(record);
    return true;
}

// RFC 9989 sections 3.2.13, 4.7 and 4.10.1. False if it could not be found out whether np applies; then the
// stricter policy is noted.
bool Evaluation::select_policy(const Walk& author, DmarcOutcome& outcome) {
    const DmarcRecord& record = *outcome.record;
    outcome.policy = *record.p;
    if (outcome.policy_domain == author.start) return true;
    outcome.policy = record.sp.value_or(*record.p);
    if (!record.np || *record.np == outcome.policy || author.start_exists) return true;
    const auto* answer = facts_.find(RecordType::a, author.start.text());
    if (!answer || answer->status == DnsStatus::failed) {
        outcome.policy = std::max(outcome.policy, *record.np);
        return false;
    }
    // An alias whose target does not exist is still a record at the author domain.
    if (answer->status == DnsStatus::nx_domain && !answer->is_alias) outcome.policy = *record.np;
    return true;
}

DmarcOutcome Evaluation::evaluate(const Domain& author) {
    DmarcOutcome outcome;
    outcome.author_domain = author;
    const Walk& author_walk = walk(author);
    if (!apply_record(author_walk, outcome)) return outcome;
    const DmarcRecord& record = *outcome.record;
    const bool is_sure = select_policy(author_walk, outcome);
    const bool is_test = record.testing || (options_.legacy_pct0_as_test && record.has_pct_zero);
    outcome.effective = is_test ? one_step_lower(outcome.policy) : outcome.policy;
    const Aligned spf = best_alignment(spf_, record.aspf, author);
    const Aligned dkim = best_alignment(dkim_, record.adkim, author);
    outcome.spf_aligned = spf == Aligned::yes;
    outcome.dkim_aligned = dkim == Aligned::yes;
    if (outcome.spf_aligned || outcome.dkim_aligned) {
        outcome.result = DmarcResult::pass;
    } else if (spf == Aligned::unknown || dkim == Aligned::unknown || !is_sure) {
        outcome.result = DmarcResult::temperror;
        outcome.why = spf == Aligned::unknown    ? "an SPF look-up that decides failed"
                      : dkim == Aligned::unknown ? "a DKIM look-up that decides failed"
                                                 : "whether the author domain exists could not be looked up";
    } else {
        outcome.result = DmarcResult::fail;
    }
    return outcome;
}

// Of several author domains the strictest policy that fails counts; what could still come to p=reject is
// deferred.
int gravity(const DmarcOutcome& outcome) {
    switch (outcome.result) {
        case DmarcResult::permerror: return 7;
        case DmarcResult::fail:
            if (outcome.effective == Policy::reject) return 6;
            return outcome.effective == Policy::quarantine ? 4 : 3;
        case DmarcResult::temperror: return 5;
        case DmarcResult::none: return 2;
        case DmarcResult::pass: break;
    }
    return 1;
}

}  // namespace

DmarcOutcome evaluate_dmarc(const DmarcInput& input, const DmarcOptions& options, DnsFacts& facts) {
    DmarcOutcome worst;
    if (input.author.problem != protocol::AuthorProblem::none) {
        worst.result = DmarcResult::permerror;
        worst.why = input.author.why;
        return worst;
    }
    Evaluation evaluation(input, options, facts);
    bool is_first = true;
    for (const auto& author : input.author.domains) {
        auto outcome = evaluation.evaluate(author);
        if (is_first || gravity(outcome) > gravity(worst)) worst = std::move(outcome);
        is_first = false;
    }
    return worst;
}

}  // namespace gatepost::auth
