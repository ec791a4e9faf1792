// Time, chance and what is going on in one schedule. An event of the gateway's process dies with it.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <functional>
#include <sstream>
#include <string>
#include <vector>

#include "dice.h"
#include "ledger.h"
#include "simulated_disk.h"

namespace gatepost::simulation {

using Milliseconds = std::int64_t;

class World {
  public:
    World(std::uint64_t seed, bool has_trace) : dice(seed), disk(dice), has_trace_(has_trace) {}

    Dice dice;
    SimulatedDisk disk;
    Ledger ledger;
    Milliseconds now = 0;
    unsigned life = 0;  // of the process; 0: none yet
    bool is_up = false;
    std::uint64_t events = 0;

    void at(Milliseconds delay, std::function<void()> event) { push(delay, 0, std::move(event)); }
    void in_process(Milliseconds delay, std::function<void()> event) { push(delay, life, std::move(event)); }
    // Runs what comes next; false: nothing does. `step`: runs an event of the living process.
    bool run_next(const std::function<void(const std::function<void()>&)>& step);

    template <class... Parts>
    void trace(const Parts&... parts) const {
        if (!has_trace_) return;
        std::ostringstream line;
        (line << ... << parts);
        std::printf("%10.3f %s\n", static_cast<double>(now) / 1000, line.str().c_str());
    }

  private:
    struct Event {
        Milliseconds time;
        std::uint64_t number;
        unsigned life;  // 0: of the world outside
        std::function<void()> run;
        bool operator<(const Event& other) const {  // the top of the heap is the earliest
            return time != other.time ? time > other.time : number > other.number;
        }
    };
    void push(Milliseconds delay, unsigned whose, std::function<void()> event) {
        coming_.push_back({now + delay, ++number_, whose, std::move(event)});
        std::push_heap(coming_.begin(), coming_.end());
    }

    bool has_trace_;
    std::uint64_t number_ = 0;
    std::vector<Event> coming_;
};

inline bool World::run_next(const std::function<void(const std::function<void()>&)>& step) {
    if (coming_.empty()) return false;
    std::pop_heap(coming_.begin(), coming_.end());
    const Event event = std::move(coming_.back());
    coming_.pop_back();
    now = event.time;
    if (event.life != 0 && (!is_up || event.life != life)) return true;
    ++events;
    if (event.life == 0) {
        event.run();
    } else {
        step(event.run);
    }
    return true;
}

}  // namespace gatepost::simulation
