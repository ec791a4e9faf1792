// What the DNS lists say of one client: asked when it connects, needed when a message is judged, or at RCPT
// if listed clients are refused.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "gateway/environment.h"
#include "policy/dns_list.h"
#include "protocol/address.h"
#include "protocol/reply.h"

namespace gatepost::gateway {

class ClientLists {
  public:
    ClientLists(std::shared_ptr<Environment> environment, protocol::IpAddress client);

    // Sends the questions; nobody waits for them.
    void begin();
    // Waits until the score is known, at most some seconds; at once from the second time on.
    awaitable<void> settle();
    // What a recipient is refused with, if lists are to be obeyed. Postmaster never is: who is listed must be
    // able to ask (RFC 5321 section 4.5.1).
    awaitable<std::optional<protocol::Reply>> refusal_of(protocol::Path recipient);
    // The lists that make it evidence for forgery; after settle().
    std::vector<std::string> evidence() const;

  private:
    bool is_asked() const { return !defence_.dnsbl.empty(); }
    void log_score();

    std::shared_ptr<Environment> environment_;
    const config::Defence& defence_;
    protocol::IpAddress client_;
    std::optional<policy::ListScore> score_;
};

}  // namespace gatepost::gateway
