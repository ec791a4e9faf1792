// What a delivery status notification says to people, and the small texts of its fields. Private to dsn.
#pragma once

#include <string>
#include <string_view>

#include "protocol/dsn.h"

namespace gatepost::protocol {

std::string_view dsn_subject(DsnAction action);

// Lines with CRLF: what happened, to whom, in whose words, and what to do.
std::string dsn_text(const Dsn& dsn);

// The Status field (RFC 3463): the class that fits the action, the rest of the reply's own code.
std::string dsn_status(DsnAction action, const Reply& reply);

// Without anything that could end a line or hide what stands there: controls, and octets that are no UTF-8
// or separate lines for some reader, become question marks.
std::string dsn_printable(std::string_view text);
// The same of a reply, in ASCII.
std::string dsn_words(const Reply& reply);

}  // namespace gatepost::protocol
