#include "gateway/spool/intake.h"

#include <cerrno>
#include <ctime>

#include "gateway/relay/relay.h"
#include "gateway/spool/handover.h"

namespace gatepost::gateway {
namespace {

namespace reply = protocol::reply;
using config::SpoolMode;
using protocol::Reply;

// The head of a spool file has room for four times as much, which is what escaping makes of it at most.
constexpr std::size_t kMaxEnvelope = kMaxSpoolHead / 5;

Reply reply_to(int error) {
    const bool is_full = error == ENOSPC || error == EDQUOT || error == EFBIG;
    return is_full ? reply::kNoStorage : reply::kLocalError;
}

std::size_t octets_of(const protocol::Recipient& recipient) {
    return recipient.path.text().size() + recipient.notify.size() + recipient.orcpt.size() + 32;
}

}  // namespace

Intake::Intake(asio::io_context& context, Relay& relay, Spool* spool, Sender sender, std::string id)
    : context_(context),
      relay_(relay),
      spool_(spool),
      mode_(spool ? relay.settings().downstream.spool : SpoolMode::never),
      sender_(std::move(sender)),
      id_(std::move(id)) {}

std::optional<Reply> Intake::refusal() const {
    if (mode_ != SpoolMode::always) return {};
    return refusal_by_spool();
}

// What the client has announced must fit; without an announcement something must.
std::optional<Reply> Intake::refusal_by_spool() const {
    return spool_->refusal(sender_.parameters.declared_size.value_or(0));
}

// What follows a transaction that is broken is not asked about again: each try may take half a minute.
awaitable<Outcome> Intake::ask(const protocol::Recipient& recipient) {
    const std::size_t route = relay_.settings().route_of(recipient.path.domain);
    if (!delivery_ || route != route_) {
        delivery_ = relay_.begin(sender_, route);
        route_ = route;
        is_away_ = false;
    }
    if (is_away_) co_return Outcome{};
    Outcome outcome = co_await delivery_->add_recipient(recipient);
    co_return outcome;
}

awaitable<Reply> Intake::add_recipient(const protocol::Recipient& recipient) {
    // Cut-through asks all the same: the transaction needs it.
    const Standing standing = mode_ == SpoolMode::always
                                  ? standing_of(recipient.path, Recipients::Downstream::there)
                                  : relay_.recipients().listed(recipient.path);
    if (standing == Standing::unknown) co_return reply::kUnknownUser;
    // Before the downstream is asked: whom it has taken there must be as many of as here.
    const bool has_room = has_room_for(recipient);
    if (!has_room) co_return reply::kTooManyRecipients;
    if (mode_ == SpoolMode::always && standing == Standing::known)
        co_return accept(recipient, reply::kRecipientOk);
    // The recipients' fates may differ, and there is but one reply for all (specs/smtp.md M-35); the spool
    // keeps those that need another try.
    const bool is_alone = mode_ == SpoolMode::never && delivery_ && delivery_->answers_each();
    if (is_alone && !recipients_.empty()) co_return reply::kOneRecipientAtATime;
    const std::size_t route = relay_.settings().route_of(recipient.path.domain);
    const bool is_elsewhere = mode_ != SpoolMode::always && !recipients_.empty() && route != route_;
    if (is_elsewhere) co_return reply::kOneDestinationAtATime;
    Outcome outcome = co_await ask(recipient);
    if (outcome.fate == Fate::accepted) co_return accept(recipient, std::move(outcome.reply));
    const bool is_answer = outcome.fate == Fate::refused || outcome.fate == Fate::deferred;
    if (mode_ == SpoolMode::never || is_answer) co_return std::move(outcome.reply);
    is_away_ = true;
    co_return accept_unasked(recipient);
}

Standing Intake::standing_of(const protocol::Path& recipient, Recipients::Downstream downstream) const {
    return relay_.recipients().lookup(recipient, downstream, Clock::now());
}

// Nobody can be asked: whoever is not known to be unknown is taken.
Reply Intake::accept_unasked(const protocol::Recipient& recipient) {
    const Standing standing = standing_of(recipient.path, Recipients::Downstream::away);
    if (standing == Standing::unknown) return reply::kUnknownUser;
    if (const auto full = refusal_by_spool()) return *full;
    return accept(recipient, reply::kRecipientOk);
}

bool Intake::has_room_for(const protocol::Recipient& recipient) const {
    return mode_ == SpoolMode::never || envelope_octets_ + octets_of(recipient) <= kMaxEnvelope;
}

Reply Intake::accept(const protocol::Recipient& recipient, Reply answer) {
    envelope_octets_ += octets_of(recipient);
    recipients_.push_back(recipient);
    return answer;
}

awaitable<Reply> Intake::take(Content& message, Findings findings) {
    const bool is_connected = delivery_ && !is_away_ && mode_ != SpoolMode::always;
    if (delivery_ && !is_connected) {  // others may use the connection
        where_ = delivery_->where();
        delivery_.reset();
    }
    Handover handover(mode_, recipients_.size(), is_connected);
    for (;;) {
        Handover::Action action = handover.next();
        if (const auto* spooling = std::get_if<Handover::Spool>(&action)) {
            std::optional<Reply> problem = co_await spool(message, spooling->recipients, findings);
            handover.spooled(std::move(problem));
        } else if (const auto* answer = std::get_if<Handover::Answer>(&action)) {
            co_return answer->reply;
        } else {
            std::vector<Outcome> outcomes = co_await deliver(message);
            handover.delivered(outcomes);
        }
    }
}

awaitable<std::vector<Outcome>> Intake::deliver(Content& message) {
    std::vector<Outcome> outcomes = co_await delivery_->deliver(message);
    const Outcome missing{Fate::unreachable, reply::kDownstreamDown};
    outcomes.resize(recipients_.size(), missing);
    co_return outcomes;
}

awaitable<std::optional<Reply>> Intake::spool(Content& message, std::vector<std::size_t> recipients,
                                              const Findings& findings) {
    SpooledMessage spooled;
    spooled.id = id_;
    spooled.arrived = std::time(nullptr);
    spooled.sender = sender_;
    for (const std::size_t recipient : recipients) spooled.recipients.push_back(recipients_[recipient]);
    spooled.may_notify = findings.may_notify;
    spooled.is_list = findings.is_list;
    spooled.facts = findings.facts;
    const int error = co_await spool_->commit(context_, std::move(spooled), message);
    spooled_ = error == 0 ? recipients.size() : 0;
    std::optional<Reply> problem;
    if (error != 0) problem = reply_to(error);
    co_return problem;
}

}  // namespace gatepost::gateway
