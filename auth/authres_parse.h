// Reads the Authentication-Results fields of strangers, only as far as to know whose they are. Results are
// never taken from there.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace gatepost::auth {

// The authserv-id of a whole field body that parses and has version 1, in lower case and A-labels. Nothing
// otherwise.
std::optional<std::string> parsed_authserv_id(std::string_view field_body);

// The same of the body of an ARC-Authentication-Results field.
std::optional<std::string> parsed_chain_authserv_id(std::string_view field_body);

// The receiver= of a Received-SPF field body, likewise. Nothing if it does not parse or names none.
std::optional<std::string> parsed_spf_receiver(std::string_view field_body);

// How an id is compared: lower case, A-labels, no final dot.
std::string comparable_id(std::string_view id);

}  // namespace gatepost::auth
