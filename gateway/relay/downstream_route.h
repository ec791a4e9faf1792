// One destination of mail: its servers, which of them is turned to, and its share of the connections that
// wait for the next message.
#pragma once

#include <memory>
#include <random>
#include <string>
#include <vector>

#include "config/settings.h"
#include "gateway/relay/downstream_connection.h"
#include "gateway/relay/downstream_connector.h"
#include "gateway/relay/downstream_servers.h"
#include "gateway/relay/kept_connections.h"

namespace gatepost::gateway {

class DownstreamRoute {
  public:
    // What was tried so far for one recipient.
    struct Tries {
        std::vector<bool> given_up = {};  // by server
        bool may_reuse = true;            // a kept connection; one that breaks says nothing of its server
        Deadline connecting_until = Deadline::max();
    };

    // `number`: the route's, Settings::servers_of(). What is referred to must outlive it.
    DownstreamRoute(asio::io_context& context, std::size_t number,
                    const std::vector<config::DownstreamServer>& configured, DownstreamConnector& connector,
                    KeptConnections& kept, const config::Limits& limits);
    DownstreamRoute(const DownstreamRoute&) = delete;

    // A folder that takes all mail; then there is nobody to connect to.
    bool is_maildir() const { return configured_.front().kind == config::DownstreamKind::maildir; }
    const std::vector<config::DownstreamServer>& configured() const { return configured_; }
    DownstreamServers& servers() { return servers_; }
    const DownstreamServers& servers() const { return servers_; }

    // `deadline`: of all that is asked of the downstream for it.
    Tries fresh_tries(Deadline deadline) const;
    // A connection that is ready for MAIL, kept or new, to the first server that was not given up and is
    // there; who is not is given up in `tries`. Null: there is nobody left, or another one is waiting for who
    // is.
    awaitable<std::unique_ptr<DownstreamConnection>> obtain(Tries& tries);
    // A new one, greeted, or null.
    awaitable<std::unique_ptr<DownstreamConnection>> connect_to(std::size_t server, Deadline last);
    void keep(std::unique_ptr<DownstreamConnection> connection) { kept_.keep(std::move(connection)); }

    // It has greeted us once more, after XCLIENT.
    void note_greeting(const DownstreamConnection& connection);
    // It broke before it had taken a recipient.
    void note_break(std::size_t server, std::string_view why, Deadline since);
    // Servers but for `server` that were not given up, are there and, if `fits` says so of what they can do,
    // could take the message; those of whom nothing is known could.
    template <class Fits>
    std::size_t count_others(const Tries& tries, std::size_t server, const Fits& fits) const {
        std::size_t count = 0;
        for (std::size_t i = 0; i < servers_.size(); ++i) {
            if (i == server || tries.given_up[i]) continue;
            const auto& can = servers_.can(i);
            if (!can || fits(*can)) ++count;
        }
        return count;
    }
    // What was last wrong with each server that is not there, for the administrator: "10.0.0.5: Connection
    // refused". Empty if nothing is.
    std::string problem() const;
    // Other servers that are there and were not given up: they get a share of the time too.
    std::size_t others_there(const Tries& tries, std::size_t server) const;

  private:
    awaitable<std::unique_ptr<DownstreamConnection>> try_in_order(Tries& tries);
    awaitable<std::unique_ptr<DownstreamConnection>> reuse(std::size_t server, Tries& tries);
    void log_change(DownstreamServers::Change change, std::size_t server, std::string_view why) const;

    const std::size_t number_;
    const std::vector<config::DownstreamServer>& configured_;
    DownstreamConnector& connector_;
    KeptConnections& kept_;
    const config::Limits& limits_;
    DownstreamServers servers_;
    std::vector<std::string> problems_;  // by server; empty: it is there
    asio::steady_timer others_;          // ends with the try of another one
    std::mt19937_64 chance_{std::random_device{}()};
};

}  // namespace gatepost::gateway
