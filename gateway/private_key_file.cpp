#include "gateway/private_key_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

namespace gatepost::gateway {
namespace {

constexpr std::size_t kMaxFile = 64 * 1024;

class File {
  public:
    File(const std::string& name, int flags)
        : descriptor_(::open(name.c_str(), flags | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0600)) {}
    File(const File&) = delete;
    File& operator=(const File&) = delete;
    ~File() {
        if (descriptor_ >= 0) ::close(descriptor_);
    }
    bool is_open() const { return descriptor_ >= 0; }
    int get() const { return descriptor_; }

  private:
    int descriptor_;
};

std::string reason() {
    return std::strerror(errno);
}

bool write_all(int descriptor, std::string_view text) {
    while (!text.empty()) {
        const auto size = ::write(descriptor, text.data(), text.size());
        if (size < 0 && errno == EINTR) continue;
        if (size <= 0) return false;
        text.remove_prefix(static_cast<std::size_t>(size));
    }
    return ::fsync(descriptor) == 0;
}

// Empty, or what went wrong; then nothing is left of it.
std::string make_file(const std::string& name, const std::string& text) {
    const File file(name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW);
    if (!file.is_open()) return reason();
    if (write_all(file.get(), text)) return {};
    const auto why = reason();
    ::unlink(name.c_str());
    return why;
}

}  // namespace

protocol::Result<auth::PrivateKey> read_private_key(const std::string& name) {
    const File file(name, O_RDONLY);
    struct stat facts {};
    if (!file.is_open() || ::fstat(file.get(), &facts) != 0)
        return protocol::Problem{reason() +
                                 "; gatepost keygen makes one, and the user gatepost must be able "
                                 "to read it"};
    if (!S_ISREG(facts.st_mode)) return protocol::Problem{"is no file"};
    std::string text(kMaxFile + 1, '\0');
    std::size_t size = 0;
    for (ssize_t got = 1; got > 0 && size < text.size(); size += static_cast<std::size_t>(got > 0 ? got : 0))
        got = ::read(file.get(), text.data() + size, text.size() - size);
    text.resize(size);
    if (size > kMaxFile) return protocol::Problem{"is too large for a key"};
    return auth::PrivateKey::from_pem(text);
}

std::string write_private_key(const std::string& file, const auth::PrivateKey& key, Existing existing) {
    if (existing == Existing::kept) return make_file(file, key.pem());
    const std::string fresh = file + ".new";
    ::unlink(fresh.c_str());
    if (auto why = make_file(fresh, key.pem()); !why.empty()) return why;
    if (std::rename(fresh.c_str(), file.c_str()) == 0) return {};
    const auto why = reason();
    ::unlink(fresh.c_str());
    return why;
}

}  // namespace gatepost::gateway
