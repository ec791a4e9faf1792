// One thread with its own io_context, listening sockets, resolver and relay. Workers share nothing on the way
// of a message.
#pragma once

#include <asio/executor_work_guard.hpp>
#include <asio/thread_pool.hpp>
#include <atomic>
#include <list>
#include <memory>
#include <thread>
#include <utility>
#include <vector>

#include "gateway/environment.h"
#include "gateway/server/admission.h"
#include "gateway/server/proxy.h"
#include "gateway/server/reserve.h"

namespace gatepost::gateway {

class Session;

// Whose the clients are that the kernel has taken but we have not, when the listening sockets are closed:
// ours, for nobody else can answer them; or of the process that systemd gives the same sockets next.
enum class Backlog { ours, of_the_next_process };

class Worker {
  public:
    // `sockets`: listening, owned by the worker from now on.
    // `spool`: null if nothing is spooled.
    Worker(std::vector<int> sockets, Backlog backlog, std::shared_ptr<const Snapshot> snapshot,
           Admission& admission, asio::thread_pool& disk, Spool* spool);
    ~Worker();

    void start();
    // From any thread: new sessions use the new snapshot, running ones keep theirs.
    void use(std::shared_ptr<const Snapshot> snapshot);
    // From any thread: new certificates for all handshakes, and nothing else of that snapshot.
    void use_certificates(std::shared_ptr<const Snapshot> snapshot);
    // From any thread: accepts no more, idle clients get 421, running transactions go on.
    void drain();
    void stop();
    void join();
    // After drain(): nobody comes any more, all clients are gone, and the downstream has been said goodbye
    // to. To be asked again and again: each time the thread is asked to look.
    bool is_done();
    // Whether the thread has come round since the last call; for the watchdog.
    bool take_sign_of_life();

  private:
    // One that was accepted, until its session has ended, whatever becomes of it: the drain waits for it.
    class Arrival {
      public:
        explicit Arrival(std::size_t& count) : count_(&count) { ++count; }
        Arrival(Arrival&& other) noexcept : count_(std::exchange(other.count_, nullptr)) {}
        Arrival& operator=(Arrival&&) = delete;
        ~Arrival() {
            if (count_) --*count_;
        }

      private:
        std::size_t* count_;
    };

    void keep_accepting(std::size_t index);
    awaitable<void> accept(tcp::acceptor& acceptor, const Entrance& entrance);
    bool could_turn_away(tcp::acceptor& acceptor);
    void note_shortage(bool is_short);
    void welcome(tcp::socket socket, const Entrance& entrance);
    void close_doors();
    void take_backlog();
    awaitable<void> run_proxied(tcp::socket socket, Arrival arrival, protocol::IpAddress proxy);
    awaitable<void> watch_pressure();
    void look_at_pressure();
    void give_memory_back();
    awaitable<void> run_session(tcp::socket socket, Arrival arrival, protocol::IpAddress client,
                                std::optional<Proxied> proxied);

    // Sessions that are cut off end with the context, and leave these behind them: so these come first.
    Admission& admission_;
    std::list<Session*> sessions_;
    std::size_t session_count_ = 0;        // clients that were accepted and are not gone yet
    std::size_t waiting_for_proxies_ = 0;  // connections that have not said yet for whom they are
    asio::io_context context_{1};
    asio::executor_work_guard<asio::io_context::executor_type> work_;
    asio::thread_pool& disk_;
    Spool* const spool_;
    std::shared_ptr<Environment> environment_;
    std::vector<std::unique_ptr<tcp::acceptor>> acceptors_;
    std::vector<std::unique_ptr<Entrance>> entrances_;  // one for each of them
    std::atomic<bool> is_alive_{true};
    const Backlog backlog_;
    bool is_draining_ = false;
    bool is_deaf_ = false;  // nobody comes any more
    std::atomic<bool> is_done_{false};
    Reserve reserve_;
    bool is_short_ = false;  // of descriptors
    std::size_t turned_away_ = 0;
    config::seconds known_idle_time_{0};
    std::size_t most_sessions_ = 0;  // since memory was given back last
    std::size_t last_sessions_ = 0;  // a tick ago
    std::thread thread_;
};

}  // namespace gatepost::gateway
