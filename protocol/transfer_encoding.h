// Makes any octets fit for a MIME part (RFC 2045 section 6): how they have to be encoded, and the encoding.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace gatepost::protocol {

// No line of a message may be longer, without CRLF (RFC 5322 section 2.1.1).
inline constexpr std::size_t kMaxLineOctets = 998;

// What is in a text, as far as its encoding depends on it.
struct TextTraits {
    bool has_8bit = false;
    // A line over kMaxLineOctets, a control character other than HTAB, CR or LF outside of CRLF.
    bool is_unfit = false;
};
TextTraits traits_of(std::string_view text);

// RFC 2045 section 6.7; lines of at most 76 octets. CRLF stays a line end, all else comes back octet by
// octet. "=_" never stands in it.
std::string quoted_printable(std::string_view text);

// The words "7bit", "8bit" or "quoted-printable" for Content-Transfer-Encoding, and the text in it.
enum class Eight { refused, allowed };
struct EncodedText {
    std::string_view encoding;
    std::string text;
};
EncodedText encoded_text(std::string_view text, Eight eight);

}  // namespace gatepost::protocol
