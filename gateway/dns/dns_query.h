// One question under way, private to the resolver: it walks through the servers, as often as the settings
// say, and ends exactly once.
#pragma once

#include "gateway/dns/dns_port.h"
#include "gateway/dns/resolver.h"

namespace gatepost::gateway {

class Resolver::Query : public DnsAsker, public std::enable_shared_from_this<Query> {
  public:
    Query(Resolver& resolver, auth::DnsQuestion asked);

    void send_next();
    void depart(Clock::time_point now);  // when its turn has come at its server
    void abandon() { has_ended_ = true; }
    bool has_ended() const { return has_ended_; }
    std::size_t server() const { return order_[(attempt_ - 1) % order_.size()]; }

    bool receive(std::span<const std::uint8_t> packet) override { return take(packet, false); }
    void server_unreachable() override;
    void answers_are_guessed() override;

    const auth::DnsQuestion question;
    std::vector<std::weak_ptr<Waiter>> waiters;

  private:
    static awaitable<void> ask_by_tcp(asio::io_context& context, std::shared_ptr<Query> query,
                                      unsigned departure, tcp::endpoint server,
                                      std::chrono::milliseconds time, std::shared_ptr<void> place);
    bool take(std::span<const std::uint8_t> packet, bool by_tcp);
    void take_answer(auth::WireReply reply);
    void go_by_tcp();
    void wait();
    void attempt_failed(const std::string& why);
    void end(auth::DnsAnswer answer);

    Resolver& resolver_;
    auth::DnsQuestion on_wire_;  // the question, or the end of its aliases so far
    auth::WireQuery wire_;
    asio::steady_timer timer_;
    std::vector<std::size_t> order_;
    std::weak_ptr<DnsPort> port_;
    Clock::time_point departed_{};
    unsigned attempt_ = 0;
    unsigned departures_ = 0;  // over all aliases; tells what belongs to an attempt that is over
    bool has_ended_ = false;
    std::string last_failure_ = "no answer";
    std::size_t refusals_ = 0;  // in a row; when every server has refused there is no sense in going on
    int hops_ = 0;
    std::uint32_t alias_ttl_ = UINT32_MAX;
    bool is_alias_ = false;
    bool is_secure_ = true;  // so far, over all aliases
};

}  // namespace gatepost::gateway
