// Whether notifications will be believed: their key is in the DNS.
#pragma once

#include <memory>

#include "gateway/environment.h"

namespace gatepost::gateway {

// Asks once, and says in the log what came of it; nothing waits for it. Of no account where notifications are
// off or have no key. In the thread of the queue alone, as all that uses that key.
awaitable<void> check_notification_key(std::shared_ptr<Environment> environment);

}  // namespace gatepost::gateway
