// The queue of spooled messages: which is tried when, and what follows from a try. Without I/O and without a
// clock of its own: times go in, what to do comes out. It holds what the choice needs, a hundred octets or so
// a message; all else stays in the files.
#pragma once

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "config/settings.h"
#include "gateway/relay/outcome.h"
#include "gateway/spool/spool_file.h"

namespace gatepost::gateway {

struct QueueEntry {
    std::string id;
    std::string destination;  // tries of the same one are bounded together
    std::size_t octets = 0;
    unsigned attempts = 0;
    std::chrono::seconds age{0};  // of JournalEntry: what the wall clock does is no reason to give up
    bool is_held = false;
    bool is_delay_told = false;
};

// What became of one recipient in a try.
struct Tried {
    std::size_t recipient = 0;  // its index in the file
    Outcome outcome;
    std::string server;  // the name of the one that answered; empty if none did
};

class Queue {
  public:
    using Time = std::chrono::steady_clock::time_point;

    // Try it: afterwards ended(), with all recipients that were open.
    struct Try {
        std::string id;
    };
    // Tell the sender of these recipients, or keep a dead letter, durably; afterwards done().
    struct Notify {
        enum class What { failed, delayed, relayed };
        std::string id;
        What what = What::failed;
        std::vector<Tried> recipients;
    };
    // Append to the journal of the file, synced if `done` is not empty; afterwards done().
    struct Record {
        std::string id;
        JournalEntry entry;
    };
    // Nothing is left to do; afterwards done().
    struct Remove {
        std::string id;
    };
    using Action = std::variant<Try, Notify, Record, Remove>;
};

}  // namespace gatepost::gateway
