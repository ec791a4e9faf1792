// The options of `gatepost queue`.
#pragma once

#include "gateway/cli/queue_command.h"

namespace CLI {
class App;
}

namespace gatepost::gateway {

// The sub-commands fill `request`, which must outlive the parsing.
void add_queue_options(CLI::App& queue, QueueRequest& request);

}  // namespace gatepost::gateway
