#include "gateway/spool/handover.h"

#include <algorithm>
#include <numeric>

namespace gatepost::gateway {
namespace {

using config::SpoolMode;
using protocol::Reply;
namespace reply = protocol::reply;

constexpr protocol::FixedReply kQueued{250, "2.0.0", "Queued"};

// The first outcome of that fate, or null.
const Outcome* first_of(const std::vector<Outcome>& outcomes, Fate fate) {
    const auto found = std::find_if(outcomes.begin(), outcomes.end(),
                                    [&](const Outcome& outcome) { return outcome.fate == fate; });
    return found == outcomes.end() ? nullptr : &*found;
}

// For a message that nobody has taken, or one whose fate is the same for all: the client keeps it as long as
// any of it may still go through (specs/smtp.md M-35).
Reply answer_for(const std::vector<Outcome>& outcomes) {
    for (const Fate fate :
         {Fate::unknown, Fate::unreachable, Fate::deferred, Fate::refused, Fate::accepted}) {
        if (const Outcome* outcome = first_of(outcomes, fate)) return outcome->reply;
    }
    return reply::kDownstreamDown;
}

}  // namespace

Handover::Handover(SpoolMode mode, std::size_t recipients, bool is_connected)
    : mode_(mode), recipients_(recipients), action_(Deliver{}) {
    const bool delivers = mode == SpoolMode::never || (mode == SpoolMode::outage && is_connected);
    if (delivers) return;
    Spool all{std::vector<std::size_t>(recipients)};
    std::iota(all.recipients.begin(), all.recipients.end(), std::size_t(0));
    action_ = std::move(all);
}

// Without a spool one recipient's fate is that of all (Intake sees to it). With one, the spool takes the rest
// as soon as we answer for any part of the message: some were delivered, or a server has vanished.
void Handover::delivered(const std::vector<Outcome>& outcomes) {
    if (outcomes.size() != recipients_) {  // a bug of ours; whatever was taken, the client sends it again
        action_ = Answer{reply::kLocalError};
        return;
    }
    is_partly_delivered_ = first_of(outcomes, Fate::accepted) != nullptr;
    const bool is_lost = first_of(outcomes, Fate::unreachable) || first_of(outcomes, Fate::unknown);
    Spool rest;
    for (std::size_t i = 0; i < outcomes.size(); ++i) {
        if (outcomes[i].fate != Fate::accepted) rest.recipients.push_back(i);
    }
    const bool spools =
        mode_ != SpoolMode::never && !rest.recipients.empty() && (is_partly_delivered_ || is_lost);
    if (spools) {
        action_ = std::move(rest);
    } else {
        action_ = Answer{answer_for(outcomes)};
    }
}

// Some may have it already: they will get it twice, for the client comes again, and the others would not get
// it at all otherwise.
void Handover::spooled(const std::optional<Reply>& problem) {
    is_spooled_ = !problem;
    action_ = Answer{problem ? *problem : Reply(kQueued)};
}

}  // namespace gatepost::gateway
