#include "gateway/relay/outcome.h"

#include <utility>

namespace gatepost::gateway {

Outcome outcome_of(protocol::Reply reply) {
    Fate fate = Fate::deferred;
    if (reply.is_positive()) fate = Fate::accepted;
    if (reply.is_permanent()) fate = Fate::refused;
    return {fate, std::move(reply)};
}

}  // namespace gatepost::gateway
