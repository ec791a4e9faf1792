// The recursive servers that we ask: which one first, how long a dead one is left alone, and how many
// questions may be thrown at one in a breath. No I/O; time and chance are arguments.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>
#include <vector>

#include "config/settings.h"

namespace gatepost::gateway {

class DnsServers {
  public:
    using Time = std::chrono::steady_clock::time_point;

    explicit DnsServers(std::size_t count) : servers_(count) {}

    // All of them, each once: those that answer in the order of the configuration, then the silent ones. A
    // silent server whose rest is over stands at its old place for one question, which tells whether it lives
    // again; the others do not wait for that.
    std::vector<std::size_t> order(Time now);

    // Whether one more question may be sent without overrunning the server's socket buffer (Linux: about 270
    // packets). A question has been read, and does not count any more, when a later one is answered, for a
    // socket is read in order, or after some time: so a zone whose servers are dead takes nobody's place.
    bool has_room(std::size_t server, Time now);
    void sent(std::size_t server, Time now);
    // An answer to a question of the time `asked`.
    void heard(std::size_t server, Time asked, Time now);
    // A question of that time had no answer. If others had one meanwhile it is the zone that is dead, not the
    // server; otherwise the server rests, twice as long each time, up to half a minute. `chance` spreads the
    // ends.
    void silent(std::size_t server, Time asked, Time now, std::uint32_t chance);

    static constexpr std::size_t kBurst = 100;
    static constexpr std::chrono::milliseconds kSettled{100};
    static constexpr std::chrono::seconds kFirstRest{2};
    static constexpr std::chrono::seconds kLongestRest{30};
    static constexpr std::chrono::seconds kTrial{5};

  private:
    struct Server {
        Time last_heard{};
        Time rests_since{}, rests_until{};
        unsigned silences = 0;   // in a row
        std::deque<Time> fresh;  // questions that may still wait in its socket buffer
    };
    std::vector<Server> servers_;
};

// Whether an answer of that server may be taken for secure because it says so (AD): what comes over loopback
// nobody has changed, and of another path only the administrator knows that (dns.trust_ad).
bool trusts_ad_of(const config::Endpoint& server, const config::Dns& settings);

// The nameserver lines of a resolv.conf(5) file, port 53; 127.0.0.1 if it has none, as the C library does.
std::vector<config::Endpoint> system_dns_servers(const std::string& file = "/etc/resolv.conf");

}  // namespace gatepost::gateway
