// The content of BDAT on the wire: chunks of counted octets, in which no octet means anything (RFC 3030
// section 2).
#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

#include "protocol/mail_content.h"

namespace gatepost::protocol {

struct Chunk {
    std::size_t octets = 0;
    bool is_last = false;
};

// The argument of BDAT: "1000" or "1000 LAST". Nothing for any other text and for a number that no size_t
// holds: then nobody knows where the next command begins.
std::optional<Chunk> parse_bdat(std::string_view argument);

// The content of one message, chunk by chunk. A border between chunks may stand anywhere, between CR and LF
// too.
class ChunkDecoder {
  public:
    explicit ChunkDecoder(ContentRules rules) : check_(rules) {}

    void begin(std::size_t octets) { left_ = octets; }
    // Takes octets from the front of `input`, none behind the chunk's end, and returns the content among
    // them; like DataDecoder::next().
    std::string_view next(std::string_view& input);
    // The same for a chunk that is not wanted.
    void drop(std::string_view& input);
    bool has_ended() const { return left_ == 0; }
    // After the last chunk. Returns what is still content; flaws() are final then.
    std::string_view end_of_content() { return check_.end(); }

    const MailFlaws& flaws() const { return check_.flaws(); }
    std::size_t size() const { return check_.size(); }

  private:
    ContentCheck check_;
    std::size_t left_ = 0;  // octets of the chunk
};

}  // namespace gatepost::protocol
