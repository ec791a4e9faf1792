// One life of the gateway's process: sessions, the spool's thread and the queue around the machines under
// test. Each step on the disk and each word on the wire is an event of its own, so that it can die between
// any two of them.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "downstream.h"
#include "gateway/spool/commit.h"
#include "gateway/spool/handover.h"
#include "gateway/spool/queue.h"
#include "gateway/spool/spool_file.h"
#include "schedule.h"
#include "world.h"

namespace gatepost::simulation {

class Process {
  public:
    // Tells the client; outside the process, for what was sent goes its own way.
    using Tell = std::function<void(std::size_t attempt, const protocol::Reply&)>;

    Process(World& world, Downstream& downstream, const std::vector<Letter>& letters,
            const config::Settings& settings, Break order, Tell tell);

    void recover();
    // RCPT was answered for all recipients of the attempt.
    void begin_session(std::size_t attempt, bool is_connected);
    // Attempts that are not answered.
    const std::set<std::size_t>& open() const { return open_; }

  private:
    using Queue = gateway::Queue;
    struct Session {
        std::size_t attempt;
        gateway::Handover handover;
        std::vector<std::size_t> spooled;  // recipients
        bool is_partly_delivered = false, is_answered = false;
    };
    using SessionPointer = std::shared_ptr<Session>;
    struct Batch {
        gateway::Commit machine;
        std::vector<SessionPointer> sessions;
        std::vector<std::string> contents;
        std::vector<std::string> synced_late;
    };
    struct File {
        std::size_t attempt;
        std::vector<std::size_t> recipients;
        gateway::SpooledMessage message;
        gateway::Journal journal;
        std::size_t octets;  // of all but what is torn at the end
    };

    void go_on(const SessionPointer& session);
    void answer(const SessionPointer& session, const protocol::Reply& reply);
    void begin_batch();
    void step(const std::shared_ptr<Batch>& batch);
    int run(Batch& batch, const gateway::DiskStep& step);
    void end(Batch& batch);
    std::optional<File> read(const std::string& id) const;
    gateway::QueueEntry entry_of(const std::string& id, std::size_t attempt) const;

    Queue::Time time() const { return Queue::Time(std::chrono::milliseconds(world_.now)); }
    void drive();
    void begin(const Queue::Try& due);
    void begin(const Queue::Notify& due);
    void begin(const Queue::Record& due);
    void begin(const Queue::Remove& due);
    void ended(const std::string& id, const File& file, const std::vector<std::size_t>& open,
               const std::vector<gateway::Outcome>& outcomes);
    void done(const std::string& id, int error);
    void notify(const Queue::Notify& due);
    int run(const gateway::DiskStep& step);
    Milliseconds soon() { return static_cast<Milliseconds>(world_.dice.below(40)); }

    World& world_;
    Downstream& downstream_;
    const std::vector<Letter>& letters_;
    const config::Settings& settings_;
    Break order_;
    Tell tell_;
    Queue queue_;
    std::vector<SessionPointer> waiting_;  // for the spool's thread
    bool is_committing_ = false;
    std::set<std::size_t> open_;
    std::optional<Queue::Time> wakes_;
};

std::string spool_id(std::size_t attempt);
std::size_t attempt_of(const std::string& id);

}  // namespace gatepost::simulation
