// One simulated day in the life of a gateway: clients, downstreams, a disk, crashes and restarts, all drawn
// from one seed, around the real Commit, Handover, Queue and spool file.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "ledger.h"

namespace gatepost::simulation {

// Orders that lose mail, to see that it is noticed.
enum class Break {
    none,
    rename_before_fsync,
    no_fsync,
    no_folder_sync,
    reply_before_sync,
    remove_before_delivery,
    remove_before_notice,
    record_without_sync
};
struct BreakName {
    std::string_view name;
    Break order;
};
inline constexpr BreakName kBreaks[] = {{"rename-before-fsync", Break::rename_before_fsync},
                                        {"no-fsync", Break::no_fsync},
                                        {"no-folder-sync", Break::no_folder_sync},
                                        {"250-before-sync", Break::reply_before_sync},
                                        {"remove-before-delivery", Break::remove_before_delivery},
                                        {"remove-before-notice", Break::remove_before_notice},
                                        {"record-without-sync", Break::record_without_sync}};

struct Report {
    std::vector<std::string> violations;
    std::array<std::uint64_t, kWindows> duplicates{};
    std::uint64_t deliveries = 0, notices = 0, process_crashes = 0, machine_crashes = 0, events = 0;
};

Report play(std::uint64_t seed, Break order, bool has_trace);

}  // namespace gatepost::simulation
