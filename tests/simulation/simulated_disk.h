// A disk that does what POSIX allows and no more: what was not synced may be forgotten or torn when the
// machine dies, each name by itself; a failed sync forgets what it should have written and says so only once.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "dice.h"
#include "gateway/spool/disk_step.h"

namespace gatepost::simulation {

class SimulatedDisk {
  public:
    explicit SimulatedDisk(Dice& dice) : dice_(dice) {}

    // Of each step, that it fails.
    void set_faults(unsigned percent) { faults_ = percent; }
    // The step that runs next is cut off in the middle: the process dies in it.
    void cut_next() { is_cut_ = true; }
    void mend() { is_cut_ = false; }  // the step that was to be cut off was none on the disk
    // 0 or an errno. `contents`: of the items of a `write`.
    int run(const gateway::DiskStep& step, const std::vector<std::string>& contents = {});
    // The machine dies: the page cache is gone.
    void lose_power();

    std::vector<std::string> names_in(const std::string& folder) const;  // "queue" -> "queue/a1", …
    const std::string* read(const std::string& name) const;              // null: not there
    void truncate(const std::string& name, std::size_t octets);

  private:
    struct File {
        std::string cache;                       // as processes see it
        std::string durable;                     // as the platter has it
        std::size_t lost_from = 0, lost_to = 0;  // forgotten by a failed sync, and no longer dirty
    };
    using Names = std::map<std::string, std::shared_ptr<File>>;
    struct Change {
        std::string name;
        std::shared_ptr<File> file;  // null: removed
    };
    bool fails() { return dice_.chance(faults_); }
    int put(File& file, const std::string& text, bool is_whole_or_nothing);
    int sync(File& file);
    void change(const std::string& name, std::shared_ptr<File> file);
    void apply(const Change& change);

    Dice& dice_;
    unsigned faults_ = 0;
    bool is_cut_ = false;
    Names cache_, durable_;
    std::vector<Change> pending_;  // of names, not synced
};

}  // namespace gatepost::simulation
