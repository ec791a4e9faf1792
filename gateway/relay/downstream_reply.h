// What a downstream server answers, as our client may see it.
#pragma once

#include "protocol/reply.h"

namespace gatepost::gateway {

// Its class and enhanced code, its text cleaned; never a 421 that speaks of a connection that is not the
// client's, never anything but 2yz, 4yz, 5yz.
protocol::Reply as_ours(const protocol::Reply& theirs);

// A permanent refusal of how we speak to it: unknown command, bad sequence, TLS or a password wanted. That is
// between it and us and no fault of the message: as_ours() makes a 451 4.3.5 of it.
bool is_misconfiguration(const protocol::Reply& theirs);

}  // namespace gatepost::gateway
