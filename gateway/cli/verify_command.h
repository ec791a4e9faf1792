// `gatepost verify`: judges one message from a file as the gateway would, and says why. Scripts rely on its
// JSON.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "gateway/environment.h"

namespace gatepost::gateway {

struct VerifyRequest {
    std::string client_ip;
    std::string helo;
    std::string mail_from;    // "" is the null path
    std::string authserv_id;  // empty: that of the settings
    std::optional<std::int64_t> now;
    bool as_json = false;
    std::string message;  // a file, or "-"
};

// Prints to standard output. Returns an exit status of sysexits.h: 0 whenever there is a verdict.
int verify(const VerifyRequest& request, std::shared_ptr<const Snapshot> snapshot);

}  // namespace gatepost::gateway
