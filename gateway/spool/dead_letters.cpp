#include "gateway/spool/dead_letters.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <utility>
#include <vector>

#include "gateway/log.h"
#include "gateway/spool/descriptor.h"
#include "gateway/spool/disk.h"

namespace gatepost::gateway {
namespace {

constexpr std::size_t kPortion = 64 * 1024;

struct Letter {
    std::pair<std::int64_t, std::int64_t> since;  // when it was kept, or its journal changed
    std::size_t octets = 0;
    std::string id;
};

std::size_t octets_of(const std::string& file) {
    struct stat status {};
    return ::lstat(file.c_str(), &status) == 0 ? static_cast<std::size_t>(status.st_size) : 0;
}

std::vector<Letter> letters_in(const std::string& folder) {
    std::vector<Letter> letters;
    std::error_code error;
    for (std::filesystem::directory_iterator at(folder, error), end; !error && at != end;
         at.increment(error)) {
        struct stat status {};
        const std::string file = at->path().string();
        if (::lstat(file.c_str(), &status) != 0 || !S_ISREG(status.st_mode)) continue;
        letters.push_back({{status.st_mtim.tv_sec, status.st_mtim.tv_nsec},
                           static_cast<std::size_t>(status.st_size),
                           at->path().filename().string()});
    }
    std::sort(letters.begin(), letters.end(),
              [](const Letter& a, const Letter& b) { return a.since < b.since; });
    return letters;
}

// FAT, some network and user space file systems.
bool has_no_links(int error) {
    return error == EPERM || error == EOPNOTSUPP || error == ENOSYS || error == EMLINK;
}

int copy_all(int from, int to) {
    const auto octets = std::make_unique<char[]>(kPortion);
    for (;;) {
        const auto got = ::read(from, octets.get(), kPortion);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return errno;
        if (got == 0) return 0;
        if (const int error = write_all(to, {octets.get(), static_cast<std::size_t>(got)})) return error;
    }
}

}  // namespace

DeadLetters::DeadLetters(const std::string& spool, Link linked)
    : spool_(spool), folder_(spool + "/dead"), linked_(linked ? linked : ::link) {}

int DeadLetters::keep(const std::string& id, std::size_t most) {
    const int linked = link(id);
    if (linked != 0 && linked != EEXIST) return linked;
    if (const int error = sync()) return error;
    if (linked == 0) set_date(id);
    if (linked == 0 && octets_) *octets_ += octets_of(folder_ + "/" + id);
    if (!octets_ || *octets_ > most) make_room(id, most);
    return 0;
}

// From now on it lies there; if that cannot be said, since it was last tried.
void DeadLetters::set_date(const std::string& id) const {
    const Descriptor file(::open((folder_ + "/" + id).c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC));
    if (file.is_open()) gateway::set_date(file.number(), date_.now());
}

int DeadLetters::link(const std::string& id) const {
    const std::string target = folder_ + "/" + id;
    int error = ENOENT;
    for (const auto* shelf : {"/queue/", "/hold/"}) {
        if (error != ENOENT) break;
        const std::string from = spool_ + shelf + id;
        error = linked_(from.c_str(), target.c_str()) == 0 ? 0 : errno;
        if (has_no_links(error)) error = copy(from, id);
    }
    return error;
}

// Under its name only once it is durable; what a crash leaves in tmp/ goes with the next start.
int DeadLetters::copy(const std::string& from, const std::string& id) const {
    const std::string target = folder_ + "/" + id, half = spool_ + "/tmp/" + id + ".dead";
    if (::access(target.c_str(), F_OK) == 0) return EEXIST;
    const Descriptor in(::open(from.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC));
    if (!in.is_open()) return errno;
    const Descriptor out(::open(half.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600));
    if (!out.is_open()) return errno;
    int error = copy_all(in.number(), out.number());
    if (error == 0 && ::fsync(out.number()) != 0) error = errno;
    if (error == 0 && ::rename(half.c_str(), target.c_str()) != 0) error = errno;
    if (error != 0) ::unlink(half.c_str());
    return error;
}

int DeadLetters::sync() const {
    const Descriptor folder(::open(folder_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!folder.is_open()) return errno;
    return ::fsync(folder.number()) == 0 ? 0 : errno;
}

// It need not be durable: what comes back after a crash is found the next time.
void DeadLetters::make_room(const std::string& newest, std::size_t most) {
    const auto letters = letters_in(folder_);
    std::size_t octets = 0;
    for (const auto& letter : letters) octets += letter.octets;
    const std::size_t enough = octets > most ? most - most / 10 : most;
    for (const auto& letter : letters) {
        if (octets <= enough) break;
        if (letter.id == newest || ::unlink((folder_ + "/" + letter.id).c_str()) != 0) continue;
        octets -= letter.octets;
        LogLine line("dead_letter");
        log_warning(line.add("id", letter.id).add("state", "removed").add("why", "no room for more"));
    }
    octets_ = octets;
}

}  // namespace gatepost::gateway
