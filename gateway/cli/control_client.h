// The command line's end of the control socket: asks a running gatepost, and waits for its answer.
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "gateway/spool/control_protocol.h"

namespace gatepost::gateway {

class ControlClient {
  public:
    // Null if nobody listens there. A problem: somebody does, and we may not or cannot talk to it.
    static protocol::Result<std::unique_ptr<ControlClient>> connect(const std::string& path);
    ~ControlClient();
    ControlClient(const ControlClient&) = delete;

    // For any number of ids, in portions; waits a minute for each answer.
    protocol::Result<std::vector<ControlResult>> ask(ControlCommand command,
                                                     const std::vector<std::string>& ids);

  private:
    explicit ControlClient(int socket) : socket_(socket) {}
    bool send(std::string_view octets);
    protocol::Result<std::string> receive();

    int socket_;
    std::string buffer_;
};

}  // namespace gatepost::gateway
