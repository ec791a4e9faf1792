// Answers GET /metrics on an address of its own, for monitoring: few clients at once, each with little time.
#pragma once

#include <asio/ip/tcp.hpp>
#include <functional>
#include <memory>
#include <string>

#include "config/settings.h"
#include "gateway/asio.h"

namespace gatepost::gateway {

class MetricsServer {
  public:
    // `text` is asked in that context. Both must outlive this, and the context must have stopped before.
    MetricsServer(asio::io_context& context, std::function<std::string()> text)
        : context_(context), text_(std::move(text)) {}

    // Empty, or why nobody can be answered there.
    std::string open(const config::Endpoint& endpoint);

  private:
    void accept_next();
    awaitable<void> serve(tcp::socket socket);

    asio::io_context& context_;
    std::function<std::string()> text_;
    std::unique_ptr<tcp::acceptor> acceptor_;
    std::shared_ptr<std::size_t> clients_ = std::make_shared<std::size_t>(0);
};

}  // namespace gatepost::gateway
