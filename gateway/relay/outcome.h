// What became of one recipient of a message at the downstream.
#pragma once

#include <string>
#include <string_view>

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
    // What lies behind it, for the log and the journal: "10.0.0.5: Connection refused". Made by reason(); for
    // the administrator only, since it tells of our network. Empty where the reply says it all.
    std::string why{};
    bool is_own = false;  // found by us: the words of the reply are no server's
    friend bool operator==(const Outcome&, const Outcome&) = default;
};

// The fate that a reply of the downstream speaks of, where it came as an answer and the connection stood.
Outcome outcome_of(protocol::Reply reply);
// The same, of what we say ourselves.
Outcome own_finding(protocol::Reply reply);

// Of whatever somebody said: one line, without controls, at most kMaxReason octets.
inline constexpr std::size_t kMaxReason = 200;
std::string reason(std::string_view text);
// "451 4.4.1 Mail server not reachable (10.0.0.5: Connection refused)".
std::string problem_of(const Outcome& outcome);

}  // namespace gatepost::gateway
