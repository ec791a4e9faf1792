// Look-ups begun before their answer is needed, so that DNS works while the client still talks.
#pragma once

#include <string>

#include "auth/spf.h"
#include "gateway/environment.h"

namespace gatepost::gateway {

// SPF of the HELO name and the client's reverse name; SPF of the reverse-path. What comes out stays in the
// caches.
void foresee_helo(const std::shared_ptr<Environment>& environment, const auth::SpfClient& client);
void foresee_mail_from(const std::shared_ptr<Environment>& environment, const auth::SpfClient& client,
                       const std::string& reverse_path);

}  // namespace gatepost::gateway
