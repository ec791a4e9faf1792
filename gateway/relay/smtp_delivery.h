// A delivery over SMTP or LMTP, cut-through: the transaction at the downstream runs beside the client's.
#pragma once

#include <optional>

#include "gateway/relay/delivery.h"
#include "gateway/relay/relay.h"

namespace gatepost::gateway {

class SmtpDelivery final : public Delivery {
  public:
    SmtpDelivery(Relay& relay, DownstreamRoute& route, Sender sender)
        : relay_(relay), route_(route), sender_(std::move(sender)) {}
    ~SmtpDelivery() override;

    awaitable<Outcome> add_recipient(const protocol::Recipient& recipient) override;
    awaitable<std::vector<Outcome>> deliver(Content& message) override;
    bool answers_each() const override { return connection_ && connection_->dialogue.is_lmtp(); }
    bool confirms() const override { return has_dsn_; }
    std::string where() const override { return server_; }

  private:
    enum class Try {
        done,
        broken,           // the connection is of no more use
        refused,          // the server will not talk to us
        unfit,            // it is there and well, but cannot take this message
        unfit_recipient,  // or this recipient
        nobody            // no server is left to try
    };
    awaitable<Try> ask_somebody(const protocol::Recipient& recipient);
    awaitable<Try> begin_transaction();
    awaitable<Try> introduce_client();
    Try take_introduction(const protocol::ClientAction& action, bool is_xclient);
    awaitable<Try> ask(const protocol::Recipient& recipient);
    Deadline share_of_time() const;
    bool is_fit(const protocol::Recipient& recipient, const protocol::Capabilities& can) const;
    bool could_go_elsewhere(const protocol::Recipient& recipient) const;
    void leave(Try last);
    Outcome answer_of_nobody();
    Outcome give_up_flawed();
    Outcome give_up_unreadable();
    Deadline last_word_until(Deadline deadline) const;
    std::vector<Outcome> outcomes(const protocol::ClientAction& ended);
    std::vector<Outcome> for_all(const Outcome& outcome) const;
    Outcome passed_on(std::string_view at, const protocol::Reply& theirs) const;
    void note_trouble(std::string_view at, const std::string& why);
    void log_misconfiguration(std::string_view at, const protocol::Reply& theirs,
                              std::string_view remedy) const;

    Relay& relay_;
    DownstreamRoute& route_;
    Sender sender_;
    std::unique_ptr<DownstreamConnection> connection_;
    std::string server_;  // the last one, for the log
    std::size_t accepted_ = 0;
    bool has_dsn_ = true;             // the server that was asked last
    bool was_announced_ = false;      // as another client's, before
    std::optional<Outcome> refusal_;  // of every further recipient
    // Of the recipient that is being asked:
    DownstreamRoute::Tries tries_;
    Deadline began_{};                     // with this server
    Deadline deadline_ = Deadline::max();  // of all tries together: the client gives up after five minutes
    Outcome answer_;
    std::string trouble_;           // what the connection broke over
    std::optional<Outcome> unfit_;  // what a server that is there says to it
};

}  // namespace gatepost::gateway
