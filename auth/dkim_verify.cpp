#include "auth/dkim_verify.h"

#include <algorithm>
#include <iterator>

#include "auth/canonical.h"
#include "auth/subject_tag.h"
#include "protocol/ascii.h"

namespace gatepost::auth {
namespace {

using protocol::Domain;

bool is_related(const std::optional<Domain>& a, const std::optional<Domain>& b) {
    return a && b && (a->is_or_is_below(*b) || b->is_or_is_below(*a));
}

DkimOutcome describe(const DkimSignature& tags) {
    return {.signing_domain = tags.domain,
            .selector = tags.selector,
            .algorithm = tags.algorithm,
            .signature = tags.signature_text};
}

DkimOutcome conclude(DkimOutcome outcome, DkimResult result, std::string_view why) {
    outcome.result = result;
    outcome.why = why;
    return outcome;
}

std::string relaxed(const protocol::HeaderField& field) {
    std::string text;
    append_canonical_field(field, Canonicalization::relaxed, text);
    return text;
}

// Whether fields of this name stand above the lowest `count`, over which the signature is, and say something
// else: programs that write a field twice alike are many, and nobody is deceived by it.
bool differs_above(const protocol::Header& header, std::string_view name, std::size_t count) {
    const auto fields = header.find(name);
    if (fields.size() <= count) return false;
    const auto first_signed = fields.end() - static_cast<std::ptrdiff_t>(count);
    std::vector<std::string> vouched_for;
    for (auto it = first_signed; it != fields.end(); ++it) vouched_for.push_back(relaxed(header[*it]));
    std::sort(vouched_for.begin(), vouched_for.end());
    return !std::all_of(fields.begin(), first_signed, [&](std::size_t index) {
        return std::binary_search(vouched_for.begin(), vouched_for.end(), relaxed(header[index]));
    });
}

// Fields of which a reader shows one, mostly the first, while the signature is over the last (RFC 6376
// section 8.15). A second From is refused before this.
bool shows_unsigned_field(const protocol::Header& header, const DkimSignature& tags) {
    static constexpr std::string_view kShown[] = {
        "Subject",     "Date", "To", "Cc", "Reply-To", "Content-Type", "Content-Transfer-Encoding",
        "MIME-Version"};
    const auto is_added_to = [&](std::string_view name) {
        const auto& names = tags.signed_names;
        const auto times = std::count_if(names.begin(), names.end(), [&](std::string_view one) {
            return protocol::equals_ignoring_case(one, name);
        });
        return times > 0 && differs_above(header, name, static_cast<std::size_t>(times));
    };
    return std::any_of(std::begin(kShown), std::end(kShown), is_added_to);
}

}  // namespace

DkimVerifier::DkimVerifier(const protocol::Header& header, const std::optional<Domain>& author_domain,
                           const DkimLimits& limits)
    : header_(header), limits_(limits) {
    std::vector<Signature> all;
    for (const auto index : header.find("DKIM-Signature")) {
        all.push_back({parse_dkim_signature(header[index], index)});
    }
    choose(std::move(all), author_domain);
    for (const auto& signature : signatures_) {
        if (signature.is_chosen && !signature.tags.flaw) want_body_hash(signature.tags);
    }
    if (body_hashes_.empty()) return;
    signed_fields_.emplace(header);
    untagged_ = without_subject_tag(header);
}

// Usable signatures related to the author domain first, then other usable ones, then the rest. What comes
// after the first `limits.signatures` is not tried, and after twice as many not even named: a sender may have
// put in hundreds.
void DkimVerifier::choose(std::vector<Signature> all, const std::optional<Domain>& author_domain) {
    const auto rank = [&](const Signature& signature) {
        if (signature.tags.flaw) return 2;
        return is_related(signature.tags.domain, author_domain) ? 0 : 1;
    };
    std::stable_sort(all.begin(), all.end(),
                     [&](const Signature& a, const Signature& b) { return rank(a) < rank(b); });
    if (all.size() > 2 * limits_.signatures) all.resize(2 * limits_.signatures);
    for (std::size_t i = 0; i < all.size() && i < limits_.signatures; ++i) all[i].is_chosen = true;
    std::sort(all.begin(), all.end(),
              [](const Signature& a, const Signature& b) { return a.tags.field < b.tags.field; });
    signatures_ = std::move(all);
}

void DkimVerifier::want_body_hash(const DkimSignature& tags) {
    const auto mode = tags.body_canonicalization;
    auto it = std::find_if(body_hashes_.begin(), body_hashes_.end(),
                           [&](const BodyHash& h) { return h.mode() == mode; });
    if (it == body_hashes_.end()) it = body_hashes_.emplace(it, mode);
    if (tags.body_length) it->want(*tags.body_length);
}

const BodyHash& DkimVerifier::body_hash(const DkimSignature& tags) const {
    return body_hashes_.front().mode() == tags.body_canonicalization ? body_hashes_.front()
                                                                     : body_hashes_.back();
}

void DkimVerifier::body(std::string_view chunk) {
    for (auto& hash : body_hashes_) hash.write(chunk);
}

void DkimVerifier::end_of_body() {
    for (auto& hash : body_hashes_) hash.finish();
}

std::vector<DnsQuestion> DkimVerifier::questions() const {
    std::vector<DnsQuestion> questions;
    for (const auto& signature : signatures_) {
        if (!signature.is_chosen || signature.tags.flaw) continue;
        questions.push_back({RecordType::txt, signature.tags.key_name()});
    }
    std::sort(questions.begin(), questions.end());
    questions.erase(std::unique(questions.begin(), questions.end()), questions.end());
    return questions;
}

std::vector<DkimOutcome> DkimVerifier::verify(DnsFacts& facts, std::int64_t now, DkimKeyCache* cache) {
    std::vector<DkimOutcome> outcomes;
    outcomes.reserve(signatures_.size());
    for (auto& signature : signatures_) outcomes.push_back(evaluate(signature, facts, now, cache));
    return outcomes;
}

// What the message alone settles is said without looking at the key, except a wrong body hash: its key tells
// whether it ever was the signer's and whether that is only testing, and was asked for anyway; and an expired
// one likewise. But neither waits for a broken name server.
DkimOutcome DkimVerifier::evaluate(Signature& signature, DnsFacts& facts, std::int64_t now,
                                   DkimKeyCache* cache) {
    const auto& tags = signature.tags;
    auto outcome = describe(tags);
    if (tags.flaw) return conclude(outcome, tags.flaw->result, tags.flaw->why);
    if (!signature.is_chosen) return conclude(outcome, DkimResult::policy, "too many signatures");
    const bool has_expired = tags.expiration && now - limits_.clock_skew > *tags.expiration;
    if (!has_expired && tags.body_length && *tags.body_length > body_hash(tags).length()) {
        return conclude(outcome, DkimResult::neutral, "l= is longer than the body");
    }
    const auto* answer = facts.find(RecordType::txt, tags.key_name());
    if (has_expired) {
        const bool has_answer = answer && answer->status != DnsStatus::failed;
        outcome.is_genuine = has_answer && try_keys(signature, *answer, cache).is_genuine;
        return conclude(outcome, DkimResult::fail, "signature expired");
    }
    if (!answer) return conclude(outcome, DkimResult::temperror, "key not known yet");
    if (answer->status != DnsStatus::failed) return try_keys(signature, *answer, cache);
    if (!has_body_hash(tags)) return conclude(outcome, DkimResult::fail, "body hash mismatch");
    return conclude(outcome, DkimResult::temperror, "key look-up failed");
}

DkimOutcome DkimVerifier::try_keys(Signature& signature, const DnsAnswer& answer, DkimKeyCache* cache) {
    auto outcome = describe(signature.tags);
    const auto found = candidates(signature.tags, answer, cache);
    if (found.keys.empty()) return conclude(outcome, DkimResult::permerror, found.why);
    const bool body_is_sound = has_body_hash(signature.tags);
    for (const auto& candidate : found.keys) {
        outcome.key_bits = candidate.key.key->bits();
        outcome.testing = candidate.key.testing;
        const bool is_signed = is_by(signature, candidate);
        outcome.is_genuine = is_signed || was_by(signature, candidate);
        if (outcome.is_genuine && !(is_signed && body_is_sound)) break;
        if (!is_signed) continue;
        const auto why = unsigned_part(signature.tags);
        outcome.is_partial = !why.empty();
        return conclude(outcome, DkimResult::pass, why);
    }
    return conclude(outcome, DkimResult::fail, body_is_sound ? "signature mismatch" : "body hash mismatch");
}

// The keys at the name that may have made this signature. Several records there are undefined by the RFC: a
// stray one must not spoil the good one.
DkimVerifier::Candidates DkimVerifier::candidates(const DkimSignature& tags, const DnsAnswer& answer,
                                                  DkimKeyCache* cache) const {
    Candidates found{.why = "no key"};
    bool has_reason = false;
    const auto refuse = [&](std::string_view why) {
        if (!has_reason) found.why = why;
        has_reason = true;
    };
    for (const auto& text : answer.texts) {
        if (found.keys.size() == limits_.keys) break;
        const auto key = cache ? cache->parse(text) : parse_dkim_key(text);
        if (!key) {
            refuse(key.problem());
        } else if (key->key->type() != tags.key_type) {
            refuse("key is for another algorithm");
        } else if (key->is_for_domain_alone && tags.identity_domain && tags.identity_domain != tags.domain) {
            refuse("i= is not d=, as the key demands");
        } else {
            found.keys.push_back({text, *key});
        }
    }
    return found;
}

bool DkimVerifier::has_body_hash(const DkimSignature& tags) const {
    return body_hash(tags).digest(tags.body_length) == tags.body_hash;
}

bool DkimVerifier::is_by(Signature& signature, const Candidate& candidate) {
    return verifies(signature.tags, header_, signature.as_it_is, candidate);
}

// Whether it was, before the Subject was given a tag.
bool DkimVerifier::was_by(Signature& signature, const Candidate& candidate) {
    return untagged_ && signature.tags.has_signed("subject") &&
           verifies(signature.tags, *untagged_, signature.without_tag, candidate);
}

bool DkimVerifier::verifies(const DkimSignature& tags, const protocol::Header& header, HeaderCheck& check,
                            const Candidate& candidate) const {
    if (const auto it = check.verified.find(candidate.record); it != check.verified.end()) return it->second;
    if (!check.hash) {
        const auto fields = signed_fields_->select(tags.signed_names, tags.field);
        check.hash = sha256(signed_header(header, fields, header[tags.field], tags));
    }
    const bool verified = candidate.key.key->verify(*check.hash, tags.signature);
    check.verified.emplace(candidate.record, verified);
    return verified;
}

// Why a signature that is right still vouches for nothing here. Whoever holds it could append text behind l=,
// or have the signed text shown as an unseen MIME part (RFC 6376 sections 6.1.1, 8.2).
std::string_view DkimVerifier::unsigned_part(const DkimSignature& tags) const {
    if (shows_unsigned_field(header_, tags)) return "a field was added beside a signed one";
    if (!tags.body_length) return {};
    if (body_hash(tags).length() > *tags.body_length) return "body is longer than l=";
    if (!tags.has_signed("content-type")) return "l= without signed Content-Type";
    return {};
}

}  // namespace gatepost::auth
