// The socket at which a running gatepost takes the requests of `gatepost queue`: a Unix socket that only its
// owner and root can open. Lines and times are bounded; what is asked for is done by whoever owns the queue.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "gateway/asio.h"
#include "gateway/spool/control_protocol.h"

namespace gatepost::gateway {

class ControlServer {
  public:
    // Runs a request. Its results are in the order of the ids.
    class Executor {
      public:
        virtual ~Executor() = default;
        virtual awaitable<std::vector<ControlResult>> execute(ControlRequest request) = 0;
    };

    // The executor must outlive the context's work.
    ControlServer(asio::io_context& context, Executor& executor) : context_(context), executor_(executor) {}
    ~ControlServer();
    ControlServer(const ControlServer&) = delete;

    // An old socket there is replaced: whoever calls this has the spool's lock. Empty, or why it cannot.
    std::string open(const std::string& path);
    void close();

  private:
    void accept_next();
    awaitable<void> serve(asio::local::stream_protocol::socket socket);

    asio::io_context& context_;
    Executor& executor_;
    std::unique_ptr<asio::local::stream_protocol::acceptor> acceptor_;
    std::string path_;
    std::shared_ptr<std::size_t> clients_ = std::make_shared<std::size_t>(0);
};

}  // namespace gatepost::gateway
