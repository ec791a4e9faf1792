// One descriptor kept back: when there are none left, it is given up for as long as it takes to tell those
// who wait that there is no room. Otherwise they would wait in silence, and accept() would fail again and
// again.
#pragma once

#include <cstddef>
#include <string_view>

namespace gatepost::gateway {

// Whether accept() failed because the process or the system has no descriptors left.
bool is_without_descriptors(int error);

class Reserve {
  public:
    Reserve();
    ~Reserve();
    Reserve(const Reserve&) = delete;

    // Says `reply` to clients that wait at the socket and closes them, until none waits; not more than a
    // fixed number at once. How many that were: 0 if even so none could be taken.
    std::size_t turn_away(int listening, std::string_view reply);
    // Tries again if somebody else took the descriptor meanwhile.
    bool is_kept();

  private:
    int descriptor_ = -1;
};

}  // namespace gatepost::gateway
