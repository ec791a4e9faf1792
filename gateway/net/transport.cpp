#include "gateway/net/transport.h"

#include <sys/socket.h>

#include <array>
#include <asio/post.hpp>
#include <cstring>

namespace gatepost::gateway {
namespace {

constexpr std::chrono::milliseconds kAgain{200};
constexpr std::chrono::seconds kLinger{2};
constexpr int kLingeringReads = 256;
constexpr unsigned kReadsInARow = 16;  // then the others get their turn

}  // namespace

// Outlives the transport by the one callback that may already be on its way.
struct Transport::Watch : std::enable_shared_from_this<Watch> {
    explicit Watch(Socket& watched) : socket(&watched), timer(watched.get_executor(), Deadline::max()) {}

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

    Socket* socket;
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

Transport::Transport(Socket socket) : socket_(std::move(socket)), watch_(std::make_shared<Watch>(socket_)) {
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
    if (tls_) co_return co_await read_tls(into);
    const auto buffer = asio::buffer(into.data(), into.size());
    auto [error, size] = co_await socket_.async_read_some(buffer, no_throw);
    co_return error ? 0 : size;
}

awaitable<std::size_t> Transport::read_tls(std::span<char> into) {
    if (++reads_in_a_row_ >= kReadsInARow) {
        reads_in_a_row_ = 0;
        co_await asio::post(socket_.get_executor(), asio::use_awaitable);
    }
    for (;;) {
        const TlsStream::Step step = tls_->read(into);
        if (step.state == TlsStream::State::done) co_return step.octets;
        const bool is_ready = co_await wait_for(step.state);
        if (!is_ready || is_woken_) co_return 0;
        reads_in_a_row_ = 0;
    }
}

awaitable<bool> Transport::wait_for(TlsStream::State wanted) {
    if (wanted == TlsStream::State::ended || timed_out()) co_return false;
    const auto event = wanted == TlsStream::State::wants_write ? Socket::wait_write : Socket::wait_read;
    auto [error] = co_await socket_.async_wait(event, no_throw);
    co_return !error && !timed_out();
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
    std::vector<asio::const_buffer> rest{asio::buffer(bytes.data(), bytes.size())};
    const bool written = co_await wait_to_write(rest);
    co_return written;
}

awaitable<bool> Transport::write(std::vector<asio::const_buffer>& buffers) {
    if (!tls_) drop(buffers, write_now(buffers));
    if (buffers.empty()) co_return true;
    const bool written = co_await wait_to_write(buffers);
    co_return written;
}

awaitable<bool> Transport::wait_to_write(std::vector<asio::const_buffer>& buffers) {
    if (timed_out()) co_return false;
    if (tls_) co_return co_await write_tls(buffers);
    auto [error, size] = co_await asio::async_write(socket_, buffers, no_throw);
    co_return !error;
}

// Small buffers share a record. If the socket is full, the next call offers the same octets again.
TlsStream::Step Transport::write_record(const std::vector<asio::const_buffer>& buffers) {
    const auto& first = buffers.front();
    if (buffers.size() == 1 || first.size() >= TlsStream::kMaxRecord) {
        return tls_->write({static_cast<const char*>(first.data()), first.size()});
    }
    std::array<char, TlsStream::kMaxRecord> record;
    const std::size_t size = asio::buffer_copy(asio::buffer(record), buffers);
    return tls_->write({record.data(), size});
}

awaitable<bool> Transport::write_tls(std::vector<asio::const_buffer>& buffers) {
    drop(buffers, 0);  // those that are empty
    while (!buffers.empty()) {
        const TlsStream::Step step = write_record(buffers);
        if (step.state == TlsStream::State::done) {
            drop(buffers, step.octets);
            continue;
        }
        const bool is_ready = co_await wait_for(step.state);
        if (!is_ready) co_return false;
    }
    co_return true;
}

void Transport::begin_tls(ssl_ctx_st& context, TlsStream::Role role) {
    ErrorCode ignored;
    if (!socket_.non_blocking()) socket_.non_blocking(true, ignored);
    tls_ = std::make_unique<TlsStream>(context, socket_.native_handle(), role);
}

awaitable<bool> Transport::accept_tls(ssl_ctx_st& context) {
    begin_tls(context, TlsStream::Role::server);
    const bool is_safe = co_await shake_hands();
    co_return is_safe;
}

awaitable<bool> Transport::start_tls(ssl_ctx_st& context, const ExpectedServer& server) {
    begin_tls(context, TlsStream::Role::client);
    if (!tls_->expect_server(server)) co_return false;
    const bool is_safe = co_await shake_hands();
    co_return is_safe;
}

awaitable<bool> Transport::shake_hands() {
    for (;;) {
        const TlsStream::Step step = tls_->handshake();
        if (step.state == TlsStream::State::done) co_return true;
        const bool is_ready = co_await wait_for(step.state);
        if (!is_ready) co_return false;
    }
}

// Whether the client has said goodbye too, so that nothing more comes from it.
awaitable<bool> Transport::say_goodbye() {
    for (;;) {
        const TlsStream::Step step = tls_->shut_down();
        if (step.state == TlsStream::State::done) co_return true;
        const bool is_ready = co_await wait_for(step.state);
        if (!is_ready) co_return false;
    }
}

// A socket that is closed with unread input resets the connection, and the client may lose our last reply: so
// it hears first that nothing more comes, and what it still sends is read for a while and dropped.
awaitable<void> Transport::close() {
    if (socket_.is_open() && !timed_out()) {
        set_deadline(std::min(watch_->deadline, Clock::now() + kLinger));
        bool may_send_more = false;
        if (tls_) {
            const bool is_mutual = co_await say_goodbye();
            may_send_more = !is_mutual;
        }
        ErrorCode ignored;
        socket_.shutdown(Socket::shutdown_send, ignored);
        may_send_more = may_send_more || socket_.available(ignored) > 0;
        std::array<char, 1024> dropped;
        for (int i = 0; i < kLingeringReads && may_send_more; ++i) {
            auto [error, size] = co_await socket_.async_read_some(asio::buffer(dropped), no_throw);
            if (error) break;
        }
    }
    close_now();
}

void Transport::close_now() {
    ErrorCode ignored;
    socket_.shutdown(Socket::shutdown_both, ignored);
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
    return tls_ ? tls_->cipher() : std::string();
}

std::string Transport::tls_problem() const {
    return tls_ ? tls_->problem() : std::string();
}

bool Transport::looks_alive() {
    if (!socket_.is_open()) return false;
    if (tls_) return tls_->is_quiet();
    char octet = 0;
    const auto got = ::recv(socket_.native_handle(), &octet, 1, MSG_PEEK | MSG_DONTWAIT);
    return got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
}

}  // namespace gatepost::gateway
