// Asking the downstream what it can do, before a message needs to know.
#pragma once

#include <memory>

#include "gateway/environment.h"

namespace gatepost::gateway {

// Each server of whom that is not known or not known lately is connected to and greeted, beside whatever else
// is going on; the connection is kept for the next message.
void probe_downstream(const std::shared_ptr<Environment>& environment);

}  // namespace gatepost::gateway
