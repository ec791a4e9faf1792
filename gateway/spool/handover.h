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

    // `recipients`: how many were accepted, at least one. `is_connected`: a transaction with the downstream
    // stands in which it took all of them.
    Handover(config::SpoolMode mode, std::size_t recipients, bool is_connected);

    Action next() const { return action_; }
    // After Deliver: one for each recipient.
    void delivered(const std::vector<Outcome>& outcomes);
    // After Spool: nothing when it is durable, or the reply that says why it is not.
    void spooled(const std::optional<protocol::Reply>& problem);
    // Whether the queue has it, or a part of it; meaningful with the Answer.
    bool is_spooled() const { return is_spooled_; }

  private:
    config::SpoolMode mode_;
    std::size_t recipients_;
    Action action_;
    bool is_partly_delivered_ = false, is_spooled_ = false;
};

}  // namespace gatepost::gateway
