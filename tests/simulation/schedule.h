// Plays one schedule from its seed to its end and says what came of it.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "ledger.h"
#include "plan.h"

namespace gatepost::simulation {

// Of one schedule, or the sum of many.
struct Report {
    std::uint64_t schedules = 0, steps = 0, messages = 0, transactions = 0, deliveries = 0;
    std::uint64_t process_crashes = 0, machine_crashes = 0, failed = 0;
    std::array<std::uint64_t, kWindows.size()> duplicates{};
};

// The violations, if any; adds to the report.
std::vector<std::string> play(std::uint64_t seed, Break fault, bool has_trace, Report& report);

}  // namespace gatepost::simulation
