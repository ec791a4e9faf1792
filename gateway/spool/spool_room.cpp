#include "gateway/spool/spool_room.h"

#include <sys/statvfs.h>

#include <limits>

#include "gateway/log.h"

namespace gatepost::gateway {
namespace {

constexpr std::chrono::seconds kBelieved{1};  // that what the disk said is still so

}  // namespace

void SpoolRoom::use(const config::Queue& limits) {
    const std::lock_guard lock(mutex_);
    limits_ = limits;
}

config::Queue SpoolRoom::limits() const {
    const std::lock_guard lock(mutex_);
    return limits_;
}

// A disk that cannot be asked shows at the write what it has.
std::size_t SpoolRoom::free_space() const {
    const auto now = std::chrono::steady_clock::now();
    if (looked_ != decltype(looked_){} && now - looked_ < kBelieved) return free_;
    looked_ = now;
    struct statvfs status {};
    if (::fstatvfs(folder_, &status) != 0) return free_ = std::numeric_limits<std::size_t>::max();
    const bool has_files = status.f_files == 0 || status.f_favail > 0;
    return free_ = has_files ? status.f_bavail * status.f_frsize : 0;
}

const char* SpoolRoom::shortage(std::size_t octets) const {
    if (messages_ >= limits_.messages) return "queue.messages";
    if (octets > limits_.size || octets_ > limits_.size - octets) return "queue.size";
    const std::size_t free = free_space();
    return free < limits_.free_space || free - limits_.free_space < octets ? "queue.free_space" : nullptr;
}

// Once when it begins and once when it ends.
void SpoolRoom::note(const char* shortage) const {
    if (is_short_ == (shortage != nullptr)) return;
    is_short_ = shortage != nullptr;
    LogLine line("spool");
    line.add("state", is_short_ ? "full" : "room again").maybe("limit", shortage ? shortage : "");
    line.add("messages", messages_).add("octets", octets_).add("free", free_);
    is_short_ ? log_warning(line) : log_info(line);
}

std::optional<protocol::Reply> SpoolRoom::refusal(std::size_t octets) const {
    const std::lock_guard lock(mutex_);
    const char* what = shortage(octets);
    note(what);
    if (!what) return {};
    return protocol::reply::kNoStorage;
}

bool SpoolRoom::take(std::size_t octets) {
    const std::lock_guard lock(mutex_);
    const char* what = shortage(octets);
    note(what);
    if (what) return false;
    ++messages_;
    octets_ += octets;
    return true;
}

void SpoolRoom::add(std::size_t octets) {
    const std::lock_guard lock(mutex_);
    ++messages_;
    octets_ += octets;
}

void SpoolRoom::give_back(std::size_t octets) {
    const std::lock_guard lock(mutex_);
    messages_ -= std::min<std::size_t>(messages_, 1);
    octets_ -= std::min(octets_, octets);
}

std::size_t SpoolRoom::messages() const {
    const std::lock_guard lock(mutex_);
    return messages_;
}

std::size_t SpoolRoom::octets() const {
    const std::lock_guard lock(mutex_);
    return octets_;
}

}  // namespace gatepost::gateway
