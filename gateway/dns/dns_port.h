// A connected UDP socket on a port that the kernel drew at random, shared by some questions to one server. It
// takes packets to the question they answer and counts those that answer none.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <unordered_map>
#include <unordered_set>

#include "gateway/asio.h"

namespace gatepost::gateway {

// Who sent a packet and waits for what comes back.
class DnsAsker {
  public:
    virtual ~DnsAsker() = default;
    // Whether the packet was an answer; anything else leaves the wait as it was.
    virtual bool receive(std::span<const std::uint8_t> packet) = 0;
    virtual void server_unreachable() = 0;
    // Somebody guesses: what comes on this port is not to be believed any more.
    virtual void answers_are_guessed() = 0;
};

// It lives until it has carried its share of queries and the last of them has ended.
class DnsPort : public std::enable_shared_from_this<DnsPort> {
  public:
    DnsPort(asio::io_context& context, const udp::endpoint& server);

    bool is_usable() const { return is_usable_; }
    // Nothing new is to be sent from here: it has carried enough, or it is being guessed at.
    bool is_worn() const;

    std::uint16_t fresh_id() const;
    bool send(std::uint16_t id, const std::string& packet, const std::shared_ptr<DnsAsker>& asker);
    void forget(std::uint16_t id);
    void retire();  // closes when nothing is pending
    void close();
    std::uint64_t strays() const { return strays_; }

    static constexpr unsigned kQueries = 200;
    // Late answers and copies are known by their id and do not count, so a port that nobody attacks sees
    // none. By then an attacker has tried 20 of 2^16 ids times the letter cases.
    static constexpr unsigned kStrays = 20;

  private:
    void receive();
    void deliver(std::size_t size);
    void unreachable();
    void stray();

    udp::socket socket_;
    std::array<std::uint8_t, 4096> buffer_;
    std::unordered_map<std::uint16_t, std::weak_ptr<DnsAsker>> pending_;
    std::unordered_set<std::uint16_t> sent_;  // all ids that went out from here
    unsigned used_ = 0;
    unsigned strays_ = 0;
    bool is_usable_ = false;
    bool is_receiving_ = false;
};

// From OpenSSL: what an off-path attacker has to guess must not follow from what he has seen.
std::uint64_t random_bits();

}  // namespace gatepost::gateway
