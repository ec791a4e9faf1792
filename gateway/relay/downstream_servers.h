// What is known of each server of a route: what it can do, whether it is there. Facts and times go in, and
// out comes which one to turn to and what clients may be offered. Without I/O and without a clock or dice of
// its own.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "protocol/capabilities.h"

namespace gatepost::gateway {

class DownstreamServers {
  public:
    using Time = std::chrono::steady_clock::time_point;
    using Duration = std::chrono::steady_clock::duration;
    struct Preference {
        std::size_t priority = 0;  // the lowest number first
        std::size_t weight = 1;    // among those of one priority
    };
    // What follows from a fact, for the log: said once, not of each message.
    enum class Change { none, became_unavailable, became_available };

    explicit DownstreamServers(std::vector<Preference> preferences);

    // It greeted us, or greeted us anew after XCLIENT. One that broke in a transaction a moment ago is not
    // believed for that alone.
    Change note_greeting(std::size_t server, const protocol::Capabilities& can, Time now);
    // It could not be connected to. `took`: how long it was waited for. One that has let us wait is left
    // alone for a while, so that not each message waits for it; one that refused at once is only asked last.
    Change note_failure(std::size_t server, Duration took, Time now);
    // It greeted us well and then broke, before it had taken a recipient; `took` as above.
    Change note_break(std::size_t server, Duration took, Time now);
    // It answered to a recipient, whatever it said.
    void note_answer(std::size_t server) { servers_[server].breaks = 0; }

    // Whom to try, in this order: those that are there by priority, within one priority by weight (RFC 2782),
    // then those that failed. While all are left alone, the one of those that could not be connected to whose
    // rest ends first. Empty if it is being tried, or was a moment ago. `chance`: any number, another each
    // time.
    std::vector<std::size_t> order(Time now, std::uint64_t chance) const;
    // A connection is being made, until a greeting or a failure is noted, `last` at the latest.
    void begin_trying(std::size_t server, Time now, Time last);
    // One that has let us wait is tried by one at a time: the others would wait as well.
    bool may_try(std::size_t server, Time now) const;
    // Somebody began to try such a one so lately that it is worth a short wait: until when. Time::min(): no.
    Time worth_waiting_until(Time now) const;
    bool is_there(std::size_t server) const { return !servers_[server].is_failing; }
    // What it last said; nothing before its first greeting.
    const std::optional<protocol::Capabilities>& can(std::size_t server) const {
        return servers_[server].can;
    }
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
        Preference preference;
        std::optional<protocol::Capabilities> can;
        Time learned{};
        bool is_failing = false;
        unsigned failures = 0;  // since the last greeting
        unsigned breaks = 0;    // since the last answer to a recipient
        Time left_alone_until{}, asked_again_from{}, not_believed_until{};
        Time tried_anyway_from{};   // though it is left alone, if all are
        bool has_let_wait = false;  // the last failure
        Time trying_since{}, trying_until{};
        bool is_being_asked = false;
    };
    std::optional<std::size_t> first_to_end_its_rest(Time now) const;
    Change fail(Server& server, Duration pause, Duration took, Time now);

    std::vector<Server> servers_;
};

}  // namespace gatepost::gateway
