// Whether a message comes from a mailing list or an automaton, as far as its header says so: nobody is
// notified of such (RFC 3834 section 2, RFC 5321 section 3.6.3).
#pragma once

#include "protocol/header.h"

namespace gatepost::protocol {

// A field of lists (RFC 2919, RFC 2369, RFC 8058), Precedence: bulk, list or junk (RFC 2076 section 3.9),
// Auto-Submitted other than no (RFC 3834 section 5), a report of whatever type (RFC 6522), or
// X-Auto-Response-Suppress, with which Exchange asks for no answers. Anybody may write these; who does forgoes notifications, no more.
bool is_automatic(const Header& header);

}  // namespace gatepost::protocol
