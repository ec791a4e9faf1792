// The spool's thread as DiskSpool has it, on a simulated disk: takes what waits in one batch and drives
// Commit through it, every step a turn of its own.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "activity.h"
#include "gateway/spool/spool_file.h"
#include "world.h"

namespace gatepost::simulation {

struct Job {
    enum class Kind { commit, record, remove };
    Kind kind = Kind::commit;
    std::string id = {};
    gateway::SpooledMessage message = {};  // commit
    std::string content = {};
    gateway::JournalEntry entry = {};  // record
    int error = 0;
    bool is_done = false;
};

// What was read of a file in the spool.
struct SpoolFile {
    gateway::SpooledMessage message;
    gateway::Journal journal;
    std::string content;
    std::size_t octets = 0, journal_at = 0;
};

class SimulatedSpool {
  public:
    // `told`: of each message that was committed.
    SimulatedSpool(World& world, std::function<void(const gateway::SpooledMessage&)> told)
        : world_(world), told_(std::move(told)) {}

    void add(std::shared_ptr<Job> job);
    Activity run();  // the thread

    // Nothing if it is not there, damaged, or its digest is another.
    static std::optional<SpoolFile> read(const World& world, const std::string& name);
    // "queue/ID", "dead/ID" or empty.
    std::string find(const std::string& id) const;

  private:
    using Batch = std::vector<std::shared_ptr<Job>>;
    // Who has left queue/, which must be synced for it; nothing if it was gone already.
    struct Left {
        std::shared_ptr<Job> job;
        std::optional<SpoolFile> file;
    };
    int run(const gateway::DiskStep& step, std::string_view text = {});
    Activity record(const Batch& batch);
    Activity remove(const Batch& batch, std::vector<Left>& left);
    Activity commit(const Batch& batch, const std::vector<Left>& left);
    void note_left(const Left& left, int error);
    std::string find_queued(const std::string& id) const;
    void begin_anew(const std::string& id);
    void note_recorded(const Job& job);

    World& world_;
    std::function<void(const gateway::SpooledMessage&)> told_;
    Batch waiting_;
    bool is_wanted_ = false;
};

// The whole file of a message that is committed.
std::string file_of(const gateway::SpooledMessage& message, std::string_view content);

}  // namespace gatepost::simulation
