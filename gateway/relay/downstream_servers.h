// What is known of each downstream server: what it can do, whether it is there. Facts and times go in, and
// out comes which one to turn to and what clients may be offered. Without I/O and without a clock of its own.
#pragma once

#include <chrono>
#include <cstddef>
#include <optional>
#include <vector>

#include "protocol/capabilities.h"

namespace gatepost::gateway {

class DownstreamServers {
  public:
    using Time = std::chrono::steady_clock::time_point;
    using Duration = std::chrono::steady_clock::duration;

    explicit DownstreamServers(std::size_t count) : servers_(count) {}

    // It greeted us, or greeted us anew after XCLIENT.
    void note_greeting(std::size_t server, const protocol::Capabilities& can, Time now);
    // `took`: how long it was waited for. One that has let us wait is left alone for a while, so that not
    // each message waits for it; one that refused at once is only asked last.
    void note_failure(std::size_t server, Duration took, Time now);

    // Whom to try, in this order; empty while all are left alone.
    std::vector<std::size_t> order(Time now) const;
    // What all can do that are there; of all that were once there, if none is. Nothing before the first
    // greeting.
    std::optional<protocol::Capabilities> offered() const;

    // Whether to ask it again what it can do: that is not known or older than `max_age`, nobody is asking,
    // and the last failure is long enough ago, longer with each.
    bool is_due(std::size_t server, Duration max_age, Time now) const;
    void begin_asking(std::size_t server);
    void end_asking(std::size_t server);
    // Somebody asks a server that has not failed: worth a short wait.
    bool may_know_soon() const;

    std::size_t size() const { return servers_.size(); }

  private:
    struct Server {
        std::optional<protocol::Capabilities> can;
        Time learned{};
        unsigned failures = 0;  // since the last greeting
        Time left_alone_until{}, asked_again_from{};
        bool is_being_asked = false;
    };
    std::vector<Server> servers_;
    std::size_t first_ = 0;  // the last one that greeted us
};

}  // namespace gatepost::gateway
