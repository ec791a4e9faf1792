// Characters that a reader does not see, or sees as a sign of the address grammar. They are legal in UTF-8
// mail (RFC 6532) and of no use in an address but to show it as another one.
#pragma once

#include <string_view>

namespace gatepost::protocol {

// Whether well-formed UTF-8 holds a character that an address must not: blanks and invisible characters
// beyond ASCII, marks that turn the direction of writing, full-width forms of @ < > , ; : . and quotation
// marks.
bool has_deceptive_character(std::string_view utf8);

// Whether it holds U+202D or U+202E, which make the text behind them read backwards ("moc.knab@x"). Names in
// right-to-left scripts use other marks.
bool has_direction_override(std::string_view text);

}  // namespace gatepost::protocol
