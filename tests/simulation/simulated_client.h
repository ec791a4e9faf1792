// A client with one message: sends it until each recipient has a final answer, after 4yz, a broken connection
// or a crash of ours again, as SMTP asks it to.
#pragma once

#include <memory>
#include <vector>

#include "simulated_gateway.h"

namespace gatepost::simulation {

class SimulatedClient {
  public:
    SimulatedClient(World& world, std::size_t message);

    bool is_done() const { return open_.empty() && !wire_; }
    // When it will send; nothing while it is sending, or when it is done.
    std::optional<Time> sends_at() const;
    void send(SimulatedGateway& gateway);
    // Learns what has been said to it. After each step.
    void look();
    // The gateway's process is gone.
    void lose_connection();

  private:
    void wait();
    void close(std::size_t recipient);

    World& world_;
    std::size_t message_;
    std::vector<std::size_t> open_;  // recipients without a final answer
    Time sends_at_;
    unsigned attempts_ = 0;
    std::shared_ptr<Wire> wire_;
};

}  // namespace gatepost::simulation
