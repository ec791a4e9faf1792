// Which messages a `gatepost queue` command is about.
#pragma once

#include <string>
#include <vector>

#include "gateway/cli/queue_command.h"
#include "gateway/cli/queue_folder.h"

namespace gatepost::gateway {

// For a list: oldest first.
struct Selection {
    std::vector<QueuedMessage> messages;
    QueueTotals totals;
    std::vector<std::string> unreadable;  // a line for each file that is damaged
    std::string problem;                  // the folder cannot be read
};
Selection select(const QueueFolder& folder, const QueueRequest& request);

// For a change or a copy.
struct Targets {
    std::vector<std::string> queued;     // in queue/ or hold/
    std::vector<std::string> dead;       // dead letters
    std::vector<ControlResult> missing;  // named, but not there or of no use; why
    std::string problem;                 // the folder cannot be read
};
Targets find_targets(const QueueFolder& folder, const QueueRequest& request);

// Whether an address is the one that was asked for: "user@domain", "@domain", "<>"; in any case.
bool is_address(const protocol::Path& path, const std::string& wanted);

}  // namespace gatepost::gateway
