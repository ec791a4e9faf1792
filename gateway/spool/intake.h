// One client's message on its way to the downstream, into the spool, or both; the only place that says what
// the client hears of it.
#pragma once

#include <memory>
#include <string>

#include "gateway/relay/delivery.h"

namespace gatepost::gateway {

class Relay;

class Intake {
  public:
    // The relay must outlive it.
    Intake(Relay& relay, Sender sender) : relay_(relay), sender_(std::move(sender)) {}

    // The downstream is asked in the same breath.
    awaitable<protocol::Reply> add_recipient(const protocol::Recipient& recipient);
    // At most once, and last; 2yz: it is safe, there or here.
    awaitable<protocol::Reply> take(Content& message);
    // Where it goes, for the log.
    std::string where() const { return delivery_ ? delivery_->where() : ""; }

  private:
    Relay& relay_;
    Sender sender_;
    std::unique_ptr<Delivery> delivery_;
    std::size_t route_ = 0;  // of delivery_
    std::size_t accepted_ = 0;
};

}  // namespace gatepost::gateway
