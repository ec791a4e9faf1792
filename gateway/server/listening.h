// Listening sockets: those that systemd hands over, or our own, one for each worker on the same port.
#pragma once

#include <string>
#include <vector>

#include "config/settings.h"
#include "protocol/result.h"

namespace gatepost::gateway {

// Descriptors handed over by systemd's socket activation (sd_listen_fds(3)); empty if there are none.
std::vector<int> inherited_sockets();

// Whether the port must be nobody's yet, or is that of another socket of ours.
enum class Sharing { first, with_our_own };

// A listening TCP socket with SO_REUSEPORT. The problem says what to do about it.
protocol::Result<int> listen_on(const config::Listener& listener, const std::string& config_file,
                                Sharing sharing);

// Where a socket really listens.
config::Endpoint bound_endpoint(int socket);
// The listener for a socket that is bound there: of the same address and port, or else of the same port, if
// one of the two addresses stands for all. Null if there is none.
const config::Listener* listener_of(const config::Endpoint& bound,
                                    const std::vector<config::Listener>& listeners);

// Where the sockets really listen, for the log: "127.0.0.1:25,[::]:25".
std::string addresses_of(const std::vector<int>& sockets);

}  // namespace gatepost::gateway
