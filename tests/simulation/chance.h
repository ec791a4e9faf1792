// All chance of one schedule comes from here, so that its seed replays it exactly.
#pragma once

#include <cstddef>
#include <cstdint>

namespace gatepost::simulation {

class Chance {
  public:
    explicit Chance(std::uint64_t seed) : state_(seed * 0xd1342543de82ef95 + 1) {}

    std::uint64_t next() {  // splitmix64
        std::uint64_t z = (state_ += 0x9e3779b97f4a7c15);
        z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
        z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
        return z ^ (z >> 31);
    }
    // 0 to `end` - 1; `end` at least 1.
    std::size_t below(std::size_t end) { return next() % end; }
    std::size_t between(std::size_t first, std::size_t last) { return first + below(last - first + 1); }
    bool percent(unsigned chance) { return chance > 0 && below(100) < chance; }

  private:
    std::uint64_t state_;
};

}  // namespace gatepost::simulation
