#include "gateway/spool/leftovers.h"

#include <cerrno>

#include "gateway/completion.h"
#include "gateway/log.h"

namespace gatepost::gateway {
namespace {

constexpr std::chrono::seconds kPause{5};

}  // namespace

void Leftovers::add(const std::vector<std::string>& names, Time now) noexcept {
    try {
        for (const auto& name : names) {
            const std::lock_guard lock(mutex_);
            const bool is_kept = names_.size() < kMost && names_.insert(name).second;
            next_ = now + kPause;
            LogLine line("spool");
            log_error(line.add("state", "cannot be removed")
                          .add("file", name)
                          .add("why", "its commit has failed")
                          .add("remedy", is_kept ? "it is tried again" : "remove it by hand"));
        }
    } catch (const std::exception& exception) {  // memory is short
        log_bug(exception.what());
    }
}

bool Leftovers::contains(const std::string& name) const {
    const std::lock_guard lock(mutex_);
    return names_.contains(name);
}

Leftovers::Time Leftovers::next() const {
    const std::lock_guard lock(mutex_);
    return names_.empty() ? Time::max() : next_;
}

// Only once the folder is synced: before that the machine's end would bring them back.
void Leftovers::remove(Disk& disk, Time now) {
    std::set<std::string> left;
    {
        const std::lock_guard lock(mutex_);
        next_ = now + kPause;
        left = names_;
    }
    std::vector<std::string> removed;
    for (const auto& name : left) {
        const int error = disk.run({.kind = DiskStep::Kind::remove, .name = name});
        if (error == 0 || error == ENOENT) removed.push_back(name);
    }
    if (removed.empty() || disk.run({.kind = DiskStep::Kind::sync_folder, .name = "queue"}) != 0) return;
    for (const auto& name : removed) {
        const std::lock_guard lock(mutex_);
        names_.erase(name);
        LogLine line("spool");
        log_info(line.add("state", "removed").add("file", name).add("why", "it was never acknowledged"));
    }
}

}  // namespace gatepost::gateway
