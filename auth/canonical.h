// What is hashed of a message: the canonical forms of header fields and of the body (RFC 6376 section 3.4).
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>

#include "protocol/header.h"

namespace gatepost::auth {

enum class Canonicalization { simple, relaxed };

// Appends the field in canonical form with its final CRLF. Simple is the field octet by octet; relaxed has
// the name in lower case, no folding, one SP for each run of white space and none at the ends of the value.
void append_canonical_field(const protocol::HeaderField& field, Canonicalization mode, std::string& out);

// The canonical form of a body that comes in chunks split anywhere. Long runs that need no change are handed
// on as they stand, without a copy; short ones are gathered, so that the sink never sees many small pieces.
class BodyCanonicalizer {
  public:
    using Sink = std::function<void(std::string_view)>;

    explicit BodyCanonicalizer(Canonicalization mode);

    void write(std::string_view chunk, const Sink& sink);
    // Call once; nothing may follow.
    void finish(const Sink& sink);

  private:
    // Three stages, each handing on to the next.
    void reduce_white_space(std::string_view chunk, const Sink& sink);  // relaxed only
    std::string_view settle_space(std::string_view chunk);
    void put(std::string_view octets);
    void hand_on_reduced(const Sink& sink);
    void hold_empty_lines(std::string_view run, const Sink& sink);
    void release_lines(const Sink& sink);
    void gather(std::string_view run, const Sink& sink);
    void flush(const Sink& sink);

    Canonicalization mode_;
    bool space_pending_ = false;     // a run of WSP has begun; what follows decides whether it counts
    bool space_cr_pending_ = false;  // behind it a CR stood at the end of a chunk
    std::size_t held_lines_ = 0;     // line ends that do not count if nothing follows
    bool held_cr_ = false;           // a CR at the end of a chunk: perhaps half a line end
    bool has_content_ = false;
    std::string reduced_;           // what reduce_white_space() has made and not yet handed on: the first
    std::size_t reduced_size_ = 0;  // so many octets
    std::string gathered_;
};

}  // namespace gatepost::auth
