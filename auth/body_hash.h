// The SHA-256 of a canonical body, computed while the body arrives, for as many l= lengths as signatures ask
// for in one pass: the digest is noted each time such a length is reached.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "auth/canonical.h"
#include "auth/crypto.h"

namespace gatepost::auth {

class BodyHash {
  public:
    explicit BodyHash(Canonicalization mode) : mode_(mode), canonicalizer_(mode) {}

    Canonicalization mode() const { return mode_; }
    // That the digest of the first `length` canonical octets will be asked for. Before the first write only.
    void want(std::uint64_t length);

    void write(std::string_view chunk);
    void finish();

    // After finish(). Octets of the canonical body, and its digest: of all of it, or of the first `length`
    // octets if that was wanted; nothing if the body is shorter.
    std::uint64_t length() const { return length_; }
    std::optional<Digest> digest(std::optional<std::uint64_t> length) const;

  private:
    struct Cut {
        std::uint64_t length;
        Digest digest;
    };
    void hash(std::string_view octets);
    void note_cuts();

    Canonicalization mode_;
    BodyCanonicalizer canonicalizer_;
    Sha256 sha256_;
    std::uint64_t length_ = 0;
    std::vector<Cut> cuts_;     // by rising length
    std::size_t next_cut_ = 0;  // those before it are reached
    Digest whole_{};
};

}  // namespace gatepost::auth
