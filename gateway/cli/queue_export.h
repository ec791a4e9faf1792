// The content of queued messages, printed or copied into files.
#pragma once

#include <string>

#include "gateway/cli/queue_command.h"
#include "gateway/cli/queue_folder.h"

namespace gatepost::gateway {

// Of a file that was read: its header, or all of it; without control characters where a terminal reads it.
// Empty, or what went wrong.
std::string print_content(QueueFile& file, bool whole);

struct Exported {
    std::string file;     // that was written; empty: standard output
    std::string problem;  // empty: done
    int status = 0;       // of sysexits.h, for a problem
};
// To request.target. Never over a file that is there.
Exported export_message(const QueueFolder& folder, const std::string& id, const QueueRequest& request);

}  // namespace gatepost::gateway
