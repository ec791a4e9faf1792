// How many sessions there are, in all and of each client; over all workers, touched only when one begins and
// ends.
#pragma once

#include <cstddef>
#include <map>
#include <mutex>

#include "config/settings.h"
#include "protocol/ip_address.h"

namespace gatepost::gateway {

class Admission {
  public:
    enum class Verdict { welcome, too_many, too_many_of_client };

    // Counts the session in if it is welcome. Who is refused is told so and gone at once, and takes no place.
    Verdict enter(const protocol::IpAddress& client, const config::Limits& limits);
    // Of a session that was welcome.
    void leave(const protocol::IpAddress& client);
    std::size_t sessions() const;

  private:
    mutable std::mutex mutex_;
    std::size_t total_ = 0;
    std::map<protocol::IpAddress, std::size_t> by_client_;
};

}  // namespace gatepost::gateway
