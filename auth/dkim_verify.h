// The DKIM signatures of one message (RFC 6376 section 6): the body is hashed as it arrives, the keys come
// out of DnsFacts. Evaluating again costs next to nothing: what a key said about a signature is remembered.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "auth/body_hash.h"
#include "auth/dkim_key.h"
#include "auth/dkim_signature.h"
#include "auth/dns_facts.h"
#include "auth/verification.h"

namespace gatepost::auth {

struct DkimLimits {
    std::size_t signatures = 10;    // verified; as many again are named in the outcome
    std::size_t keys = 4;           // tried, where several records stand at one name
    std::int64_t clock_skew = 300;  // seconds past x= that are forgiven
};

class DkimVerifier {
  public:
    // The header must stay where it is as long as this lives. Of too many signatures those are chosen whose
    // d= is the author domain, above or below it.
    DkimVerifier(const protocol::Header& header, const std::optional<protocol::Domain>& author_domain,
                 const DkimLimits& limits = {});

    // As it arrives, un-dot-stuffed, with CRLF line ends, split anywhere.
    void body(std::string_view chunk);
    void end_of_body();

    // The key look-ups, to be asked while the body still arrives.
    std::vector<DnsQuestion> questions() const;

    // After end_of_body(); `now` is when the message arrived, in seconds since 1970. One outcome for each
    // reported signature, top of the header first; empty if there is none. A fact still missing is a
    // provisional temperror.
    std::vector<DkimOutcome> verify(DnsFacts& facts, std::int64_t now, DkimKeyCache* cache);

  private:
    // Of one signature over one form of the header.
    struct HeaderCheck {
        std::optional<Digest> hash;
        std::map<std::string, bool, std::less<>>
            verified;  // key record -> whether the signature is by that key
    };
    struct Signature {
        DkimSignature tags;
        bool is_chosen = false;
        HeaderCheck as_it_is, without_tag;
    };
    struct Candidate {
        std::string_view record;
        DkimKey key;
    };
    struct Candidates {
        std::vector<Candidate> keys;
        std::string why;  // if there is none
    };

    void choose(std::vector<Signature> all, const std::optional<protocol::Domain>& author_domain);
    void want_body_hash(const DkimSignature& tags);
    const BodyHash& body_hash(const DkimSignature& tags) const;
    DkimOutcome evaluate(Signature& signature, DnsFacts& facts, std::int64_t now, DkimKeyCache* cache);
    DkimOutcome try_keys(Signature& signature, const DnsAnswer& answer, DkimKeyCache* cache);
    Candidates candidates(const DkimSignature& tags, const DnsAnswer& answer, DkimKeyCache* cache) const;
    bool has_body_hash(const DkimSignature& tags) const;
    bool is_by(Signature& signature, const Candidate& candidate);
    bool was_by(Signature& signature, const Candidate& candidate);
    bool verifies(const DkimSignature& tags, const protocol::Header& header, HeaderCheck& check,
                  const Candidate& candidate) const;
    std::string_view unsigned_part(const DkimSignature& tags) const;

    const protocol::Header& header_;
    DkimLimits limits_;
    std::vector<Signature> signatures_;
    std::optional<SignedFields> signed_fields_;
    std::optional<protocol::Header>
        untagged_;                       // the header without the "[tag]" of its Subject, if there is one
    std::vector<BodyHash> body_hashes_;  // at most one for each canonicalization
};

}  // namespace gatepost::auth
