#include "gateway/relay/outcome.h"

#include <algorithm>
#include <utility>

#include "protocol/ascii.h"

namespace gatepost::gateway {

Outcome outcome_of(protocol::Reply reply) {
    Fate fate = Fate::deferred;
    if (reply.is_positive()) fate = Fate::accepted;
    if (reply.is_permanent()) fate = Fate::refused;
    return {fate, std::move(reply)};
}

Outcome own_finding(protocol::Reply reply) {
    Outcome outcome = outcome_of(std::move(reply));
    outcome.is_own = true;
    return outcome;
}

std::string reason(std::string_view text) {
    std::string out(text.substr(0, kMaxReason));
    std::replace_if(
        out.begin(), out.end(), [](char c) { return protocol::is_control(c) || !protocol::is_ascii(c); },
        '?');
    return out;
}

std::string problem_of(const Outcome& outcome) {
    std::string text = outcome.reply.text();
    return outcome.why.empty() ? text : text + " (" + outcome.why + ")";
}

}  // namespace gatepost::gateway
