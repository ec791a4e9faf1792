// A delivery into a Maildir: written to tmp/, synced, moved to new/, the folder synced; only then it is safe.
// Disk work is done by a thread of its own, so that a slow disk holds up nobody else.
#pragma once

#include <asio/thread_pool.hpp>

#include "gateway/relay/delivery.h"

namespace gatepost::gateway {

class MaildirDelivery final : public Delivery {
  public:
    MaildirDelivery(asio::io_context& context, asio::thread_pool& disk, std::string folder,
                    std::string hostname, Sender sender)
        : context_(context),
          disk_(disk),
          folder_(std::move(folder)),
          hostname_(std::move(hostname)),
          sender_(std::move(sender)) {}

    awaitable<Outcome> add_recipient(const protocol::Recipient& recipient) override;
    awaitable<std::vector<Outcome>> deliver(Content& message) override;
    std::string where() const override { return folder_; }

  private:
    asio::io_context& context_;
    asio::thread_pool& disk_;
    std::string folder_;
    std::string hostname_;
    Sender sender_;
    std::vector<std::string> recipients_;
};

// Makes tmp/, new/ and cur/ where they are missing; an empty text, or what is wrong.
std::string prepare_maildir(const std::string& folder);

}  // namespace gatepost::gateway
