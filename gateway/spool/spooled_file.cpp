#include "gateway/spool/spooled_file.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace gatepost::gateway {
namespace {

using protocol::Problem;
using protocol::Result;

constexpr std::size_t kPortion = 64 * 1024;

// At most `octets` of them from `offset` on; fewer at the end of the file or where it cannot be read.
std::size_t read_at(int file, std::size_t offset, char* target, std::size_t octets) {
    std::size_t got = 0;
    while (got < octets) {
        const auto part = ::pread(file, target + got, octets - got, static_cast<off_t>(offset + got));
        if (part < 0 && errno == EINTR) continue;
        if (part <= 0) break;
        got += static_cast<std::size_t>(part);
    }
    return got;
}

std::string read_at(int file, std::size_t offset, std::size_t octets) {
    std::string text(octets, '\0');
    text.resize(read_at(file, offset, text.data(), octets));
    return text;
}

}  // namespace

// The head and then the content: what the digest is over.
class SpooledReader final : public ContentReader {
  public:
    explicit SpooledReader(const SpooledFile& file) : file_(file), at_(file.head_.octets) {
        const std::string head = read_at(file_.file_.number(), 0, file_.head_.octets);
        failed_ = is_short_ = head.size() < file_.head_.octets;
        hash_.update(head);
    }

    // The last portion is given out only when the digest is right: so nothing damaged ever comes to its end.
    std::string_view next() override {
        const std::size_t end = file_.head_.octets + file_.head_.message.content_octets;
        const std::size_t wanted = std::min(kPortion, end - at_);
        if (failed_ || is_checked_) return {};
        const std::size_t got = read_at(file_.file_.number(), at_, portion_.get(), wanted);
        hash_.update({portion_.get(), got});
        at_ += got;
        if (at_ == end) is_checked_ = true;
        is_short_ = got < wanted;
        failed_ = is_short_ || (is_checked_ && hash_.finish() != file_.digest_);
        return failed_ ? std::string_view() : std::string_view(portion_.get(), got);
    }
    bool lasts() const override { return false; }
    bool failed() const override { return failed_; }
    // It failed because the disk did not give what is there.
    bool is_short() const { return is_short_; }

  private:
    const SpooledFile& file_;
    std::size_t at_;
    auth::Sha256 hash_;
    std::unique_ptr<char[]> portion_ = std::make_unique<char[]>(kPortion);
    bool is_checked_ = false, failed_ = false, is_short_ = false;
};

class SpooledContent final : public Content {
  public:
    explicit SpooledContent(SpooledFile file) : file_(std::move(file)) {}
    std::size_t size() const override { return file_.message().content_octets; }
    std::unique_ptr<ContentReader> reader() override { return std::make_unique<SpooledReader>(file_); }

  private:
    SpooledFile file_;
};

std::string SpooledFile::read_contents_of_head() {
    std::string text = read_at(file_.number(), 0, kPortion);
    if (text.find("\n\n") == text.npos) text = read_at(file_.number(), 0, kMaxSpoolHead);
    return text;
}

Result<SpooledFile> SpooledFile::open(int folder, const std::string& name) {
    // O_NONBLOCK: a pipe that somebody put there holds nobody up.
    SpooledFile file(
        Descriptor(::openat(folder, name.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC)));
    struct stat status {};
    if (!file.file_.is_open() || ::fstat(file.file_.number(), &status) != 0) {
        return errno == ELOOP ? Problem{"no file"} : Problem{""};
    }
    if (!S_ISREG(status.st_mode)) return Problem{"no file"};
    file.octets_ = static_cast<std::size_t>(status.st_size);
    // What is there and cannot be read says nothing of the message: neither that it is damaged, nor that the
    // journal ends here.
    const auto unreadable = [] {
        errno = EIO;
        return Problem{""};
    };
    const std::string beginning = file.read_contents_of_head();
    auto head = parse_spool_head(beginning);
    if (!head && beginning.size() < std::min(kPortion, file.octets_)) return unreadable();
    if (!head) return Problem{head.problem()};
    file.head_ = std::move(*head);
    const std::size_t before = file.head_.octets + kSpoolTrailer;
    const std::size_t content = file.head_.message.content_octets;
    if (file.octets_ < before || file.octets_ - before < content) return Problem{"cut short"};
    const std::string trailer = read_at(file.file_.number(), file.head_.octets + content, kSpoolTrailer);
    if (trailer.size() < kSpoolTrailer) return unreadable();
    const auto digest = parse_spool_trailer(trailer);
    if (!digest) return Problem{"no digest behind the content"};
    file.digest_ = *digest;
    const std::size_t octets = std::min(kMaxJournal, file.octets_ - file.journal_at());
    const std::string journal = read_at(file.file_.number(), file.journal_at(), octets);
    if (journal.size() < octets) return unreadable();
    file.journal_ = read_journal(file.head_.message, journal);
    return file;
}

SpooledFile::State SpooledFile::look() const {
    SpooledReader reader(*this);
    while (!reader.next().empty()) continue;
    if (!reader.failed()) return State::whole;
    return reader.is_short() ? State::unreadable : State::damaged;
}

std::unique_ptr<Content> SpooledFile::content() && {
    return std::make_unique<SpooledContent>(std::move(*this));
}

}  // namespace gatepost::gateway
