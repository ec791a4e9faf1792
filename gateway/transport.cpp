#include "gateway/transport.h"

#include <openssl/x509v3.h>
#include <sys/socket.h>

#include <array>

#include "protocol/ip_address.h"

namespace gatepost::gateway {
namespace {

constexpr std::chrono::milliseconds kAgain{200};
constexpr std::chrono::seconds kLinger{2};
constexpr int kLingeringReads = 256;

}  // namespace

// Outlives the transport by the one callback that may already be on its way.
struct Transport::Watch : std::enable_shared_from_this<Watch> {
    explicit Watch(tcp::socket& watched) : socket(&watched), timer(watched.get_executor(), Deadline::max()) {}

    void set(Deadline next) {
        deadline = next;
        has_passed = false;
        // A later deadline is noticed when the timer fires: re-arming it for each read would cost more.
        if (!is_armed || next < timer.expiry()) arm(next);
    }
    void arm(Deadline when) {
        is_armed = true;
        timer.expires_at(when);
        timer.async_wait([self = shared_from_this()](ErrorCode error) {
            if (error || !self->socket) return;
            self->is_armed = false;
            if (Clock::now() < self->deadline) return self->arm(self->deadline);
            self->has_passed = true;
            ErrorCode ignored;
            self->socket->cancel(ignored);
            // Nothing was cancelled if a part of a write or a handshake had just succeeded, and its next part
            // would wait for ever: again, until somebody sets another deadline.
            self->arm(Clock::now() + kAgain);
        });
    }

    tcp::socket* socket;
    asio::steady_timer timer;
    Deadline deadline = Deadline::max();
    bool is_armed = false;
    bool has_passed = false;
};

namespace {

void drop(std::vector<asio::const_buffer>& buffers, std::size_t octets) {
    auto first = buffers.begin();
    while (first != buffers.end() && first->size() <= octets) octets -= (first++)->size();
    buffers.erase(buffers.begin(), first);
    if (octets > 0) buffers.front() += octets;
}

}  // namespace

Transport::Transport(tcp::socket socket)
    : socket_(std::move(socket)), watch_(std::make_shared<Watch>(socket_)) {
    ErrorCode ignored;
    socket_.set_option(tcp::no_delay(true), ignored);
}

Transport::~Transport() {
    watch_->socket = nullptr;
    watch_->timer.cancel();
}

void Transport::set_deadline(Deadline deadline) {
    watch_->set(deadline);
}

bool Transport::timed_out() const {
    return watch_->has_passed;
}

awaitable<std::size_t> Transport::read_some(std::span<char> into) {
    if (timed_out() || is_woken_) co_return 0;
    const auto buffer = asio::buffer(into.data(), into.size());
    if (tls_) {
        auto [error, size] = co_await tls_->async_read_some(buffer, no_throw);
        co_return error ? 0 : size;
    }
    auto [error, size] = co_await socket_.async_read_some(buffer, no_throw);
    co_return error ? 0 : size;
}

// Mostly all of it fits into the socket's buffer: then neither the reactor nor a further coroutine is needed.
// Gives what was taken; less than all means that it has to be waited for, which also finds out about errors.
template <class Buffers>
std::size_t Transport::write_now(const Buffers& buffers) {
    ErrorCode error;
    if (!socket_.non_blocking()) socket_.non_blocking(true, error);
    if (error || timed_out()) return 0;
    return socket_.write_some(buffers, error);
}

awaitable<bool> Transport::write(std::string_view bytes) {
    if (!tls_) bytes.remove_prefix(write_now(asio::buffer(bytes)));
    if (bytes.empty()) co_return true;
    const std::vector<asio::const_buffer> rest{asio::buffer(bytes.data(), bytes.size())};
    const bool written = co_await wait_to_write(rest);
    co_return written;
}

awaitable<bool> Transport::write(std::vector<asio::const_buffer>& buffers) {
    if (!tls_) drop(buffers, write_now(buffers));
    if (buffers.empty()) co_return true;
    const bool written = co_await wait_to_write(buffers);
    co_return written;
}

awaitable<bool> Transport::wait_to_write(const std::vector<asio::const_buffer>& buffers) {
    if (timed_out()) co_return false;
    if (tls_) {
        auto [error, size] = co_await asio::async_write(*tls_, buffers, no_throw);
        co_return !error;
    }
    auto [error, size] = co_await asio::async_write(socket_, buffers, no_throw);
    co_return !error;
}

awaitable<bool> Transport::accept_tls(asio::ssl::context& context) {
    tls_ = std::make_unique<Tls>(socket_, context);
    auto [error] = co_await tls_->async_handshake(asio::ssl::stream_base::server, no_throw);
    co_return !error;
}

awaitable<bool> Transport::start_tls(asio::ssl::context& context, const std::string& name) {
    tls_ = std::make_unique<Tls>(socket_, context);
    SSL* ssl = tls_->native_handle();
    if (protocol::IpAddress::parse(name)) {
        X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), name.c_str());
    } else {
        SSL_set_tlsext_host_name(ssl, name.c_str());  // never an address (RFC 6066 section 3)
        SSL_set1_host(ssl, name.c_str());
    }
    auto [error] = co_await tls_->async_handshake(asio::ssl::stream_base::client, no_throw);
    co_return !error;
}

// A socket that is closed with unread input resets the connection, and the client may lose our last reply: so
// it hears first that nothing more comes, and what it still sends is read for a while and dropped.
awaitable<void> Transport::close() {
    if (socket_.is_open() && !timed_out()) {
        set_deadline(std::min(watch_->deadline, Clock::now() + kLinger));
        if (tls_) co_await tls_->async_shutdown(no_throw);
        ErrorCode ignored;
        socket_.shutdown(tcp::socket::shutdown_send, ignored);
        std::array<char, 1024> dropped;
        for (int i = 0; i < kLingeringReads && (i > 0 || socket_.available(ignored) > 0); ++i) {
            auto [error, size] = co_await socket_.async_read_some(asio::buffer(dropped), no_throw);
            if (error) break;
        }
    }
    close_now();
}

void Transport::close_now() {
    ErrorCode ignored;
    socket_.shutdown(tcp::socket::shutdown_both, ignored);
    socket_.close(ignored);
}

void Transport::wake() {
    is_woken_ = true;
    ErrorCode ignored;
    socket_.cancel(ignored);
}

bool Transport::take_wake() {
    return std::exchange(is_woken_, false);
}

std::string Transport::tls_cipher() const {
    if (!tls_) return {};
    const SSL* ssl = tls_->native_handle();
    return std::string(SSL_get_version(ssl)) + " " + SSL_get_cipher_name(ssl);
}

bool Transport::looks_alive() {
    if (!socket_.is_open()) return false;
    char octet = 0;
    const auto got = ::recv(socket_.native_handle(), &octet, 1, MSG_PEEK | MSG_DONTWAIT);
    return got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
}

}  // namespace gatepost::gateway
