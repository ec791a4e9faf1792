// The body of a message while it waits for its verdict: in memory first, then in an unlinked file that is
// gone with the process, whatever happens.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

namespace gatepost::gateway {

class MessageBuffer {
  public:
    MessageBuffer(std::string folder, std::size_t memory) : folder_(std::move(folder)), memory_(memory) {}
    ~MessageBuffer();
    MessageBuffer(const MessageBuffer&) = delete;

    // False when there is no room or no file can be made: problem() says why, and the content is void.
    bool append(std::string_view bytes);
    const std::string& problem() const { return problem_; }
    std::size_t size() const { return size_; }
    bool is_on_disk() const { return file_ >= 0; }

    // Reads from `offset`; what is in memory is given without a copy, what is on disk through `scratch`.
    // Empty at the end and after a read error, which leaves problem() behind.
    std::string_view read(std::size_t offset, std::span<char> scratch);

  private:
    bool open();
    bool fail(const char* what);

    std::string folder_;
    std::size_t memory_;
    std::string head_;  // the first octets, up to memory_
    int file_ = -1;     // the rest
    std::size_t size_ = 0;
    std::string problem_;
};

}  // namespace gatepost::gateway
