#include "gateway/server/listening.h"

#include <arpa/inet.h>
#include <sys/socket.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace gatepost::gateway {
namespace {

constexpr int kBacklog = 1024;

socklen_t fill(sockaddr_storage& storage, const config::Endpoint& endpoint) {
    const auto bytes = endpoint.address.bytes();
    if (endpoint.address.is_v4()) {
        auto& v4 = reinterpret_cast<sockaddr_in&>(storage);
        v4.sin_family = AF_INET;
        v4.sin_port = htons(endpoint.port);
        std::memcpy(&v4.sin_addr, bytes.data(), bytes.size());
        return sizeof v4;
    }
    auto& v6 = reinterpret_cast<sockaddr_in6&>(storage);
    v6.sin6_family = AF_INET6;
    v6.sin6_port = htons(endpoint.port);
    std::memcpy(&v6.sin6_addr, bytes.data(), bytes.size());
    return sizeof v6;
}

// Negative, with errno, if it cannot be had.
int bind_socket(const config::Endpoint& endpoint, bool reuses_port) {
    sockaddr_storage storage{};
    const socklen_t size = fill(storage, endpoint);
    const int descriptor = ::socket(storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (descriptor < 0) return descriptor;
    const int on = 1, off = 0;
    ::setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (reuses_port) ::setsockopt(descriptor, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on);
    // "[::]:25" is for both families.
    if (storage.ss_family == AF_INET6) ::setsockopt(descriptor, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
    if (::bind(descriptor, reinterpret_cast<sockaddr*>(&storage), size) == 0) return descriptor;
    const int error = errno;
    ::close(descriptor);
    errno = error;
    return -1;
}

// With SO_REUSEPORT a second gatepost would quietly get half of the first one's clients: so the port is tried
// without it before.
int bound_socket(const config::Endpoint& endpoint, Sharing sharing) {
    if (sharing == Sharing::first) {
        const int trial = bind_socket(endpoint, false);
        if (trial < 0) return trial;
        ::close(trial);
    }
    return bind_socket(endpoint, true);
}

bool is_any(const protocol::IpAddress& address) {
    const auto bytes = address.bytes();
    return std::all_of(bytes.begin(), bytes.end(), [](auto octet) { return octet == 0; });
}

std::string remedy(int error, const config::Endpoint& endpoint) {
    switch (error) {
        case EADDRINUSE:
            return "; another server has it: `ss -ltnp sport = :" + std::to_string(endpoint.port) +
                   "` shows which";
        case EACCES:
            return "; ports below 1024 need CAP_NET_BIND_SERVICE (the systemd unit grants it) or another "
                   "port";
        case EADDRNOTAVAIL: return "; this machine has no such address";
        default: return "";
    }
}

protocol::Problem problem_of(int error, const config::Listener& listener, const std::string& config_file) {
    std::string place = config_file;
    if (listener.place.line)
        place += ":" + std::to_string(listener.place.line) + ":" + std::to_string(listener.place.column);
    return {(place.empty() ? "" : place + ": ") + "error: cannot listen on " + listener.endpoint.text() +
            ": " + std::strerror(error) + remedy(error, listener.endpoint)};
}

}  // namespace

std::vector<int> inherited_sockets() {
    std::vector<int> sockets;
    const int count = sd_listen_fds(1);
    for (int i = 0; i < count; ++i) {
        const int descriptor = SD_LISTEN_FDS_START + i;
        if (sd_is_socket(descriptor, AF_UNSPEC, SOCK_STREAM, 1) > 0) sockets.push_back(descriptor);
    }
    return sockets;
}

protocol::Result<int> listen_on(const config::Listener& listener, const std::string& config_file,
                                Sharing sharing) {
    const int descriptor = bound_socket(listener.endpoint, sharing);
    if (descriptor >= 0 && ::listen(descriptor, kBacklog) == 0) return descriptor;
    const int error = errno;
    if (descriptor >= 0) ::close(descriptor);
    return problem_of(error, listener, config_file);
}

config::Endpoint bound_endpoint(int socket) {
    sockaddr_storage storage{};
    socklen_t size = sizeof storage;
    if (::getsockname(socket, reinterpret_cast<sockaddr*>(&storage), &size) != 0) return {};
    const auto endpoint = [](const auto& address, in_port_t port) {
        const auto* bytes = reinterpret_cast<const std::uint8_t*>(&address);
        const auto ip = protocol::IpAddress::from_bytes({bytes, sizeof address});
        return config::Endpoint{ip.value_or(protocol::IpAddress()), ntohs(port)};
    };
    if (storage.ss_family == AF_INET6) {
        const auto& v6 = reinterpret_cast<const sockaddr_in6&>(storage);
        return endpoint(v6.sin6_addr, v6.sin6_port);
    }
    const auto& v4 = reinterpret_cast<const sockaddr_in&>(storage);
    return endpoint(v4.sin_addr, v4.sin_port);
}

const config::Listener* listener_of(const config::Endpoint& bound,
                                    const std::vector<config::Listener>& listeners) {
    const config::Listener* found = nullptr;
    for (const auto& listener : listeners) {
        const auto& endpoint = listener.endpoint;
        if (endpoint == bound) return &listener;
        const bool covers = is_any(endpoint.address) || is_any(bound.address);
        if (!found && endpoint.port == bound.port && covers) found = &listener;
    }
    return found;
}

std::string addresses_of(const std::vector<int>& sockets) {
    std::string text;
    for (const int socket : sockets) text += (text.empty() ? "" : ",") + bound_endpoint(socket).text();
    return text;
}

}  // namespace gatepost::gateway
