// Connections to the downstream that wait for the next message. Who waits too long gets a QUIT, and who was
// closed from the other side is let go, by a timer.
#pragma once

#include <deque>
#include <memory>

#include "gateway/downstream_connection.h"

namespace gatepost::gateway {

class KeptConnections {
  public:
    explicit KeptConnections(asio::io_context& context) : context_(context), timer_(context) {}
    KeptConnections(const KeptConnections&) = delete;

    // The one used last that is alive, or null. What has come unasked for makes a connection useless: it
    // would be taken for the answer to the next command.
    std::unique_ptr<DownstreamConnection> take();
    void keep(std::unique_ptr<DownstreamConnection> connection);
    // Goodbye to all, and to those that come back later.
    void retire();
    std::size_t size() const { return kept_.size(); }

  private:
    void let_go(std::unique_ptr<DownstreamConnection> connection);
    void arm();
    void sweep();

    asio::io_context& context_;
    asio::steady_timer timer_;
    std::deque<std::unique_ptr<DownstreamConnection>> kept_;  // the last used at the back
    bool is_armed_ = false, is_retired_ = false;
    std::shared_ptr<bool> presence_ =
        std::make_shared<bool>(true);  // a timer that fired just now may come late
};

}  // namespace gatepost::gateway
