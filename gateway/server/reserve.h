// A few descriptors kept back: when there are none left, one is given up for as long as it takes to tell
// those who wait that there is no room. Otherwise they would wait in silence, and accept() would fail again
// and again. A few, because another thread may be quicker to take the one that was given up: its client is
// served then, and ours shall not wait for that.
#pragma once

#include <cstddef>
#include <string_view>
#include <vector>

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
    // Keeps as many as it should again, where somebody else took one meanwhile. Whether there is any.
    bool is_kept();

  private:
    static constexpr std::size_t kSpares = 4;
    std::vector<int> spares_;
};

}  // namespace gatepost::gateway
