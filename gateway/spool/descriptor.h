// An open file.
#pragma once

#include <unistd.h>

#include <cerrno>
#include <utility>

namespace gatepost::gateway {

class Descriptor {
  public:
    explicit Descriptor(int number = -1) : number_(number) {}
    Descriptor(Descriptor&& other) noexcept : number_(std::exchange(other.number_, -1)) {}
    Descriptor& operator=(Descriptor&& other) noexcept {
        std::swap(number_, other.number_);
        return *this;
    }
    ~Descriptor() {
        if (number_ >= 0) ::close(number_);
    }

    bool is_open() const { return number_ >= 0; }
    int number() const { return number_; }
    // 0 or an errno: some file systems say only here that a write has failed.
    int close() {
        const bool closed = ::close(std::exchange(number_, -1)) == 0;
        return closed || errno == EINTR ? 0 : errno;
    }

  private:
    int number_;
};

}  // namespace gatepost::gateway
