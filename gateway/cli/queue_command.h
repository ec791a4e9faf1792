// `gatepost queue`: looks at the spooled messages and changes what becomes of them. It reads the files
// themselves, which is safe while gatepost runs; changes are left to it while it runs, and made here under
// the spool's lock while it does not.
#pragma once

#include <string>
#include <vector>

#include "config/settings.h"
#include "gateway/spool/control_protocol.h"

namespace gatepost::gateway {

struct QueueRequest {
    enum class Verb { list, show, change, copy };
    Verb verb = Verb::list;
    ControlCommand command = ControlCommand::retry;  // of change
    std::vector<std::string> ids;
    bool all = false;  // all that the filters below let through
    bool as_json = false;
    bool is_agreed = false;  // --yes
    // Filters. Addresses: "user@domain" or "@domain", in any case.
    std::string from, to;
    bool only_dead = false, only_held = false;
    // Of show.
    bool with_header = false, with_message = false;
    // Of copy: a folder or "-", and whether the file goes with all that stands around the content.
    std::string target;
    bool whole = false;
};

// Prints to standard output, problems to standard error. An exit status of sysexits.h.
int run_queue(const QueueRequest& request, const config::Settings& settings);

}  // namespace gatepost::gateway
