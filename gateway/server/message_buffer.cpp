#include "gateway/server/message_buffer.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace gatepost::gateway {

MessageBuffer::~MessageBuffer() {
    if (file_ >= 0) ::close(file_);
}

bool MessageBuffer::fail(const char* what) {
    if (problem_.empty()) problem_ = std::string(what) + " in " + folder_ + ": " + std::strerror(errno);
    return false;
}

bool MessageBuffer::open() {
    file_ = ::open(folder_.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (file_ >= 0) return true;
    std::string name = folder_ + "/.gatepost-XXXXXX";  // for file systems without O_TMPFILE
    file_ = ::mkostemp(name.data(), O_CLOEXEC);
    if (file_ < 0) return fail("cannot make a buffer file");
    ::unlink(name.c_str());
    return true;
}

bool MessageBuffer::append(std::string_view bytes) {
    if (!problem_.empty()) return false;
    const auto room = memory_ - std::min(memory_, head_.size());
    const auto in_memory = bytes.substr(0, room);
    head_ += in_memory;
    size_ += in_memory.size();
    bytes.remove_prefix(in_memory.size());
    if (!bytes.empty() && file_ < 0 && !open()) return false;
    while (!bytes.empty()) {
        const auto written =
            ::pwrite(file_, bytes.data(), bytes.size(), static_cast<off_t>(size_ - head_.size()));
        if (written < 0 && errno == EINTR) continue;
        if (written <= 0) return fail("cannot write to the buffer file");
        size_ += static_cast<std::size_t>(written);
        bytes.remove_prefix(static_cast<std::size_t>(written));
    }
    return true;
}

std::string_view MessageBuffer::read(std::size_t offset, std::span<char> scratch) {
    if (offset < head_.size()) return std::string_view(head_).substr(offset);
    if (offset >= size_) return {};
    for (;;) {
        const auto got = ::pread(file_, scratch.data(), std::min(scratch.size(), size_ - offset),
                                 static_cast<off_t>(offset - head_.size()));
        if (got > 0) return {scratch.data(), static_cast<std::size_t>(got)};
        if (got < 0 && errno == EINTR) continue;
        fail("cannot read the buffer file");
        return {};
    }
}

}  // namespace gatepost::gateway
