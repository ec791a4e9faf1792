// One try to deliver a spooled message to all of its recipients that are still open.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "gateway/environment.h"
#include "gateway/spool/queue.h"
#include "gateway/spool/spool.h"

namespace gatepost::gateway {

struct Attempt {
    unsigned number = 1;
    std::vector<std::size_t> open;                           // recipients that it is about
    std::map<std::size_t, std::vector<std::size_t>> routes;  // the same, by the route that leads to them
    // One for each recipient of which something is known, as soon as it is: what was accepted must not be
    // forgotten, whatever happens to the rest.
    std::vector<Tried> tried;
    bool is_gone = false;  // there is no such message any more
};

// Fills in attempt.routes.
void find_routes(const SpooledMessage& message, const config::Settings& settings, Attempt& attempt);

// To the recipients of one of attempt.routes. Writes a `delivery` line for each of its servers and answers.
awaitable<void> try_to_deliver(Environment& environment, std::size_t route, const Spooled& spooled,
                               Content& content, Attempt& attempt);

// The recipients that need a further try.
std::vector<std::size_t> open_recipients(const Spooled& spooled);
// What the queue has to know. Its destination is the routes of all recipients that are open: where one of
// them is away, the others are tried all the same.
QueueEntry entry_of(const Spooled& spooled, const config::Settings& settings);
// Its destination from now on: the routes of those who need a further try; empty if nobody does.
std::string destination_after(const Attempt& attempt);

}  // namespace gatepost::gateway
