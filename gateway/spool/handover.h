// What is done with a message that shall go to the downstream: handed over while the client waits, spooled,
// or both, and what the client hears. Without I/O: says what to do next and hears what came of it.
#pragma once

#include <cstddef>
#include <optional>
#include <variant>
#include <vector>

#include "config/settings.h"
#include "gateway/relay/outcome.h"

namespace gatepost::gateway {

class Handover {
  public:
    struct Deliver {};  // over the transaction that stands
    struct Spool {
        std::vector<std::size_t> recipients;  // indices, ascending
    };
    struct Answer {
        protocol::Reply reply;
    };
    using Action = std::variant<Deliver, Spool, Answer>;

    // `is_connected`: a transaction with the downstream stands, in which it took all `recipients`.
    Handover(config::SpoolMode mode, std::size_t recipients, bool is_connected);

    Action next();
    // One for each recipient.
    void delivered(const std::vector<Outcome>& outcomes);
    // Durable, or the reply that says why not.
    void spooled(std::optional<protocol::Reply> problem);
};

}  // namespace gatepost::gateway
