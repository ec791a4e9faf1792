#include "gateway/spool/intake.h"

#include "gateway/relay/relay.h"

namespace gatepost::gateway {
namespace {

namespace reply = protocol::reply;

}  // namespace

awaitable<protocol::Reply> Intake::add_recipient(const protocol::Recipient& recipient) {
    const std::size_t route = relay_.settings().route_of(recipient.path.domain);
    if (accepted_ > 0 && route != route_) co_return reply::kOneDestinationAtATime;
    if (!delivery_ || route != route_) delivery_ = relay_.begin(sender_, route);
    route_ = route;
    // The recipients' fates may differ, and there is but one reply for all (specs/smtp.md M-35).
    if (accepted_ > 0 && delivery_->answers_each()) co_return reply::kOneRecipientAtATime;
    Outcome outcome = co_await delivery_->add_recipient(recipient);
    if (outcome.fate == Fate::accepted) ++accepted_;
    co_return std::move(outcome.reply);
}

awaitable<protocol::Reply> Intake::take(Content& message) {
    if (!delivery_ || accepted_ == 0) co_return reply::kDownstreamDown;
    const std::vector<Outcome> outcomes = co_await delivery_->deliver(message);
    if (outcomes.empty()) co_return reply::kDownstreamDown;
    co_return outcomes.front().reply;
}

}  // namespace gatepost::gateway
