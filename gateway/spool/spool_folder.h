// The spool folder as it lies on the disk: its lock, its shelves, and what is found there at the start.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "gateway/spool/descriptor.h"
#include "gateway/spool/spool.h"
#include "gateway/spool/spooled_file.h"

namespace gatepost::gateway {

using Shelf = Spool::Shelf;

class SpoolFolder {
  public:
    // Makes what is missing, each folder for us alone, and takes the lock.
    static protocol::Result<SpoolFolder> open(const std::string& path);

    int number() const { return folder_.number(); }

    // Nothing of tmp/ was ever acknowledged.
    void sweep() const;
    struct Place {
        Shelf shelf;
        std::string name;
    };
    // What lies in queue/ and hold/, the oldest first; the problem: one of them cannot be listed.
    protocol::Result<std::vector<Place>> queued() const;
    // Reads these. What is torn or foreign goes to corrupt/ with a log line; the journal of a file ends
    // behind its last good line. Returned are those that cannot be read now, but perhaps later.
    std::vector<Place> recover(const std::vector<Place>& places,
                               const std::function<void(const Spooled&)>& found) const;
    void set_aside(Shelf shelf, const std::string& name, const std::string& why) const;

    // In which of queue/, hold/ and dead/ it lies: "queue/ID"; empty if in none.
    std::string find(const std::string& id) const;
    // The same without dead/: what becomes of the message must not touch the letter that was kept of it.
    std::string find_queued(const std::string& id) const;
    // 0 if there is none.
    std::size_t octets(const std::string& name) const;
    using Date = std::chrono::system_clock::time_point;
    // Dead letters that have lain there for so long.
    void remove_dead(Date now, std::chrono::seconds kept) const;
    // For the next start: at this date gatepost was running.
    void note_date(Date now) const;
    // If that date is far from `now`, either gatepost was not running for long or the clock is wrong. Then
    // the time of all dead letters begins anew: they are the last copies, and go rather too late than too
    // early.
    void renew_dead_after_a_gap(Date now) const;

  private:
    SpoolFolder(std::string path, Descriptor folder, Descriptor lock)
        : path_(std::move(path)), folder_(std::move(folder)), lock_(std::move(lock)) {}
    bool recover(const Place& place, std::size_t& verified,
                 const std::function<void(const Spooled&)>& found) const;
    void cut_journal(const std::string& file_name, std::size_t octets, std::size_t end) const;
    protocol::Result<std::vector<std::string>> names_in(const char* shelf) const;

    std::string path_;
    Descriptor folder_, lock_;
};

const char* name(Shelf shelf);

}  // namespace gatepost::gateway
