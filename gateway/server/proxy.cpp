#include "gateway/server/proxy.h"

#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <memory>

#include "gateway/server/listening.h"

namespace gatepost::gateway {
namespace {

using protocol::ProxyHeaderRead;
using State = ProxyHeaderRead::State;

// Ends the waiting when the time is up. Outlives the coroutine by the one callback that may be on its way.
struct Limit : std::enable_shared_from_this<Limit> {
    explicit Limit(tcp::socket& limited)
        : socket(&limited), timer(limited.get_executor(), kProxyHeaderTime) {}

    void start() {
        timer.async_wait([self = shared_from_this()](ErrorCode error) {
            if (error || !self->socket) return;
            self->has_passed = true;
            ErrorCode ignored;
            self->socket->cancel(ignored);
        });
    }

    tcp::socket* socket;
    asio::steady_timer timer;
    bool has_passed = false;
};

struct Limited {
    explicit Limited(tcp::socket& socket) : limit(std::make_shared<Limit>(socket)) { limit->start(); }
    ~Limited() {
        limit->socket = nullptr;
        limit->timer.cancel();
    }
    Limited(const Limited&) = delete;
    const std::shared_ptr<Limit> limit;
};

ProxyHeaderRead failed(std::string_view why) {
    return {State::malformed, {}, why};
}

// Looks at what has come and takes no more of it than is header.
ProxyHeaderRead take(int descriptor, std::string& bytes) {
    std::array<char, protocol::kMaxProxyHeader> seen;
    const auto got = ::recv(descriptor, seen.data(), seen.size() - bytes.size(), MSG_PEEK);
    if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR)) return {};
    if (got <= 0) return failed("connection closed");
    const std::size_t known = bytes.size();
    bytes.append(seen.data(), static_cast<std::size_t>(got));
    const auto read = protocol::read_proxy_header(bytes);
    const std::size_t ours =
        read.state == State::complete ? read.header.size - known : static_cast<std::size_t>(got);
    const auto taken = ::recv(descriptor, seen.data(), ours, 0);
    return taken == static_cast<ssize_t>(ours) ? read : failed("connection lost");
}

}  // namespace

void Entrance::use(const std::vector<config::Listener>& listeners) {
    if (const auto* listener = listener_of(bound_, listeners)) proxies_ = listener->proxies;
}

bool Entrance::lets_in(const protocol::IpAddress& proxy) const {
    return std::any_of(proxies_.begin(), proxies_.end(),
                       [&](const protocol::IpNetwork& network) { return network.contains(proxy); });
}

awaitable<ProxyHeaderRead> receive_proxy_header(tcp::socket& socket) {
    const Limited limited(socket);
    ErrorCode ignored;
    socket.non_blocking(true, ignored);
    std::string bytes;
    while (!limited.limit->has_passed) {
        auto [error] = co_await socket.async_wait(tcp::socket::wait_read, no_throw);
        if (error) break;
        const ProxyHeaderRead read = take(socket.native_handle(), bytes);
        if (read.state != State::incomplete) co_return read;
    }
    co_return failed(limited.limit->has_passed ? "not within 5 s" : "connection lost");
}

}  // namespace gatepost::gateway
