// Runs the steps of the spool's machines on a real disk. Belongs to one thread.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>

#include "gateway/spool/descriptor.h"
#include "gateway/spool/disk_step.h"
#include "gateway/spool/side_by_side.h"

namespace gatepost::gateway {

class Disk {
  public:
    // Writes a message into a file that has just been made; 0 or an errno.
    using Writer = std::function<int(int file, std::size_t item)>;

    // `folder`: the descriptor of the spool folder, below which all names are; must outlive this.
    explicit Disk(int folder);

    // 0 or an errno. `writer` is for Kind::write.
    int run(const DiskStep& step, const Writer& writer = {});
    // Closes what was written and not synced.
    void forget() {
        written_.clear();
        synced_.clear();
    }

  private:
    int write(const DiskStep& step, const Writer& writer);
    int append(const DiskStep& step);
    int sync_file(const std::string& name);
    void sync_written();
    int rename(const DiskStep& step);
    int remove(const std::string& name);

    int folder_;
    SideBySide syncers_;
    std::map<std::string, Descriptor> written_;  // and not synced yet
    std::map<std::string, int> synced_;          // together with others; not asked for yet
};

// All of it, or an errno.
int write_all(int file, std::string_view octets);

}  // namespace gatepost::gateway
