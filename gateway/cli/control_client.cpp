#include "gateway/cli/control_client.h"

#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace gatepost::gateway {
namespace {

using protocol::Problem;

constexpr timeval kPatience{60, 0};

}  // namespace

protocol::Result<std::unique_ptr<ControlClient>> ControlClient::connect(const std::string& path) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path.size() >= sizeof address.sun_path) return Problem{path + ": the path is too long for a socket"};
    std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
    const int socket = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (socket < 0) return Problem{path + ": " + std::strerror(errno)};
    std::unique_ptr<ControlClient> client(new ControlClient(socket));
    ::setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &kPatience, sizeof kPatience);
    ::setsockopt(socket, SOL_SOCKET, SO_SNDTIMEO, &kPatience, sizeof kPatience);
    if (::connect(socket, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) return client;
    if (errno == ENOENT || errno == ECONNREFUSED) return std::unique_ptr<ControlClient>();
    return Problem{"cannot talk to gatepost at " + path + ": " + std::strerror(errno)};
}

ControlClient::~ControlClient() {
    ::close(socket_);
}

bool ControlClient::send(std::string_view octets) {
    while (!octets.empty()) {
        const auto sent = ::send(socket_, octets.data(), octets.size(), MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR) continue;
        if (sent <= 0) return false;
        octets.remove_prefix(static_cast<std::size_t>(sent));
    }
    return true;
}

// One line without its end.
protocol::Result<std::string> ControlClient::receive() {
    for (;;) {
        const auto end = buffer_.find('\n');
        if (end != std::string::npos) {
            std::string line = buffer_.substr(0, end);
            buffer_.erase(0, end + 1);
            return line;
        }
        if (buffer_.size() > kMaxControlLine) return Problem{"gatepost does not answer as it should"};
        char portion[16 * 1024];
        const auto got = ::recv(socket_, portion, sizeof portion, 0);
        if (got < 0 && errno == EINTR) continue;
        if (got == 0) return Problem{"gatepost has ended the conversation"};
        if (got < 0) return Problem{std::string("gatepost does not answer: ") + std::strerror(errno)};
        buffer_.append(portion, static_cast<std::size_t>(got));
    }
}

protocol::Result<std::vector<ControlResult>> ControlClient::ask(ControlCommand command,
                                                                const std::vector<std::string>& ids) {
    std::vector<ControlResult> all;
    all.reserve(ids.size());
    for (std::size_t at = 0; at < ids.size(); at += kMaxControlIds) {
        const auto begin = ids.begin() + static_cast<std::ptrdiff_t>(at);
        const auto end = begin + static_cast<std::ptrdiff_t>(std::min(kMaxControlIds, ids.size() - at));
        if (!send(wire(ControlRequest{command, {begin, end}}))) {
            return Problem{std::string("gatepost does not listen: ") + std::strerror(errno)};
        }
        const auto line = receive();
        if (!line) return Problem{line.problem()};
        const auto results = parse_control_answer(*line);
        if (!results) return Problem{"gatepost: " + results.problem()};
        all.insert(all.end(), results->begin(), results->end());
    }
    return all;
}

}  // namespace gatepost::gateway
