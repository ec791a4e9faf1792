#include "gateway/server/worker.h"

#include <malloc.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>

#include "gateway/completion.h"
#include "gateway/log.h"
#include "gateway/relay/probe.h"
#include "gateway/server/listening.h"
#include "gateway/server/peer.h"
#include "gateway/server/session.h"

namespace gatepost::gateway {
namespace {

namespace reply = protocol::reply;

// Until accept() is tried again: not even the reserve could be used, or the kernel lacks something else.
constexpr std::chrono::milliseconds kPause{100};
constexpr std::chrono::seconds kPressureTick{1};
constexpr std::size_t kMaxBacklog = 1024;  // clients of a socket that hear a farewell at the end
constexpr std::size_t kCrowd = 500;  // sessions of a worker: their memory is worth the look through all of it

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

void log_no_proxy(const protocol::IpAddress& peer, std::string_view why) {
    LogLine line("proxy");
    log_warning(line.add("client", peer.text()).add("state", "closed").add("why", why));
}

}  // namespace

Worker::Worker(std::vector<int> sockets, Backlog backlog, std::shared_ptr<const Snapshot> snapshot,
               Admission& admission, asio::thread_pool& disk, Spool* spool)
    : admission_(admission),
      work_(asio::make_work_guard(context_)),
      disk_(disk),
      spool_(spool),
      environment_(std::make_shared<Environment>(context_, disk, std::move(snapshot), spool)),
      backlog_(backlog) {
    for (const int socket : sockets) {
        look_for_half_open(socket, environment_->settings.limits.write_timeout);
        acceptors_.push_back(std::make_unique<tcp::acceptor>(context_, protocol_of(socket), socket));
        entrances_.push_back(std::make_unique<Entrance>(bound_endpoint(socket)));
        entrances_.back()->use(environment_->settings.listeners);
    }
}

Worker::~Worker() = default;

void Worker::start() {
    for (std::size_t i = 0; i < acceptors_.size(); ++i) keep_accepting(i);
    probe_downstream(environment_);
    asio::co_spawn(context_, watch_pressure(), log_exception);
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

// Whatever ends the loop that accepts, short of the drain: a worker that is deaf would look healthy.
void Worker::keep_accepting(std::size_t index) {
    const auto ended = [this, index](std::exception_ptr exception) {
        log_exception(exception);
        if (exception && !is_draining_) keep_accepting(index);
    };
    asio::co_spawn(context_, accept(*acceptors_[index], *entrances_[index]), ended);
}

awaitable<void> Worker::accept(tcp::acceptor& acceptor, const Entrance& entrance) {
    asio::steady_timer pause(context_);
    while (!is_draining_) {
        auto [error, socket] = co_await acceptor.async_accept(no_throw);
        if (error == asio::error::operation_aborted) break;
        if (error == asio::error::connection_aborted) continue;  // the client was gone before we took it
        const bool is_short = is_without_descriptors(error.value());
        note_shortage(is_short);
        if (is_short && could_turn_away(acceptor)) continue;
        if (error) {
            if (!is_short) log_error(LogLine("accept").add("why", error.message()));
            pause.expires_after(kPause);
            co_await pause.async_wait(no_throw);
            continue;
        }
        welcome(std::move(socket), entrance);
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

// malloc keeps what a crowd has taken; once most of it has gone, the system gets it back.
void Worker::give_memory_back() {
    const std::size_t sessions = session_count_;
    const bool is_leaving = sessions < std::exchange(last_sessions_, sessions);
    most_sessions_ = std::max(most_sessions_, sessions);
    if (is_leaving || most_sessions_ < kCrowd || sessions > most_sessions_ / 4) return;
    most_sessions_ = sessions;
    ::malloc_trim(0);
}

awaitable<void> Worker::watch_pressure() {
    asio::steady_timer tick(context_);
    while (!is_draining_) {
        tick.expires_after(kPressureTick);
        auto [error] = co_await tick.async_wait(no_throw);
        if (error) break;
        try {
            give_memory_back();
            look_at_pressure();
        } catch (const std::exception& exception) {
            log_bug(exception.what());
        }
    }
}

// Also those who wait already get less time when sessions run short, and more when they are plenty again.
void Worker::look_at_pressure() {
    const auto& limits = environment_->settings.limits;
    const auto sessions = admission_.sessions();
    const auto idle_time = policy::idle_time(limits, sessions);
    if (const auto is_on = admission_.changed_pressure(limits)) {
        LogLine line("pressure");
        log_warning(line.add("state", *is_on ? "sessions run short" : "over")
                        .add("sessions", sessions)
                        .add("idle_time", static_cast<std::uint64_t>(idle_time.count())));
    }
    if (std::exchange(known_idle_time_, idle_time) == idle_time) return;
    for (Session* session : sessions_) {
        if (session) session->look_at_time();
    }
}

// What goes wrong here costs this client, not the loop that accepts the next one.
void Worker::welcome(tcp::socket socket, const Entrance& entrance) {
    try {
        ErrorCode gone;
        const protocol::IpAddress peer = ip_of(socket.remote_endpoint(gone));
        if (gone) return;
        Arrival arrival(session_count_);
        if (!entrance.is_for_proxies()) {
            asio::co_spawn(context_, run_session(std::move(socket), std::move(arrival), peer, {}),
                           log_exception);
        } else if (!entrance.lets_in(peer)) {
            log_no_proxy(peer, "not one of the listener's proxies");
        } else if (waiting_for_proxies_ >= environment_->settings.limits.sessions) {
            log_no_proxy(peer, "too many connections without a header");
        } else {
            asio::co_spawn(context_, run_proxied(std::move(socket), std::move(arrival), peer), log_exception);
        }
    } catch (const std::exception& error) {
        log_bug(error.what());
    }
}

// Who is counted, judged and named is the client that the header speaks of.
awaitable<void> Worker::run_proxied(tcp::socket socket, Arrival arrival, protocol::IpAddress proxy) {
    struct Waiting {
        std::size_t& count;
        explicit Waiting(std::size_t& counted) : count(counted) { ++count; }
        ~Waiting() { --count; }
    };
    std::optional<Waiting> waiting(waiting_for_proxies_);
    const protocol::ProxyHeaderRead read = co_await receive_proxy_header(socket);
    waiting.reset();
    if (read.state != protocol::ProxyHeaderRead::State::complete) {
        log_no_proxy(proxy, read.why);
        co_return;
    }
    const auto client = read.header.client.value_or(proxy);
    Proxied proxied{proxy, {}};
    if (read.header.client) proxied.client_port = read.header.port;
    asio::co_spawn(context_, run_session(std::move(socket), std::move(arrival), client, proxied),
                   log_exception);
}

awaitable<void> Worker::run_session(tcp::socket socket, Arrival, protocol::IpAddress client,
                                    std::optional<Proxied> proxied) {
    const std::shared_ptr<Environment> environment = environment_;
    struct Presence {  // leaves whatever happens
        Worker& worker;
        const protocol::IpAddress client;
        const std::list<Session*>::iterator place;
        bool is_counted = false;
        Presence(Worker& counting, const protocol::IpAddress& counted)
            : worker(counting),
              client(counted),
              place(counting.sessions_.insert(counting.sessions_.end(), nullptr)) {}
        ~Presence() {
            worker.sessions_.erase(place);
            if (is_counted) worker.admission_.leave(client);
        }
    };
    Presence presence(*this, client);
    std::optional<protocol::Reply> refusal =
        admission_.enter(client, environment->settings.limits, Clock::now());
    presence.is_counted = !refusal;
    Session session(environment, std::move(socket), client, admission_);
    if (proxied) session.came_through(proxied->proxy, proxied->client_port);
    *presence.place = &session;
    if (is_draining_) refusal = reply::kShuttingDown;
    co_await session.serve(std::move(refusal));
}

void Worker::use(std::shared_ptr<const Snapshot> snapshot) {
    asio::post(context_, [this, snapshot = std::move(snapshot)] {
        const auto next =
            std::make_shared<Environment>(context_, disk_, snapshot, spool_, environment_.get());
        const auto before = std::exchange(environment_, next);
        if (&before->relay != &next->relay) before->relay.retire();
        for (const auto& entrance : entrances_) entrance->use(snapshot->settings.listeners);
        probe_downstream(environment_);
        for (const auto& acceptor : acceptors_)
            look_for_half_open(acceptor->native_handle(), snapshot->settings.limits.write_timeout);
    });
}

void Worker::use_certificates(std::shared_ptr<const Snapshot> snapshot) {
    asio::post(context_,
               [this, snapshot = std::move(snapshot)] { environment_->use_certificates(*snapshot); });
}

void Worker::drain() {
    asio::post(context_, [this] {
        is_draining_ = true;
        environment_->relay.retire();
        close_doors();
        for (Session* session : sessions_) {
            if (session) session->shut_down();
        }
        // Whom the reactor has accepted, the accepting loop may still have to hear of: his turn is before
        // this.
        asio::post(context_, [this] { is_deaf_ = true; });
    });
}

bool Worker::is_done() {
    asio::post(context_,
               [this] { is_done_ = is_deaf_ && session_count_ == 0 && environment_->relay.leaving() == 0; });
    return is_done_;
}

void Worker::close_doors() {
    try {
        if (backlog_ == Backlog::ours) take_backlog();
    } catch (const std::exception& error) {
        log_bug(error.what());
    }
    for (const auto& acceptor : acceptors_) {
        ErrorCode ignored;
        acceptor->close(ignored);
    }
}

// To close the socket would reset them, and they could not know why.
void Worker::take_backlog() {
    for (std::size_t i = 0; i < acceptors_.size(); ++i) {
        ErrorCode error;
        acceptors_[i]->non_blocking(true, error);
        for (std::size_t taken = 0; taken < kMaxBacklog && !error; ++taken) {
            tcp::socket socket(context_);
            acceptors_[i]->accept(socket, error);
            if (!error) welcome(std::move(socket), *entrances_[i]);
        }
    }
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
