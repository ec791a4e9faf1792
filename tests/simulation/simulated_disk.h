// A disk that does what POSIX allows and no more. A process that dies leaves what it has written so far in
// the page cache; a machine that dies forgets what was not synced, each name and each tail of a file by
// chance.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "chance.h"
#include "gateway/spool/disk_step.h"

namespace gatepost::simulation {

class SimulatedDisk {
  public:
    explicit SimulatedDisk(Chance& chance) : chance_(chance) {}

    // Of a hundred steps so many fail.
    void set_faults(unsigned percent) { faults_ = percent; }
    // An append leaves half a line where it is that an earlier one has left behind.
    void set_careless() { is_careless_ = true; }
    // The next step that writes gets only a part done: the process dies in it.
    void cut_next() { is_cut_ = true; }
    void is_whole_again() { is_cut_ = false; }

    // 0 or an errno. `text`: of a `write`.
    int run(const gateway::DiskStep& step, std::string_view text = {});
    // A second name of the same file.
    int link(const std::string& name, const std::string& target);
    void truncate(const std::string& name, std::size_t octets);

    void lose_power();

    // As processes see it; null if it is not there.
    const std::string* read(const std::string& name) const;
    std::vector<std::string> names_in(std::string_view folder) const;  // "queue": "queue/a1", …

  private:
    struct File {
        std::string cache, durable;
        std::size_t lost_from = 0, lost_to = 0;  // a failed sync forgot it, and will not write it again
    };
    using Names = std::map<std::string, std::size_t, std::less<>>;  // to the index of the file
    struct Change {
        std::string name;
        std::size_t file;  // kNone: removed
    };
    static constexpr std::size_t kNone = static_cast<std::size_t>(-1);

    bool fails() { return chance_.percent(faults_); }
    int write(const std::string& name, std::string_view text);
    int put(File& file, std::string_view text);
    int append(File& file, std::string_view text);
    int sync(File& file);
    int sync_folder(std::string_view folder);
    int rename(const std::string& name, const std::string& target, std::size_t file);
    void change(const std::string& name, std::size_t file);
    void apply(const Change& change);
    void lose_tail(File& file);

    Chance& chance_;
    unsigned faults_ = 0;
    bool is_cut_ = false, is_careless_ = false;
    std::vector<File> files_;
    Names cache_, durable_;
    std::vector<Change> pending_;  // in the cache and not synced, in order
};

}  // namespace gatepost::simulation
