#include "gateway/spool/disk.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cstdio>
#include <vector>

namespace gatepost::gateway {
namespace {

constexpr std::size_t kWorthSharing = 2;         // files
constexpr std::size_t kSyncers = 8;              // threads
constexpr std::size_t kLongestTear = 64 * 1024;  // octets of a journal line, and more

int result_of(int returned) {
    return returned == 0 ? 0 : errno;
}

template <class Call>
int again_if_interrupted(Call call) {
    int error = 0;
    do error = result_of(call());
    while (error == EINTR);
    return error;
}

int sync_and_close(Descriptor& file) {
    const int error = again_if_interrupted([&] { return ::fdatasync(file.number()); });
    return error ? error : file.close();
}

// Where the last whole line ends: what an append has left half behind would spoil the next line.
std::size_t end_of_lines(int file, std::size_t size) {
    const std::size_t length = std::min(size, kLongestTear);
    std::string tail(length, '\0');
    const auto got = ::pread(file, tail.data(), length, static_cast<off_t>(size - length));
    if (got != static_cast<ssize_t>(length)) return size;
    const auto last = tail.rfind('\n');
    return last == tail.npos ? size : size - length + last + 1;
}

}  // namespace

int write_all(int file, std::string_view octets) {
    while (!octets.empty()) {
        const auto written = ::write(file, octets.data(), octets.size());
        if (written < 0 && errno == EINTR) continue;
        if (written <= 0) return written == 0 ? EIO : errno;
        octets.remove_prefix(static_cast<std::size_t>(written));
    }
    return 0;
}

Disk::Disk(int folder) : folder_(folder), syncers_(kSyncers) {}

int Disk::run(const DiskStep& step, const Writer& writer) {
    switch (step.kind) {
        case DiskStep::Kind::write: return write(step, writer);
        case DiskStep::Kind::append: return append(step);
        case DiskStep::Kind::sync_file: return sync_file(step.name);
        case DiskStep::Kind::rename: return rename(step);
        case DiskStep::Kind::remove: return remove(step.name);
        case DiskStep::Kind::sync_folder: break;
    }
    Descriptor folder(::openat(folder_, step.name.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!folder.is_open()) return errno;
    return again_if_interrupted([&] { return ::fsync(folder.number()); });
}

int Disk::write(const DiskStep& step, const Writer& writer) {
    Descriptor file(
        ::openat(folder_, step.name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
    if (!file.is_open()) return errno;
    if (const int error = writer(file.number(), step.item)) return error;
    // The disk may begin while the next message of the batch is written; whether it fails is seen at the
    // sync.
    ::sync_file_range(file.number(), 0, 0, SYNC_FILE_RANGE_WRITE);
    written_[step.name] = std::move(file);
    return 0;
}

// All of the text or nothing.
int Disk::append(const DiskStep& step) {
    Descriptor file(::openat(folder_, step.name.c_str(), O_RDWR | O_APPEND | O_NOFOLLOW | O_CLOEXEC));
    struct stat status {};
    if (!file.is_open() || ::fstat(file.number(), &status) != 0) return errno;
    const auto size = static_cast<std::size_t>(status.st_size);
    const std::size_t end = end_of_lines(file.number(), size);
    if (end < size && ::ftruncate(file.number(), static_cast<off_t>(end)) != 0) return errno;
    if (const int error = write_all(file.number(), step.text)) {
        if (::ftruncate(file.number(), static_cast<off_t>(end)) != 0) return error;  // mended by the next one
        return error;
    }
    written_[step.name] = std::move(file);
    return 0;
}

// Never tried again: after a failure the kernel may have forgotten what it could not write, and would say
// that all is well.
int Disk::sync_file(const std::string& name) {
    if (written_.size() >= kWorthSharing && written_.contains(name)) sync_written();
    if (const auto node = synced_.extract(name)) return node.mapped();
    Descriptor file;
    if (auto node = written_.extract(name)) {
        file = std::move(node.mapped());
    } else {
        file = Descriptor(::openat(folder_, name.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC));
    }
    if (!file.is_open()) return errno;
    return sync_and_close(file);
}

// Of those that are written each will be synced next. Side by side they share what the disk does for one: its
// journal and its cache are written once for several.
void Disk::sync_written() {
    std::vector<std::pair<Descriptor*, int*>> work;
    for (auto& [name, file] : written_) work.emplace_back(&file, &synced_.emplace(name, EIO).first->second);
    syncers_.run(work.size(), [&](std::size_t i) { *work[i].second = sync_and_close(*work[i].first); });
    written_.clear();
}

// Never over another file, as far as the file system can do that.
int Disk::rename(const DiskStep& step) {
    const char* from = step.name.c_str();
    const char* to = step.target.c_str();
    const int error = result_of(::renameat2(folder_, from, folder_, to, RENAME_NOREPLACE));
    if (error != EINVAL && error != ENOSYS) return error;
    return result_of(::renameat(folder_, from, folder_, to));
}

int Disk::remove(const std::string& name) {
    written_.erase(name);
    return result_of(::unlinkat(folder_, name.c_str(), 0));
}

}  // namespace gatepost::gateway
