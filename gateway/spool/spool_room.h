// How much lies in the spool, and whether there is room for more. From any thread.
#pragma once

#include <chrono>
#include <cstddef>
#include <mutex>
#include <optional>

#include "config/settings.h"
#include "protocol/reply.h"

namespace gatepost::gateway {

class SpoolRoom {
  public:
    // `folder`: a descriptor on the disk that is looked at; must outlive this.
    SpoolRoom(int folder, const config::Queue& limits) : folder_(folder), limits_(limits) {}

    void use(const config::Queue& limits);
    config::Queue limits() const;

    // 452 4.3.1 if a message of so many octets would be too much (attacks.md R12): too many messages or
    // octets, or too little left on the disk.
    std::optional<protocol::Reply> refusal(std::size_t octets) const;
    // The same, and the room is taken if there is any.
    bool take(std::size_t octets);
    // What is there anyhow.
    void add(std::size_t octets);
    void give_back(std::size_t octets);

    std::size_t messages() const;
    std::size_t octets() const;

  private:
    const char* shortage(std::size_t octets) const;
    void note(const char* shortage) const;
    std::size_t free_space() const;

    const int folder_;
    mutable std::mutex mutex_;
    config::Queue limits_;
    std::size_t messages_ = 0, octets_ = 0;
    mutable std::chrono::steady_clock::time_point looked_{};
    mutable std::size_t free_ = 0;
    mutable bool is_short_ = false;
};

}  // namespace gatepost::gateway
