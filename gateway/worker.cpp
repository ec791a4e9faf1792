#include "gateway/worker.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include "gateway/log.h"
#include "gateway/probe.h"
#include "gateway/session.h"

namespace gatepost::gateway {
namespace {

namespace reply = protocol::reply;

// Only if not even the reserve can be used: somebody else is faster.
constexpr std::chrono::milliseconds kPauseWithoutDescriptors{100};
constexpr std::chrono::seconds kPressureTick{1};

// A peer that vanished without a word is found within two minutes, not only when its time for a command is
// over. Sessions inherit it from the listening socket.
void look_for_half_open(int socket, std::chrono::milliseconds unanswered) {
    const struct {
        int level, name, value;
    } options[] = {{SOL_SOCKET, SO_KEEPALIVE, 1},
                   {IPPROTO_TCP, TCP_KEEPIDLE, 60},
                   {IPPROTO_TCP, TCP_KEEPINTVL, 20},
                   {IPPROTO_TCP, TCP_KEEPCNT, 3},
                   {IPPROTO_TCP, TCP_USER_TIMEOUT, static_cast<int>(unanswered.count())}};
    for (const auto& [level, name, value] : options) ::setsockopt(socket, level, name, &value, sizeof value);
}

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
        look_for_half_open(socket, environment_->settings.limits.write_timeout);
        acceptors_.push_back(std::make_unique<tcp::acceptor>(context_, protocol_of(socket), socket));
    }
}

Worker::~Worker() = default;

void Worker::start() {
    probe_downstream(environment_);
    for (const auto& acceptor : acceptors_) asio::co_spawn(context_, accept(*acceptor), report);
    asio::co_spawn(context_, watch_pressure(), report);
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
        note_shortage(static_cast<bool>(error));
        if (error && could_turn_away(acceptor)) continue;
        if (error) {
            pause.expires_after(kPauseWithoutDescriptors);
            co_await pause.async_wait(no_throw);
            continue;
        }
        welcome(std::move(socket));
    }
}

// Each client that comes while there are no descriptors hears a 421; the first free one goes to the next
// client.
bool Worker::could_turn_away(tcp::acceptor& acceptor) {
    static const std::string kReply = wire(reply::kTooManySessions);
    const auto count = reserve_.turn_away(acceptor.native_handle(), kReply);
    turned_away_ += count;
    return count > 0 && reserve_.is_kept();
}

// Once when it begins and once when it ends, however many clients meet it.
void Worker::note_shortage(bool is_short) {
    if (is_short == is_short_) return;
    is_short_ = is_short;
    LogLine line("accept");
    if (is_short) {
        log_error(line.add("state", "out of descriptors")
                      .add("remedy", "raise LimitNOFILE= or lower limits.sessions"));
    } else {
        log_info(line.add("state", "descriptors again").add("turned_away", turned_away_));
        turned_away_ = 0;
    }
}

// Also those who wait already get less time when sessions run short, and more when they are plenty again.
awaitable<void> Worker::watch_pressure() {
    asio::steady_timer tick(context_);
    config::seconds known{0};
    while (!is_draining_) {
        tick.expires_after(kPressureTick);
        auto [error] = co_await tick.async_wait(no_throw);
        if (error) break;
        const auto& limits = environment_->settings.limits;
        const auto sessions = admission_.sessions();
        const auto idle_time = policy::idle_time(limits, sessions);
        if (const auto is_on = admission_.changed_pressure(limits)) {
            LogLine line("pressure");
            log_warning(line.add("state", *is_on ? "sessions run short" : "over")
                            .add("sessions", sessions)
                            .add("idle_time", static_cast<std::uint64_t>(idle_time.count())));
        }
        if (std::exchange(known, idle_time) == idle_time) continue;
        for (Session* session : sessions_) {
            if (session) session->look_at_time();
        }
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
    std::optional<protocol::Reply> refusal =
        admission_.enter(client, environment->settings.limits, Clock::now());
    ++session_count_;
    const Presence presence{*this, client, !refusal, sessions_.insert(sessions_.end(), nullptr)};
    Session session(environment, std::move(socket), client, admission_);
    *presence.place = &session;
    if (is_draining_) refusal = reply::kShuttingDown;
    co_await session.serve(std::move(refusal));
}

void Worker::use(std::shared_ptr<const Snapshot> snapshot) {
    asio::post(context_, [this, snapshot = std::move(snapshot)] {
        environment_->relay.retire();
        environment_ = std::make_shared<Environment>(context_, disk_, snapshot);
        probe_downstream(environment_);
        for (const auto& acceptor : acceptors_)
            look_for_half_open(acceptor->native_handle(), snapshot->settings.limits.write_timeout);
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
