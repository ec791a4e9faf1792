// What a schedule is made of, drawn before it begins.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <string_view>
#include <vector>

#include "chance.h"
#include "config/settings.h"

namespace gatepost::simulation {

// Faults that we build in, to see that they are noticed.
enum class Break {
    none,
    rename_before_sync,
    no_folder_sync,
    no_file_sync,
    answer_before_sync,
    answer_in_spite_of_error,
    sync_again_after_failure,
    remove_before_delivery,
    remove_before_notice,
    remove_without_sync,
    record_without_sync,
    record_behind_half_a_line,
    forget_journal,
    forget_unrecorded,
    unknown_is_accepted,
    deferred_is_done
};
struct BreakName {
    std::string_view name;
    Break fault;
};
inline constexpr std::array<BreakName, 15> kBreaks{{
    {"rename-before-sync", Break::rename_before_sync},
    {"no-folder-sync", Break::no_folder_sync},
    {"no-file-sync", Break::no_file_sync},
    {"answer-before-sync", Break::answer_before_sync},
    {"answer-in-spite-of-error", Break::answer_in_spite_of_error},
    {"sync-again-after-failure", Break::sync_again_after_failure},
    {"remove-before-delivery", Break::remove_before_delivery},
    {"remove-before-notice", Break::remove_before_notice},
    {"remove-without-sync", Break::remove_without_sync},
    {"record-without-sync", Break::record_without_sync},
    {"record-behind-half-a-line", Break::record_behind_half_a_line},
    {"forget-journal", Break::forget_journal},
    {"forget-unrecorded", Break::forget_unrecorded},
    {"unknown-is-accepted", Break::unknown_is_accepted},
    {"deferred-is-done", Break::deferred_is_done},
}};

inline constexpr std::size_t kMaxMessages = 4, kMaxRecipients = 3;

struct MessagePlan {
    std::size_t recipients = 1;
    std::array<bool, kMaxRecipients> is_unknown_user{};  // the downstream never takes mail for them
    bool may_notify = false;                             // else what fails becomes a dead letter
    bool is_refused = false;                             // by our verdict
    std::chrono::seconds begins{0};
    std::size_t octets = 0;
};

struct CrashPlan {
    std::size_t step = 0;  // before this one, or in the midst of it
    bool is_of_machine = false;
    bool cuts_step = false;
    std::chrono::seconds downtime{0};
};

// How often things go wrong, in percent.
struct Weather {
    unsigned disk_fails = 0;
    unsigned client_leaves = 0;
    unsigned unreachable = 0, away_for_long = 0;
    unsigned deferred = 0, refused = 0;
    unsigned vanishes = 0;  // before the answer to the content
};

struct Plan {
    config::SpoolMode mode = config::SpoolMode::always;
    bool is_lmtp = false;
    bool refuses_at_end = false;  // unknown users only behind the content; LMTP
    std::vector<MessagePlan> messages;
    std::vector<CrashPlan> crashes;  // ascending
    Weather weather;
    std::chrono::seconds expire{0}, delay_after{0};
    std::chrono::seconds calm_after{0};  // then nothing goes wrong any more

    static Plan draw(Chance& chance);
};

}  // namespace gatepost::simulation
