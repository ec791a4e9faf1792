// Brings a batch of new messages into the queue so that none can be lost afterwards: all written, each
// synced, each renamed into place, and the folder synced once for all (attacks.md R1). Without I/O: it says
// each step and hears how it ended.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "gateway/spool/disk_step.h"

namespace gatepost::gateway {

class Commit {
  public:
    // `ids`: of the messages, which are items 0, 1, … of the steps. `has_left`: others have left queue/
    // just now, and it must be synced for them as well, whatever becomes of these.
    explicit Commit(std::vector<std::string> ids, bool has_left = false);

    // The next step, or nothing when the batch is done.
    std::optional<DiskStep> next();
    // How the step given last ended: 0 or an errno. What fails costs its message alone, and what was made of
    // it is removed again; a folder that cannot be synced costs the batch.
    void ended(int error);
    // For each message: 0 once it is safe, or why it is not in the queue. Meaningful when next() gave
    // nothing.
    const std::vector<int>& errors() const { return errors_; }
    // What could not be removed of those that have failed: names below the spool folder. What lies in queue/
    // would be found there by the next start.
    std::vector<std::string> left() const;
    // How the sync of queue/ ended: 0 once it is durable who has left it.
    int folder_error() const { return folder_error_; }

  private:
    enum class Phase { write, sync, rename, sync_folder, remove, over };
    enum class Place { nowhere, tmp, queue };
    bool is_due(std::size_t item) const;
    DiskStep step_for(std::size_t item) const;
    void fail_all(int error);

    std::vector<std::string> ids_;
    std::vector<int> errors_;
    std::vector<Place> places_;
    const bool has_left_;
    int folder_error_ = 0;
    Phase phase_ = Phase::write;
    std::size_t item_ = 0;  // whose turn it is in this phase
};

}  // namespace gatepost::gateway
