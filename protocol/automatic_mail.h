// Whether a message comes from a mailing list or an automaton, as far as its header says so: nobody is
// notified of such (RFC 3834 section 2, RFC 5321 section 3.6.3).
#pragma once

#include "protocol/header.h"

namespace gatepost::protocol {

// List-Id (RFC 2919), Precedence: bulk, list or junk (RFC 2076 section 3.9), or Auto-Submitted other than no
// (RFC 3834 section 5). Anybody may write these; who does forgoes notifications, no more.
bool is_automatic(const Header& header);

}  // namespace gatepost::protocol
