// The header block of a message: its fields, exactly as they stand, and where they stand.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/result.h"

namespace gatepost::protocol {

// Limits of a header block; past them the message is refused (specs/smtp.md M-24).
struct HeaderLimits {
    std::size_t octets = 256 * 1024;
    std::size_t fields = 1000;
    std::size_t field_octets = 64 * 1024;
};

// One field. The views point into the Header's text.
struct HeaderField {
    std::string_view name;  // without white space before the colon (obsolete syntax, RFC 5322 section 4.5.8)
    std::string_view body;  // what follows the colon, still folded, without the final CRLF
    std::string_view raw;   // the whole field, octet by octet, with its final CRLF
};

class Header {
  public:
    // `block` is the header with CRLF line ends, up to and without the empty line. Fails on the limits, on a
    // first line that is no field, on any line that is neither a field nor a continuation, and on NUL, bare
    // CR and bare LF.
    static Result<Header> parse(std::string block, const HeaderLimits& limits = {});

    std::size_t size() const { return fields_.size(); }
    HeaderField operator[](std::size_t index) const;
    // Indices of the fields of that name, top first; compared without case.
    std::vector<std::size_t> find(std::string_view name) const;
    const std::string& text() const { return text_; }

  private:
    struct Extent {
        std::size_t begin, name_end, colon, end;
    };
    std::string text_;
    std::vector<Extent> fields_;
};

// A field body with its folding undone: each CRLF is removed, the white space behind it stays (RFC 5322
// section 2.2.3).
std::string unfolded(std::string_view body);

}  // namespace gatepost::protocol
