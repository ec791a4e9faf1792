#include "gateway/spool/spool_folder.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <thread>

#include "gateway/log.h"
#include "gateway/spool/disk.h"
#include "gateway/spool/running_date.h"
#include "protocol/ascii.h"

namespace gatepost::gateway {
namespace {

constexpr std::chrono::seconds kPatience{3};
constexpr std::chrono::milliseconds kPause{50};
using protocol::Problem;
using protocol::Result;

constexpr const char* kShelves[] = {"queue", "hold", "dead", "corrupt", "tmp"};
// At the start so much content is compared with its digests; the rest is when it is tried.
constexpr std::size_t kVerifiedAtStart = std::size_t(1) << 30;
constexpr int kMaxNamesake = 1000;

std::string why(int error) {
    return std::strerror(error);
}

std::string why_not_usable(const std::string& folder) {
    if (::mkdir(folder.c_str(), 0700) != 0 && errno != EEXIST) return folder + ": " + why(errno);
    Descriptor open(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (!open.is_open()) return folder + ": " + why(errno);
    ::fchmod(open.number(), 0700);  // if it is not ours, what follows says so
    if (::access(folder.c_str(), R_OK | W_OK | X_OK) != 0) return folder + ": " + why(errno);
    if (::fsync(open.number()) != 0) return folder + ": " + why(errno);
    return "";
}

constexpr std::chrono::seconds kGap = std::chrono::hours(24);  // that is none: a restart, a repair

std::int64_t seconds_of(SpoolFolder::Date date) {
    return std::chrono::floor<std::chrono::seconds>(date.time_since_epoch()).count();
}

std::string remedy(const std::string& problem) {
    return "spool: " + problem +
           "; gatepost must be able to write there: make it the folder of gatepost's user, or name another "
           "`state`";
}

// Who has the lock has written his process id into it; a file that was left over is nobody's.
Result<Descriptor> take_lock(const std::string& folder) {
    const std::string file = folder + "/lock";
    Descriptor lock(::open(file.c_str(), O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600));
    if (!lock.is_open()) return Problem{remedy(file + ": " + why(errno))};
    // `gatepost queue` has it for a moment: gatepost's start must not fail over that.
    const auto deadline = std::chrono::steady_clock::now() + kPatience;
    int taken = ::flock(lock.number(), LOCK_EX | LOCK_NB);
    while (taken != 0 && errno == EWOULDBLOCK && std::chrono::steady_clock::now() < deadline) {
        std::this_thread::sleep_for(kPause);
        taken = ::flock(lock.number(), LOCK_EX | LOCK_NB);
    }
    if (taken != 0) {
        if (errno != EWOULDBLOCK) return Problem{remedy(file + ": " + why(errno))};
        char text[32] = "";
        if (::pread(lock.number(), text, sizeof text - 1, 0) < 0) text[0] = '\0';
        return Problem{"spool: " + folder + " is in use by another gatepost (process " +
                       protocol::escaped(protocol::trimmed(text, "\n")) +
                       "); end that one first, or give this one a `state` of its own"};
    }
    const std::string text = std::to_string(::getpid()) + "\n";
    if (::ftruncate(lock.number(), 0) != 0 || write_all(lock.number(), text) != 0)
        return Problem{remedy(file + ": " + why(errno))};
    return lock;
}

}  // namespace

const char* name(Shelf shelf) {
    switch (shelf) {
        case Shelf::queue: return "queue";
        case Shelf::hold: return "hold";
        case Shelf::dead: return "dead";
        case Shelf::corrupt: break;
    }
    return "corrupt";
}

Result<SpoolFolder> SpoolFolder::open(const std::string& path) {
    // A mistyped path must not become a new place for mail.
    ::mkdir(std::filesystem::path(path).parent_path().c_str(), 0750);
    std::string problem = why_not_usable(path);
    if (!problem.empty()) return Problem{remedy(problem)};
    auto lock = take_lock(path);
    if (!lock) return Problem{lock.problem()};
    for (const char* shelf : kShelves) {
        problem = why_not_usable(path + "/" + shelf);
        if (!problem.empty()) return Problem{remedy(problem)};
    }
    Descriptor folder(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!folder.is_open() || ::fsync(folder.number()) != 0) return Problem{remedy(path + ": " + why(errno))};
    return SpoolFolder(path, std::move(folder), std::move(*lock));
}

Result<std::vector<std::string>> SpoolFolder::names_in(const char* shelf) const {
    const std::string path = path_ + "/" + shelf;
    std::vector<std::string> names;
    const std::unique_ptr<DIR, int (*)(DIR*)> folder(::opendir(path.c_str()), ::closedir);
    if (!folder) return Problem{path + ": " + why(errno)};
    for (;;) {
        errno = 0;  // the only way to tell the end from a failure
        const dirent* entry = ::readdir(folder.get());
        if (!entry && errno != 0) return Problem{path + ": " + why(errno)};
        if (!entry) return names;
        const std::string_view found = entry->d_name;
        if (found != "." && found != "..") names.emplace_back(found);
    }
}

void SpoolFolder::sweep() const {
    std::size_t swept = 0;
    const auto left = names_in("tmp");
    if (!left) return;  // until the next start
    for (const auto& found : *left) {
        if (::unlinkat(folder_.number(), ("tmp/" + found).c_str(), 0) == 0) ++swept;
    }
    if (swept == 0) return;
    LogLine line("spool");
    log_info(line.add("state", "swept").add("files", swept));
}

void SpoolFolder::set_aside(Shelf shelf, const std::string& found, const std::string& why) const {
    const std::string from = std::string(name(shelf)) + "/" + found;
    std::string to = "corrupt/" + found;
    for (int i = 1; i < kMaxNamesake && octets(to) > 0; ++i)
        to = "corrupt/" + found + "." + std::to_string(i);
    const bool moved = ::renameat2(folder_.number(), from.c_str(), folder_.number(), to.c_str(), 0) == 0;
    LogLine line("spool");
    log_error(line.add("state", moved ? "set aside" : "cannot be set aside")
                  .add("file", from)
                  .add("why", why)
                  .add("remedy", "it lies in " + path_ + "/corrupt for you to look at"));
}

Result<std::vector<SpoolFolder::Place>> SpoolFolder::queued() const {
    std::vector<Place> places;
    for (const Shelf shelf : {Shelf::queue, Shelf::hold}) {
        const auto deadline = std::chrono::steady_clock::now() + kPatience;
        auto names = names_in(name(shelf));
        while (!names && std::chrono::steady_clock::now() < deadline) {
            std::this_thread::sleep_for(kPause);
            names = names_in(name(shelf));
        }
        if (!names)
            return Problem{"spool: " + names.problem() +
                           "; what lies there must be known before gatepost begins: look at the disk and the "
                           "kernel's log"};
        std::sort(names->begin(), names->end());  // ids begin with the time: the oldest first
        for (auto& each : *names) places.push_back({shelf, std::move(each)});
    }
    return places;
}

std::vector<SpoolFolder::Place> SpoolFolder::recover(const std::vector<Place>& places,
                                                     const std::function<void(const Spooled&)>& found) const {
    std::size_t verified = 0;
    std::vector<Place> unread;
    for (const auto& place : places) {
        if (!recover(place, verified, found)) unread.push_back(place);
    }
    return unread;
}

// False: it cannot be read now.
bool SpoolFolder::recover(const Place& place, std::size_t& verified,
                          const std::function<void(const Spooled&)>& found) const {
    const auto& [shelf, id] = place;
    const std::string file_name = std::string(name(shelf)) + "/" + id;
    const auto aside = [&](const std::string& why) {
        set_aside(shelf, id, why);
        return true;
    };
    if (!is_spool_id(id)) return aside("no message of gatepost");
    const auto file = SpooledFile::open(folder_.number(), file_name);
    if (!file && file.problem().empty()) {
        const int error = errno;
        if (error == ENOENT) return true;  // somebody has taken it away meanwhile
        LogLine line("spool");
        log_error(line.add("state", "cannot be read")
                      .add("file", file_name)
                      .add("why", why(error))
                      .add("remedy", "it is tried again until it can be"));
        return false;
    }
    if (!file) return aside(file.problem());
    if (file->message().id != id) return aside("the file of another message");
    if (shelf == Shelf::hold && octets("queue/" + id) > 0) return aside("is in queue/ too");
    if (verified < kVerifiedAtStart) {
        if (file->look() == SpooledFile::State::damaged) return aside("damaged: its digest is another");
        verified += file->octets();
    }
    const std::size_t end = file->journal_at() + file->journal().octets;
    if (end < file->octets()) cut_journal(file_name, file->octets(), end);
    found({file->message(), file->journal().state, shelf == Shelf::hold});
    return true;
}

void SpoolFolder::cut_journal(const std::string& file_name, std::size_t octets, std::size_t end) const {
    const Descriptor torn(::openat(folder_.number(), file_name.c_str(), O_WRONLY | O_NOFOLLOW | O_CLOEXEC));
    if (!torn.is_open() || ::ftruncate(torn.number(), static_cast<off_t>(end)) != 0) return;
    LogLine line("spool");
    log_warning(line.add("state", "journal cut").add("file", file_name).add("octets", octets - end));
}

std::size_t SpoolFolder::octets(const std::string& file_name) const {
    struct stat status {};
    if (::fstatat(folder_.number(), file_name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) return 0;
    return std::max<std::size_t>(1, static_cast<std::size_t>(status.st_size));
}

std::string SpoolFolder::find_queued(const std::string& id) const {
    if (!is_spool_id(id)) return "";
    for (const Shelf shelf : {Shelf::queue, Shelf::hold}) {
        const std::string file_name = std::string(name(shelf)) + "/" + id;
        if (octets(file_name) > 0) return file_name;
    }
    return "";
}

std::string SpoolFolder::find(const std::string& id) const {
    const std::string queued = find_queued(id);
    const std::string dead = "dead/" + id;
    const bool is_dead = queued.empty() && is_spool_id(id) && octets(dead) > 0;
    return is_dead ? dead : queued;
}

// The time of the last change of the file's name: when it was moved here.
// The time of a dead letter is that of its last change, as set when it was kept.
void SpoolFolder::remove_dead(Date now, std::chrono::seconds kept) const {
    if (kept.count() == 0) return;
    const auto limit = seconds_of(now - kept);
    const auto letters = names_in("dead");
    if (!letters) return;  // until the next look
    for (const auto& id : *letters) {
        const std::string file_name = "dead/" + id;
        struct stat status {};
        if (::fstatat(folder_.number(), file_name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) continue;
        if (status.st_mtim.tv_sec > limit || ::unlinkat(folder_.number(), file_name.c_str(), 0) != 0)
            continue;
        LogLine line("dead_letter");
        log_info(line.add("id", id).add("state", "removed"));
    }
}

void SpoolFolder::note_date(Date now) const {
    const Descriptor file(
        ::openat(folder_.number(), "date", O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600));
    if (file.is_open()) set_date(file.number(), now);  // if not, the next start finds a gap
}

void SpoolFolder::renew_dead_after_a_gap(Date now) const {
    struct stat status {};
    const bool is_known = ::fstatat(folder_.number(), "date", &status, AT_SYMLINK_NOFOLLOW) == 0;
    if (is_known && std::abs(seconds_of(now) - status.st_mtim.tv_sec) <= kGap.count()) return;
    const auto letters = names_in("dead");
    if (!letters) return;  // and no date is noted
    for (const auto& id : *letters) {
        const Descriptor file(
            ::openat(folder_.number(), ("dead/" + id).c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC));
        if (file.is_open()) set_date(file.number(), now);
    }
    note_date(now);
    if (letters->empty()) return;
    LogLine line("dead_letter");
    log_warning(
        line.add("state", "renewed")
            .add("letters", letters->size())
            .add("why",
                 "gatepost was not running for long, or the clock has jumped: their time begins anew"));
}

}  // namespace gatepost::gateway
