// One try to deliver a spooled message to all of its recipients that are still open.
#pragma once

#include <vector>

#include "gateway/environment.h"
#include "gateway/spool/queue.h"
#include "gateway/spool/spool.h"

namespace gatepost::gateway {

struct Attempt {
    unsigned number = 1;
    std::vector<std::size_t> open;  // recipients that it is about
    // One for each recipient of which something is known, as soon as it is: what was accepted must not be
    // forgotten, whatever happens to the rest.
    std::vector<Tried> tried;
    bool is_gone = false;  // there is no such message any more
};

// To the recipients of attempt.open. Those of one route go together. Writes a `delivery` line for each of its
// servers and answers.
awaitable<void> try_to_deliver(Environment& environment, const Spooled& spooled, Content& content,
                               Attempt& attempt);

// The recipients that need a further try.
std::vector<std::size_t> open_recipients(const Spooled& spooled);
// What the queue has to know. Its destination is the route of the first recipient that is open.
QueueEntry entry_of(const Spooled& spooled, const config::Settings& settings);

}  // namespace gatepost::gateway
