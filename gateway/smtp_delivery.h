// A delivery over SMTP, cut-through: the transaction at the downstream runs beside the client's.
#pragma once

#include <optional>

#include "gateway/delivery.h"
#include "gateway/relay.h"

namespace gatepost::gateway {

class SmtpDelivery final : public Delivery {
  public:
    SmtpDelivery(Relay& relay, Sender sender) : relay_(relay), sender_(std::move(sender)) {}
    ~SmtpDelivery() override;

    awaitable<protocol::Reply> add_recipient(const protocol::Recipient& recipient) override;
    awaitable<protocol::Reply> deliver(Outgoing& message) override;
    std::string where() const override { return server_; }

  private:
    awaitable<protocol::Reply> ask(const protocol::Path& forward_path, bool& is_broken);
    awaitable<bool> write_content(Outgoing& message, Deadline deadline);
    awaitable<bool> write_gathered(std::vector<asio::const_buffer>& pieces);
    // What the downstream cannot take, or nothing.
    std::optional<protocol::Reply> mismatch() const;
    std::string parameters() const;

    Relay& relay_;
    Sender sender_;
    std::unique_ptr<DownstreamConnection> connection_;
    std::string server_;  // the last one, for the log
    std::size_t accepted_ = 0;
    std::optional<protocol::Reply> refusal_;  // of every further recipient
};

// The downstream's answer as our client may see it: its class and enhanced code, its text cleaned, never a
// 421 that speaks of a connection that is not the client's, never anything but 2yz, 4yz, 5yz.
protocol::Reply as_ours(const protocol::Reply& theirs);

}  // namespace gatepost::gateway
