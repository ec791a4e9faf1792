// One thread with its own io_context, listening sockets, resolver and relay. Workers share nothing on the way
// of a message.
#pragma once

#include <asio/executor_work_guard.hpp>
#include <asio/thread_pool.hpp>
#include <atomic>
#include <list>
#include <memory>
#include <thread>
#include <vector>

#include "gateway/environment.h"
#include "gateway/server/admission.h"
#include "gateway/server/proxy.h"
#include "gateway/server/reserve.h"

namespace gatepost::gateway {

class Session;

class Worker {
  public:
    // `sockets`: listening, owned by the worker from now on.
    // `spool`: null if nothing is spooled.
    Worker(std::vector<int> sockets, std::shared_ptr<const Snapshot> snapshot, Admission& admission,
           asio::thread_pool& disk, Spool* spool);
    ~Worker();

    void start();
    // From any thread: new sessions use the new snapshot, running ones keep theirs.
    void use(std::shared_ptr<const Snapshot> snapshot);
    // From any thread: accepts no more, idle clients get 421, running transactions go on.
    void drain();
    void stop();
    void join();
    std::size_t sessions() const { return session_count_; }
    // Whether the thread has come round since the last call; for the watchdog.
    bool take_sign_of_life();

  private:
    void keep_accepting(std::size_t index);
    awaitable<void> accept(tcp::acceptor& acceptor, const Entrance& entrance);
    bool could_turn_away(tcp::acceptor& acceptor);
    void note_shortage(bool is_short);
    void welcome(tcp::socket socket, const Entrance& entrance);
    awaitable<void> run_proxied(tcp::socket socket, protocol::IpAddress proxy);
    awaitable<void> watch_pressure();
    void look_at_pressure();
    void give_memory_back();
    awaitable<void> run_session(tcp::socket socket, protocol::IpAddress client,
                                std::optional<Proxied> proxied);

    // Sessions that are cut off end with the context, and leave these behind them: so these come first.
    Admission& admission_;
    std::list<Session*> sessions_;
    std::atomic<std::size_t> session_count_{0};
    std::size_t waiting_for_proxies_ = 0;  // connections that have not said yet for whom they are
    asio::io_context context_{1};
    asio::executor_work_guard<asio::io_context::executor_type> work_;
    asio::thread_pool& disk_;
    Spool* const spool_;
    std::shared_ptr<Environment> environment_;
    std::vector<std::unique_ptr<tcp::acceptor>> acceptors_;
    std::vector<std::unique_ptr<Entrance>> entrances_;  // one for each of them
    std::atomic<bool> is_alive_{true};
    bool is_draining_ = false;
    Reserve reserve_;
    bool is_short_ = false;  // of descriptors
    std::size_t turned_away_ = 0;
    config::seconds known_idle_time_{0};
    std::size_t most_sessions_ = 0;  // since memory was given back last
    std::size_t last_sessions_ = 0;  // a tick ago
    std::thread thread_;
};

}  // namespace gatepost::gateway
