// `gatepost serve`: starts the workers, listens to signals and systemd, ends in order.
#pragma once

#include <memory>
#include <string>

#include "gateway/environment.h"

namespace gatepost::gateway {

// Until SIGTERM or SIGINT. `reread` makes the next snapshot at SIGHUP from the same file. Returns an exit
// status of sysexits.h.
int serve(std::shared_ptr<const Snapshot> snapshot, const std::string& file);

}  // namespace gatepost::gateway
