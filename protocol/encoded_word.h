// Encoded words (RFC 2047), only as far as to know what a reader would see that decodes a field before it
// takes it apart. The right order is the other one, and an encoded word never is an address; but not every
// reader keeps to it.
#pragma once

#include <string>
#include <string_view>

namespace gatepost::protocol {

// Whether anything in `text` has the form of an encoded word, =?charset?encoding?text?=.
bool has_encoded_word(std::string_view text);

// `text` with each encoded word replaced by the octets it stands for; charsets are not converted, since all
// in use but UTF-7, UTF-16 and UTF-32 have the signs of the address grammar where ASCII has them, and of
// those that shift (ISO-2022) what is shifted away from ASCII is left out. White space between two encoded
// words goes.
struct Decoded {
    std::string text;
    // A control character other than HTAB, or a charset in which the signs hide (UTF-7, UTF-16, UTF-32).
    bool has_hidden_signs = false;
};
Decoded with_decoded_words(std::string_view text);

}  // namespace gatepost::protocol
