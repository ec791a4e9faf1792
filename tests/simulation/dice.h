// All chance of one schedule comes from here, so that its seed replays it octet by octet.
#pragma once

#include <cstddef>
#include <cstdint>

namespace gatepost::simulation {

class Dice {
  public:
    explicit Dice(std::uint64_t seed) : state_(seed * 0x9e3779b97f4a7c15 + 1) {}

    std::uint64_t roll() {  // splitmix64
        std::uint64_t z = (state_ += 0x9e3779b97f4a7c15);
        z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
        z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
        return z ^ (z >> 31);
    }
    // 0 to `sides` - 1.
    std::size_t below(std::size_t sides) { return sides == 0 ? 0 : roll() % sides; }
    bool chance(unsigned percent) { return below(100) < percent; }

  private:
    std::uint64_t state_;
};

}  // namespace gatepost::simulation
