// Connections to the downstream that wait for the next message. Who waits too long gets a QUIT, and who was
// closed from the other side is let go, by a timer.
#pragma once

#include <deque>
#include <memory>

#include "gateway/relay/downstream_connection.h"

namespace gatepost::gateway {

class KeptConnections {
  public:
    struct Times {
        std::chrono::milliseconds idle{60'000};  // servers close idle connections after 5 minutes or so
        std::chrono::milliseconds sweep{5'000};  // between two looks at all of them
    };
    explicit KeptConnections(asio::io_context& context) : KeptConnections(context, Times()) {}
    KeptConnections(asio::io_context& context, Times times)
        : context_(context), times_(times), timer_(context) {}
    KeptConnections(const KeptConnections&) = delete;

    // The one to that server used last that is alive, or null. What has come unasked for makes a connection
    // useless: it would be taken for the answer to the next command.
    std::unique_ptr<DownstreamConnection> take(DownstreamConnection::Place to);
    // One that has carried many messages gets a QUIT instead.
    void keep(std::unique_ptr<DownstreamConnection> connection);
    // Goodbye to all, and to those that come back later.
    void retire();
    std::size_t size() const { return kept_.size(); }
    // To whom QUIT was said and who has not been heard of since.
    std::size_t leaving() const { return *leaving_; }

  private:
    void let_go(std::unique_ptr<DownstreamConnection> connection);
    void make_room_beside(DownstreamConnection::Place place);
    void arm();
    void sweep();

    asio::io_context& context_;
    Times times_;
    asio::steady_timer timer_;
    std::deque<std::unique_ptr<DownstreamConnection>> kept_;  // the last used at the back
    bool is_armed_ = false, is_retired_ = false;
    std::shared_ptr<bool> presence_ =
        std::make_shared<bool>(true);  // a timer that fired just now may come late
    std::shared_ptr<std::size_t> leaving_ = std::make_shared<std::size_t>(0);
};

}  // namespace gatepost::gateway
