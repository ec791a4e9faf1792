#include "gateway/cli/queue_folder.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "auth/crypto.h"

namespace gatepost::gateway {
namespace {

using protocol::Problem;

constexpr std::size_t kPortion = 64 * 1024;
constexpr std::size_t kHeadPortion = 8 * 1024;  // nearly all heads fit

const char* name_of(QueuePlace place) {
    if (place == QueuePlace::hold) return "hold";
    return place == QueuePlace::dead ? "dead" : "queue";
}

// Each good line by itself; together they are `journal`.
std::vector<JournalEntry> entries_of(const SpooledMessage& message, std::string_view journal) {
    std::vector<JournalEntry> entries;
    while (!journal.empty()) {
        const auto end = std::min(journal.find('\n'), journal.size() - 1);
        const auto [state, octets] = read_journal(message, journal.substr(0, end + 1));
        journal.remove_prefix(end + 1);
        if (octets == 0) continue;
        entries.push_back(state.last);
        for (std::size_t i = 0; i < state.done.size(); ++i)
            if (state.done[i]) entries.back().done.push_back(i);
    }
    return entries;
}

}  // namespace

QueueFile::QueueFile(int descriptor, QueuePlace place, std::string id)
    : descriptor_(descriptor), place_(place), id_(std::move(id)) {}

QueueFile::~QueueFile() {
    ::close(descriptor_);
}

// Fewer octets than `limit` only at the end of the file, or when it cannot be read.
std::string QueueFile::read_at(std::size_t offset, std::size_t limit) const {
    std::string text(limit, '\0');
    std::size_t size = 0;
    while (size < limit) {
        const auto got =
            ::pread(descriptor_, text.data() + size, limit - size, static_cast<off_t>(offset + size));
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) break;
        size += static_cast<std::size_t>(got);
    }
    text.resize(size);
    return text;
}

std::string QueueFile::head_text() const {
    std::string text = read_at(0, kHeadPortion);
    if (text.find("\n\n") != text.npos) return text;
    return read_at(0, kMaxSpoolHead);
}

protocol::Result<QueuedMessage> QueueFile::read() {
    const auto head = parse_spool_head(head_text());
    if (!head) return Problem{head.problem()};
    // A command on the id that is shown would hit the other file.
    if (head->message.id != id_) return Problem{"the file of another message"};
    struct stat status {};
    if (::fstat(descriptor_, &status) != 0) return Problem{std::strerror(errno)};
    const auto octets = static_cast<std::size_t>(status.st_size);
    const std::size_t before = head->octets + kSpoolTrailer;
    if (octets < before || octets - before < head->message.content_octets) return Problem{"cut short"};
    QueuedMessage found;
    found.message = head->message;
    found.place = place_;
    head_ = head->octets;
    content_ = head->message.content_octets;
    const std::string text = read_at(head_ + content_ + kSpoolTrailer, kMaxJournal);
    const Journal journal = read_journal(found.message, text);
    found.journal = journal.state;
    found.tries = entries_of(found.message, std::string_view(text).substr(0, journal.octets));
    return found;
}

std::string QueueFile::content(const std::function<bool(std::string_view)>& take) {
    auth::Sha256 hash;
    hash.update(read_at(0, head_));
    for (std::size_t at = 0; at < content_;) {
        const std::string portion = read_at(head_ + at, std::min(kPortion, content_ - at));
        if (portion.empty()) return "the file is shorter than it should be";
        hash.update(portion);
        if (!take(portion)) return "";
        at += portion.size();
    }
    const auto digest = parse_spool_trailer(read_at(head_ + content_, kSpoolTrailer));
    return digest && *digest == hash.finish() ? "" : "the content is damaged: its digest does not fit";
}

std::string QueueFile::all(const std::function<bool(std::string_view)>& take) {
    for (std::size_t at = 0;;) {
        const std::string portion = read_at(at, kPortion);
        if (portion.empty() || !take(portion)) return "";
        at += portion.size();
    }
}

bool QueueFolder::is_there() const {
    return ::access(folder_.c_str(), F_OK) == 0 || errno != ENOENT;
}

std::string QueueFolder::path(QueuePlace place, const std::string& id) const {
    return folder_ + "/" + name_of(place) + "/" + id;
}

protocol::Result<std::vector<std::string>> QueueFolder::ids(QueuePlace place) const {
    const std::string folder = folder_ + "/" + name_of(place);
    std::vector<std::string> ids;
    const std::unique_ptr<DIR, int (*)(DIR*)> directory(::opendir(folder.c_str()), &::closedir);
    if (!directory) {
        if (errno == ENOENT) return ids;
        const std::string why = "cannot read " + folder + ": " + std::strerror(errno);
        return Problem{errno == EACCES ? why + "; run it as root or as user gatepost" : why};
    }
    while (const dirent* entry = ::readdir(directory.get()))
        if (is_spool_id(entry->d_name)) ids.emplace_back(entry->d_name);
    return ids;
}

std::unique_ptr<QueueFile> QueueFolder::open(const std::string& id,
                                             const std::vector<QueuePlace>& places) const {
    if (!is_spool_id(id)) return nullptr;
    for (int round = 0; round < 2; ++round) {  // it may move from a later place to an earlier one meanwhile
        for (const QueuePlace place : places) {
            const int file = ::open(path(place, id).c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
            if (file < 0) continue;
            struct stat status {};
            if (::fstat(file, &status) == 0 && S_ISREG(status.st_mode))
                return std::make_unique<QueueFile>(file, place, id);
            ::close(file);
        }
    }
    return nullptr;
}

}  // namespace gatepost::gateway
