// A DKIM-Signature header field, read (RFC 6376 section 3.5), and the octets of the header that it signs.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "auth/canonical.h"
#include "auth/crypto.h"
#include "auth/tag_list.h"
#include "auth/verification.h"
#include "protocol/domain.h"
#include "protocol/header.h"

namespace gatepost::auth {

// Why a signature cannot be verified, whatever key and message say.
struct SignatureFlaw {
    DkimResult result = DkimResult::neutral;
    std::string why;
};

// The views point into the header that the field stands in.
struct DkimSignature {
    std::size_t field = 0;              // where it stands in the header
    std::optional<SignatureFlaw> flaw;  // then the tags below are what could be read before it was found
    KeyType key_type = KeyType::rsa;    // a=
    std::string algorithm;              // a= in lower case, only if it is one we know
    Canonicalization header_canonicalization = Canonicalization::simple;  // c=
    Canonicalization body_canonicalization = Canonicalization::simple;
    std::optional<protocol::Domain> domain;           // d=
    std::optional<protocol::Domain> identity_domain;  // of i=
    std::string selector;                             // s=, A-labels, lower case
    std::vector<std::string_view> signed_names;       // h=, in its order
    std::string signature;                            // b=, decoded
    std::string signature_text;                       // b= without white space
    Digest body_hash{};                               // bh=
    std::optional<std::uint64_t> body_length;         // l=; beyond 64 bits the largest number
    std::optional<std::int64_t> timestamp;            // t=
    std::optional<std::int64_t> expiration;           // x=; no value if absent or "infinite"
    std::size_t value_begin = 0;                      // the value of b= with the white space around it, as a
    std::size_t value_end = 0;                        // range of the field's octets

    std::string key_name() const { return selector + "._domainkey." + domain->text(); }
    bool has_signed(std::string_view name) const;
};

// `index` is where the field stands in its header. Never fails: what cannot be used has a flaw.
DkimSignature parse_dkim_signature(const protocol::HeaderField& field, std::size_t index);

// Finds the fields that h= names. One value serves all signatures of a message; the header must stay where it
// is.
class SignedFields {
  public:
    explicit SignedFields(const protocol::Header& header);

    // For each name the lowest field of that name not yet taken; none left adds nothing (RFC 6376
    // section 5.4.2). The field `own`, the signature itself, is never taken.
    std::vector<std::size_t> select(const std::vector<std::string_view>& names, std::size_t own) const;

  private:
    struct Named {
        std::string_view name;
        std::size_t index;
    };
    std::vector<Named> by_name_;  // all fields, sorted by name without case, then bottom first
};

// What a signature's header hash is made of: the signed fields, then the signature itself without the value
// of b= and without its final CRLF (RFC 6376 section 3.7).
std::string signed_header(const protocol::Header& header, const std::vector<std::size_t>& fields,
                          const protocol::HeaderField& signature_field, const DkimSignature& signature);

}  // namespace gatepost::auth
