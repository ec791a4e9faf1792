// A time limit for whatever is done with a socket: when it is over the socket is closed, and whoever waits
// for it hears an error.
#pragma once

#include <memory>

#include "gateway/asio.h"

namespace gatepost::gateway {

template <class Socket>
class SocketLimit {
  public:
    // Both must outlive it.
    SocketLimit(asio::io_context& context, Socket& socket) : timer_(context), socket_(socket) {}
    void begin(std::chrono::seconds time) {
        timer_.expires_after(time);
        timer_.async_wait([&socket = socket_, alive = std::weak_ptr<bool>(alive_)](ErrorCode error) {
            ErrorCode ignored;
            if (!error && !alive.expired()) socket.close(ignored);
        });
    }
    void end() { timer_.cancel(); }

  private:
    asio::steady_timer timer_;
    Socket& socket_;
    std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace gatepost::gateway
