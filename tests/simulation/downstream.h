// The servers behind the gateway: they go away and come back, answer 4yz and 5yz, vanish before and after
// they have taken a message, and over LMTP answer for each recipient by itself.
#pragma once

#include <vector>

#include "gateway/relay/outcome.h"
#include "world.h"

namespace gatepost::simulation {

// What is sent, as the clients know it.
struct Letter {
    std::vector<bool> is_unknown_user;  // of each recipient
    bool is_bad_content = false;        // refused at the end, always
    std::size_t destination = 0;
    std::vector<std::size_t> pending;  // recipients for whom the client has no final answer
};

class Downstream {
  public:
    Downstream(World& world, bool is_lmtp) : world_(world), is_lmtp_(is_lmtp), is_up_(2, true) {}

    void set_trouble(unsigned percent) { trouble_ = percent; }
    void set_up(std::size_t destination, bool is_up) { is_up_[destination] = is_up; }
    bool is_up(std::size_t destination) const { return is_up_[destination]; }
    bool is_lmtp() const { return is_lmtp_; }

    // To RCPT.
    gateway::Outcome asked(const Letter& letter, std::size_t recipient);
    // The whole message, for these recipients: one outcome for each.
    std::vector<gateway::Outcome> take(const Letter& letter, std::size_t attempt,
                                       const std::vector<std::size_t>& recipients);

  private:
    gateway::Outcome taken(std::size_t attempt, std::size_t recipient, bool is_unknown);

    World& world_;
    bool is_lmtp_;
    std::vector<bool> is_up_;
    unsigned trouble_ = 0;
};

}  // namespace gatepost::simulation
