// The folder of dead letters: second names of files of the queue, for an administrator to look at. Strangers
// decide how many there are to be, so their room is bounded.
#pragma once

#include <cstddef>
#include <optional>
#include <string>

#include "gateway/spool/running_date.h"

namespace gatepost::gateway {

class DeadLetters {
  public:
    // `spool`: the folder of the spool.
    // `linked`: link(2). Where the file system has no such thing, they are copies.
    using Link = int (*)(const char* from, const char* to);
    explicit DeadLetters(const std::string& spool, Link linked = nullptr);

    // The message may still be tried for other recipients, so its file stays in the queue. 0 once it is
    // durable, or an errno. With more than `most` octets in all of them, the oldest go until a tenth of that
    // is free.
    int keep(const std::string& id, std::size_t most);

  private:
    int link(const std::string& id) const;
    int copy(const std::string& from, const std::string& id) const;
    int sync() const;
    void set_date(const std::string& id) const;
    void make_room(const std::string& newest, std::size_t most);

    const std::string spool_, folder_;
    const Link linked_;
    const RunningDate date_;
    std::optional<std::size_t> octets_;  // or more, if some have been removed by others; unknown at first
};

}  // namespace gatepost::gateway
