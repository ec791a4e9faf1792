// The thread that empties the queue: drives the machine in queue.h, delivers what is due through a relay of
// its own, and does what the command line asks for.
#pragma once

#include <asio/executor_work_guard.hpp>
#include <asio/thread_pool.hpp>
#include <atomic>
#include <list>
#include <memory>
#include <mutex>
#include <thread>

#include "gateway/environment.h"
#include "gateway/spool/attempt.h"
#include "gateway/spool/control_server.h"
#include "gateway/spool/notifier.h"
#include "gateway/spool/queue.h"
#include "gateway/spool/queue_counts.h"
#include "gateway/spool/spool.h"

namespace gatepost::gateway {

class QueueRunner final : private ControlServer::Executor {
  public:
    // The spool must outlive it.
    QueueRunner(Spool& spool, std::shared_ptr<const Snapshot> snapshot, asio::thread_pool& disk);
    ~QueueRunner() override;

    // Recovers what lies in the spool first, so nothing may have been committed yet. Empty, or why nothing
    // was begun: what lies there cannot be known.
    std::string start();
    // From any thread: further tries use the new snapshot, running ones keep theirs.
    void use(std::shared_ptr<const Snapshot> snapshot);
    // From any thread: renewed ones, and nothing else of that snapshot.
    void use_certificates(std::shared_ptr<const Snapshot> snapshot);
    // From any thread: begins no more tries; those that run go on, and what came of them is written down.
    void drain();
    // Tries that run, and what is being written down.
    std::size_t running() const { return running_; }
    const QueueCounts& counts() const { return counts_; }
    // What has ended by now is heard of before its thread ends.
    void stop();
    void join();
    // After join(), before the spool is finished: who was delivered to, in tries that were cut off too, goes
    // into the journals, or he would get a duplicate after the next start.
    void write_down();
    // Whether the thread has come round since the last call; for the watchdog.
    bool take_sign_of_life();

  private:
    // Something that the queue wants, from when it is given out until the queue hears how it ended.
    struct Begun {
        Queue::Action due;
        Attempt attempt = {};  // of a try
        int error = EIO;       // of all else
        bool has_started = false;
        std::list<Begun>::iterator place = {};
    };
    class End;

    std::string recover();
    void recover_rest_later();
    void add_new(const SpooledMessage& message);
    void take_new();
    void wake();
    void wake_at(Deadline time);
    void drive();
    void tell_of_ended();
    std::vector<Queue::Record> unwritten() const;
    void begin();
    // Whatever happens, its end is seen.
    awaitable<void> carry_out(Begun& begun);
    void ended(const Queue::Try& due, const Attempt& attempt);
    awaitable<void> run(const Queue::Try& due, Attempt& attempt);
    awaitable<void> try_routes(Environment& environment, const Spooled& spooled, Content& content,
                               Attempt& attempt);
    awaitable<void> write_down(const std::string& id, const Attempt& attempt, std::size_t before);
    awaitable<void> run(const Queue::Notify& due, int& error);
    awaitable<void> run(const Queue::Record& due, int& error);
    awaitable<void> run(const Queue::Remove& due, int& error);
    awaitable<void> set_aside(const std::string& id);
    bool is_there(const std::string& id) const;

    awaitable<std::vector<ControlResult>> execute(ControlRequest request) override;
    awaitable<void> execute(ControlCommand command, ControlResult& result);
    awaitable<int> hold(const std::string& id);
    awaitable<int> release(const std::string& id);
    awaitable<int> drop(const std::string& id);
    void look_at(ControlResult& result) const;

    Spool& spool_;
    // What runs and what has ended; outlive the context, for its coroutines refer to them.
    std::list<Begun> begun_, ended_;
    asio::io_context context_{1};
    asio::executor_work_guard<asio::io_context::executor_type> work_;
    asio::thread_pool& disk_;
    std::shared_ptr<Environment> environment_;
    Queue queue_;
    const std::string folder_;  // the spool's
    QueueCounts counts_;
    Notifier notifier_;
    ControlServer control_;
    asio::steady_timer timer_;      // until the queue wants something next
    asio::steady_timer reading_;    // until what could not be read is looked at again
    std::chrono::seconds rest_{1};  // before that
    std::atomic<std::size_t> running_{0};
    std::size_t steps_ = 0;  // of what runs or has ended, all but tries
    std::mutex mutex_;
    std::list<SpooledMessage> new_;  // that the queue does not know yet; guarded by mutex_
    std::atomic<bool> is_alive_{true};
    bool is_draining_ = false, is_woken_ = false;
    std::thread thread_;
};

}  // namespace gatepost::gateway
