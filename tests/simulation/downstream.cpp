#include "downstream.h"

namespace gatepost::simulation {

using gateway::Fate;
using gateway::Outcome;
namespace reply = protocol::reply;

namespace {

const Outcome kAway{Fate::unreachable, reply::kDownstreamDown};
const Outcome kSilent{Fate::unknown, reply::kDownstreamTimeout};
const Outcome kLater{Fate::deferred, reply::kMailboxFull};
const Outcome kNobody{Fate::refused, reply::kUnknownUser};
const Outcome kNever{Fate::refused, reply::kTooLarge};

}  // namespace

Outcome Downstream::asked(const Letter& letter, std::size_t recipient) {
    if (!is_up_[letter.destination]) return kAway;
    if (letter.is_unknown_user[recipient]) return kNobody;
    if (world_.dice.chance(trouble_)) return world_.dice.chance(50) ? kLater : kAway;
    return {Fate::accepted, reply::kRecipientOk};
}

Outcome Downstream::taken(std::size_t attempt, std::size_t recipient, bool is_unknown) {
    world_.ledger.delivered(attempt, recipient, is_unknown, world_.life);
    world_.trace("downstream: has a", attempt, " for r", recipient, is_unknown ? ", and vanishes" : "");
    return is_unknown ? kSilent : Outcome{Fate::accepted, reply::kMessageTaken};
}

std::vector<Outcome> Downstream::take(const Letter& letter, std::size_t attempt,
                                      const std::vector<std::size_t>& recipients) {
    auto& dice = world_.dice;
    const std::size_t message = world_.ledger.attempt(attempt).message;
    const auto for_all = [&](const Outcome& outcome) {
        return std::vector<Outcome>(recipients.size(), outcome);
    };
    if (!is_up_[letter.destination]) return for_all(kAway);
    if (dice.chance(trouble_)) return for_all(dice.chance(50) ? kAway : kLater);
    if (letter.is_bad_content) {
        for (const auto recipient : recipients) world_.ledger.refused(message, recipient);
        return for_all(kNever);
    }
    const bool vanishes = dice.chance(trouble_);
    // How many it still took, and how many it still answered for.
    const std::size_t took = vanishes ? dice.below(recipients.size() + 1) : recipients.size();
    const std::size_t answered = !vanishes ? recipients.size() : is_lmtp_ ? dice.below(took + 1) : 0;
    std::vector<Outcome> outcomes;
    for (std::size_t i = 0; i < recipients.size(); ++i) {
        const bool is_unknown = i >= answered;
        // An SMTP server takes a message for all or for none.
        const bool takes = is_lmtp_ || !vanishes ? i < took : took > 0;
        if (letter.is_unknown_user[recipients[i]]) {
            if (!is_unknown) world_.ledger.refused(message, recipients[i]);
            outcomes.push_back(is_unknown ? kSilent : kNobody);
        } else if (is_lmtp_ && !is_unknown && dice.chance(trouble_)) {
            outcomes.push_back(kLater);
        } else {
            outcomes.push_back(takes ? taken(attempt, recipients[i], is_unknown) : kSilent);
        }
    }
    return outcomes;
}

}  // namespace gatepost::simulation
