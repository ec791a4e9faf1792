// The syntax of the parameters for delivery status notifications (RFC 3461 section 4). They are checked, and
// handed on as they came: nothing is ever decoded out of them.
#pragma once

#include <string_view>

namespace gatepost::protocol {

// Text with "+HH" for what may not stand bare, of which nothing decodes to a control character or to 8 bits
// (section 4; Exim's CVE-2020-28022 was an ORCPT with +0D+0A).
bool is_xtext(std::string_view value);

// FULL or HDRS (section 4.3).
bool is_ret(std::string_view value);
// At most 100 octets of xtext (section 4.4).
bool is_envid(std::string_view value);
// NEVER alone, or each of SUCCESS, FAILURE, DELAY at most once (section 4.1).
bool is_notify(std::string_view value);

enum class Utf8 { refused, allowed };
// "rfc822;" or another type, then xtext; at most 500 octets (section 4.2). After "utf-8;" the address may
// stand as it is in a transaction with SMTPUTF8 (RFC 6533 section 3).
bool is_orcpt(std::string_view value, Utf8 utf8);

}  // namespace gatepost::protocol
