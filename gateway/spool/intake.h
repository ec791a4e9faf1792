// One client's message on its way to the downstream, into the spool, or both; the only place that says what
// the client hears of it.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "gateway/relay/delivery.h"
#include "gateway/relay/recipients.h"
#include "gateway/spool/spool.h"

namespace gatepost::gateway {

class Relay;

class Intake {
  public:
    // What the session has found out, for the spool file.
    struct Findings {
        bool may_notify = false;
        bool is_list = false;
        std::vector<std::pair<std::string, std::string>> facts;
    };

    // The relay must outlive it, and the spool if there is one; without one nothing is spooled.
    Intake(asio::io_context& context, Relay& relay, Spool* spool, Sender sender, std::string id);

    // At MAIL: 452 if the message would have to be spooled and there is no room.
    std::optional<protocol::Reply> refusal() const;
    // The downstream is asked in the same breath. Where the spool may stand in for it, a recipient that it
    // cannot be asked about is taken.
    awaitable<protocol::Reply> add_recipient(const protocol::Recipient& recipient);
    // At most once, and last; 2yz: it is safe, there or here.
    awaitable<protocol::Reply> take(Content& message, Findings findings);
    // Where it goes, for the log.
    std::string where() const { return delivery_ ? delivery_->where() : where_; }
    // At least for one of the recipients.
    bool was_spooled() const { return spooled_ > 0; }
    // Nothing of it has gone to the downstream.
    bool was_spooled_for_all() const { return was_spooled() && spooled_ == recipients_.size(); }

  private:
    awaitable<Outcome> ask(const protocol::Recipient& recipient);
    Standing standing_of(const protocol::Path& recipient, Recipients::Downstream downstream) const;
    protocol::Reply accept_unasked(const protocol::Recipient& recipient);
    bool has_room_for(const protocol::Recipient& recipient) const;
    protocol::Reply accept(const protocol::Recipient& recipient, protocol::Reply answer);
    std::optional<protocol::Reply> refusal_by_spool() const;
    awaitable<std::vector<Outcome>> deliver(Content& message);
    awaitable<std::optional<protocol::Reply>> spool(Content& message, std::vector<std::size_t> recipients,
                                                    const Findings& findings);

    asio::io_context& context_;
    Relay& relay_;
    Spool* const spool_;
    const config::SpoolMode mode_;
    Sender sender_;
    std::string id_;
    std::unique_ptr<Delivery> delivery_;
    std::vector<protocol::Recipient> recipients_;  // accepted
    std::size_t envelope_octets_ = 0;              // of the recipients
    std::size_t route_ = 0;                        // of delivery_
    bool is_away_ = false;                         // the downstream; the spool stands in for it
    std::size_t spooled_ = 0;                      // recipients for whom the spool has it
    std::string where_;                            // when there is no delivery any more
};

}  // namespace gatepost::gateway
