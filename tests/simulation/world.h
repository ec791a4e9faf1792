// What a schedule is played in: its time, its chances, the disk that outlives every process, and the ledger.
#pragma once

#include <chrono>
#include <cstdio>
#include <string>

#include "gateway/spool/queue.h"
#include "ledger.h"
#include "plan.h"
#include "simulated_disk.h"

namespace gatepost::simulation {

using Time = gateway::Queue::Time;

struct World {
    World(std::uint64_t seed, Break built_in, bool traces)
        : chance(seed), plan(Plan::draw(chance)), fault(built_in), disk(chance), has_trace(traces) {
        disk.set_faults(plan.weather.disk_fails);
    }

    bool goes_wrong(unsigned percent) { return !is_calm && chance.percent(percent); }
    bool breaks(Break which) const { return fault == which; }
    std::int64_t milliseconds() const {
        return std::chrono::duration_cast<std::chrono::milliseconds>(now.time_since_epoch()).count();
    }
    // One line of --trace, put together only if it is wanted.
    template <class... Parts>
    void trace(const Parts&... parts) const {
        if (!has_trace) return;
        std::string line;
        ((line += ' ', line += parts), ...);
        std::printf("%5zu %10.3fs%s\n", step, static_cast<double>(milliseconds()) / 1000, line.c_str());
    }

    Chance chance;
    Plan plan;
    Break fault;
    SimulatedDisk disk;
    Ledger ledger;
    Time now{};
    std::size_t step = 0;
    unsigned life = 0;  // how often a process was started
    bool is_calm = false;
    bool has_trace;
};

}  // namespace gatepost::simulation
