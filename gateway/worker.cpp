#include "gateway/worker.h"

#include <sys/socket.h>

#include "gateway/log.h"
#include "gateway/probe.h"
#include "gateway/session.h"

namespace gatepost::gateway {
namespace {

namespace reply = protocol::reply;

// Without descriptors (our own limit or the system's), accept() fails at once and again: wait instead of
// spinning, sessions that end make room.
constexpr std::chrono::milliseconds kPauseWithoutDescriptors{100};

tcp protocol_of(int socket) {
    int domain = AF_INET6;
    socklen_t size = sizeof domain;
    ::getsockopt(socket, SOL_SOCKET, SO_DOMAIN, &domain, &size);
    return domain == AF_INET ? tcp::v4() : tcp::v6();
}

protocol::IpAddress ip_of(const tcp::endpoint& endpoint) {
    if (endpoint.address().is_v4()) {
        const auto bytes = endpoint.address().to_v4().to_bytes();
        return protocol::IpAddress::from_bytes(bytes).value_or(protocol::IpAddress());
    }
    const auto bytes = endpoint.address().to_v6().to_bytes();  // as text it may have a zone, "fe80::1%eth0"
    return protocol::IpAddress::from_bytes(bytes).value_or(protocol::IpAddress());
}

std::optional<protocol::Reply> refusal_for(Admission::Verdict verdict) {
    switch (verdict) {
        case Admission::Verdict::welcome: return {};
        case Admission::Verdict::too_many: return reply::kTooManySessions;
        case Admission::Verdict::too_many_of_client: break;
    }
    return reply::kTooManySessionsOfClient;
}

// Never throws: memory may be what is short.
void log_bug(const char* what) noexcept {
    try {
        LogLine line("bug");
        log_error(line.add("what", what));
    } catch (...) {
    }
}

void report(std::exception_ptr exception) {
    if (!exception) return;
    try {
        std::rethrow_exception(exception);
    } catch (const std::exception& error) {
        log_bug(error.what());
    }
}

}  // namespace

Worker::Worker(std::vector<int> sockets, std::shared_ptr<const Snapshot> snapshot, Admission& admission,
               asio::thread_pool& disk)
    : admission_(admission),
      work_(asio::make_work_guard(context_)),
      disk_(disk),
      environment_(std::make_shared<Environment>(context_, disk, std::move(snapshot))) {
    for (const int socket : sockets) {
        acceptors_.push_back(std::make_unique<tcp::acceptor>(context_, protocol_of(socket), socket));
    }
}

Worker::~Worker() = default;

void Worker::start() {
    probe_downstream(environment_);
    for (const auto& acceptor : acceptors_) asio::co_spawn(context_, accept(*acceptor), report);
    thread_ = std::thread([this] {
        for (;;) {
            try {
                context_.run();
                return;
            } catch (const std::exception& error) {  // memory shortage in a callback costs that one event
                log_bug(error.what());
            }
        }
    });
}

awaitable<void> Worker::accept(tcp::acceptor& acceptor) {
    asio::steady_timer pause(context_);
    while (!is_draining_) {
        auto [error, socket] = co_await acceptor.async_accept(no_throw);
        if (error == asio::error::operation_aborted) break;
        if (error == asio::error::connection_aborted) continue;  // the client was gone before we took it
        if (error) {
            LogLine line("accept");
            log_error(line.add("why", error.message())
                          .add("remedy", "raise LimitNOFILE= or lower limits.sessions"));
            pause.expires_after(kPauseWithoutDescriptors);
            co_await pause.async_wait(no_throw);
            continue;
        }
        welcome(std::move(socket));
    }
}

// What goes wrong here costs this client, not the loop that accepts the next one.
void Worker::welcome(tcp::socket socket) {
    try {
        ErrorCode gone;
        const protocol::IpAddress client = ip_of(socket.remote_endpoint(gone));
        if (!gone) asio::co_spawn(context_, run_session(std::move(socket), client), report);
    } catch (const std::exception& error) {
        log_bug(error.what());
    }
}

awaitable<void> Worker::run_session(tcp::socket socket, protocol::IpAddress client) {
    const std::shared_ptr<Environment> environment = environment_;
    struct Presence {  // leaves whatever happens
        Worker& worker;
        const protocol::IpAddress client;
        const bool is_counted;
        std::list<Session*>::iterator place;
        ~Presence() {
            worker.sessions_.erase(place);
            --worker.session_count_;
            if (is_counted) worker.admission_.leave(client);
        }
    };
    const auto verdict = admission_.enter(client, environment->settings.limits);
    ++session_count_;
    const bool is_welcome = verdict == Admission::Verdict::welcome;
    const Presence presence{*this, client, is_welcome, sessions_.insert(sessions_.end(), nullptr)};
    Session session(environment, std::move(socket), client);
    *presence.place = &session;
    std::optional<protocol::Reply> refusal = refusal_for(verdict);
    if (is_draining_) refusal = reply::kShuttingDown;
    co_await session.serve(std::move(refusal));
}

void Worker::use(std::shared_ptr<const Snapshot> snapshot) {
    asio::post(context_, [this, snapshot = std::move(snapshot)] {
        environment_->relay.retire();
        environment_ = std::make_shared<Environment>(context_, disk_, snapshot);
        probe_downstream(environment_);
    });
}

void Worker::drain() {
    asio::post(context_, [this] {
        is_draining_ = true;
        environment_->relay.retire();
        for (const auto& acceptor : acceptors_) {
            ErrorCode ignored;
            acceptor->close(ignored);
        }
        for (Session* session : sessions_) {
            if (session) session->shut_down();
        }
    });
}

void Worker::stop() {
    context_.stop();
}

void Worker::join() {
    if (thread_.joinable()) thread_.join();
}

bool Worker::take_sign_of_life() {
    const bool was_alive = is_alive_.exchange(false);
    asio::post(context_, [this] { is_alive_ = true; });
    return was_alive;
}

}  // namespace gatepost::gateway
