#include "gateway/metrics_server.h"

#include "gateway/completion.h"
#include "gateway/log.h"
#include "gateway/metrics_answer.h"
#include "gateway/net/socket_limit.h"

namespace gatepost::gateway {
namespace {

constexpr std::size_t kMaxClients = 8;
constexpr std::size_t kMaxHead = 8192;
constexpr std::chrono::seconds kPatience{10};  // for one client, from its first octet to its last
constexpr std::chrono::milliseconds kPause{200};

// What came until the empty line, or until it was too much or the end.
awaitable<std::string> receive_head(tcp::socket& socket) {
    std::string head;
    std::vector<char> portion(2048);
    while (head.size() < kMaxHead && head.find("\r\n\r\n") == head.npos) {
        const auto space = asio::buffer(portion);
        auto [error, size] = co_await socket.async_read_some(space, no_throw);
        if (error) break;
        head.append(portion.data(), size);
    }
    co_return head;
}

// Until the other side has closed: to close before that would take the answer away from it.
awaitable<void> wait_for_end(tcp::socket& socket) {
    ErrorCode ignored;
    socket.shutdown(tcp::socket::shutdown_send, ignored);
    std::vector<char> portion(2048);
    for (std::size_t octets = 0; octets < kMaxHead;) {
        const auto space = asio::buffer(portion);
        auto [error, size] = co_await socket.async_read_some(space, no_throw);
        if (error) co_return;
        octets += size;
    }
}

}  // namespace

std::string MetricsServer::open(const config::Endpoint& endpoint) {
    const tcp::endpoint place(asio::ip::make_address(endpoint.address.text()), endpoint.port);
    auto acceptor = std::make_unique<tcp::acceptor>(context_);
    ErrorCode error;
    acceptor->open(place.protocol(), error);
    if (!error) acceptor->set_option(tcp::acceptor::reuse_address(true), error);
    if (!error) acceptor->bind(place, error);
    if (!error) acceptor->listen(static_cast<int>(kMaxClients), error);
    if (error) return error.message();
    acceptor_ = std::move(acceptor);
    accept_next();
    return "";
}

void MetricsServer::accept_next() {
    acceptor_->async_accept([this](ErrorCode error, tcp::socket socket) {
        if (error == asio::error::operation_aborted) return;
        if (!error && *clients_ < kMaxClients)
            asio::co_spawn(context_, serve(std::move(socket)), log_exception);
        if (!error) return accept_next();
        const auto pause = std::make_shared<asio::steady_timer>(context_, kPause);  // out of descriptors
        pause->async_wait([this, pause](ErrorCode) { accept_next(); });
    });
}

awaitable<void> MetricsServer::serve(tcp::socket socket) {
    const std::shared_ptr<std::size_t> clients = clients_;
    struct Presence {
        std::size_t& count;
        explicit Presence(std::size_t& counted) : count(counted) { ++count; }
        ~Presence() { --count; }
    };
    const Presence presence(*clients);
    SocketLimit limit(context_, socket);
    limit.begin(kPatience);
    const std::string head = co_await receive_head(socket);
    if (head.empty()) co_return;
    const std::string answer = metrics_answer(head, text_);
    const auto octets = asio::buffer(answer);
    auto [error, size] = co_await asio::async_write(socket, octets, no_throw);
    if (!error) co_await wait_for_end(socket);
}

}  // namespace gatepost::gateway
