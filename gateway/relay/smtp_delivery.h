// A delivery over SMTP or LMTP, cut-through: the transaction at the downstream runs beside the client's.
#pragma once

#include <optional>

#include "gateway/relay/delivery.h"
#include "gateway/relay/relay.h"

namespace gatepost::gateway {

class SmtpDelivery final : public Delivery {
  public:
    SmtpDelivery(Relay& relay, Sender sender) : relay_(relay), sender_(std::move(sender)) {}
    ~SmtpDelivery() override;

    awaitable<Outcome> add_recipient(const protocol::Recipient& recipient) override;
    awaitable<std::vector<Outcome>> deliver(Content& message) override;
    bool answers_each() const override { return connection_ && connection_->dialogue.is_lmtp(); }
    std::string where() const override { return server_; }

  private:
    enum class Try { done, broken };  // broken: the connection is of no more use, a new one may be
    enum class Wanted { kept_or_new, a_new_one };
    awaitable<Try> begin_transaction(Wanted wanted);
    awaitable<Try> introduce_client();
    Try take_introduction(const protocol::ClientAction& action, bool is_xclient);
    awaitable<Try> ask(const protocol::Recipient& recipient);
    Outcome give_up_flawed();
    std::vector<Outcome> outcomes(const protocol::ClientAction& ended);
    std::vector<Outcome> for_all(const Outcome& outcome) const;
    protocol::Reply passed_on(std::string_view at, const protocol::Reply& theirs) const;
    void log_trouble(std::string_view at, const std::string& why) const;
    void log_misconfiguration(std::string_view at, const protocol::Reply& theirs,
                              std::string_view remedy) const;

    Relay& relay_;
    Sender sender_;
    std::unique_ptr<DownstreamConnection> connection_;
    std::string server_;  // the last one, for the log
    std::size_t accepted_ = 0;
    bool is_new_ = false;                  // the connection was made for this transaction
    bool was_announced_ = false;           // as another client's, before
    Outcome answer_;                       // to the last recipient
    Deadline deadline_ = Deadline::max();  // for the recipient that is being asked
    std::optional<Outcome> refusal_;       // of every further recipient
};

}  // namespace gatepost::gateway
