// What became of one recipient of a message at the downstream.
#pragma once

#include <string>

#include "protocol/reply.h"

namespace gatepost::gateway {

enum class Fate {
    accepted,     // 2yz
    refused,      // 5yz: it will not be taken later either
    deferred,     // 4yz: the server is there and says "later"
    unreachable,  // no server answered, or the connection broke before the end: certainly not taken
    unknown       // broken between the final dot and its reply: it may have been taken (RFC 1047)
};

struct Outcome {
    Fate fate = Fate::unreachable;
    protocol::Reply reply;  // as a client of ours may hear it
    friend bool operator==(const Outcome&, const Outcome&) = default;
};

// The fate that a reply of the downstream speaks of, where it came as an answer and the connection stood.
Outcome outcome_of(protocol::Reply reply);

}  // namespace gatepost::gateway
