// How `gatepost queue` shows messages: a table and a text for people, JSON for scripts. Pure; all that came
// from strangers is escaped in what people see.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "gateway/spool/spool_file.h"

namespace gatepost::gateway {

enum class QueuePlace { queue, hold, dead };

// A message as the command line found it: its file, and what the running gatepost says of it.
struct QueuedMessage {
    SpooledMessage message;
    JournalState journal;
    std::vector<JournalEntry> tries;  // oldest first; may be left empty where only the last one matters
    QueuePlace place = QueuePlace::queue;
    bool is_delivering = false;            // just now
    std::optional<std::int64_t> next_try;  // seconds from now; nothing: not known, or none comes
    // Seconds from now, while gatepost runs; 0: with the next try. Nothing: it does not.
    std::optional<std::int64_t> expires;
};

struct QueueTotals {
    std::size_t waiting = 0, held = 0, dead = 0;
    std::size_t octets = 0;  // of content, of those that are shown
    std::size_t unreadable = 0;
    void add(const QueuedMessage& message);
    friend bool operator==(const QueueTotals&, const QueueTotals&) = default;
};

// For QueuedMessage::expires, once its place and what the running gatepost says of it are known. `after`:
// downstream.retry.expire, seconds. While gatepost does not run, or does not see the message yet, its time
// stands still.
std::optional<std::int64_t> seconds_left(const QueuedMessage& message, std::int64_t after, std::int64_t now);

// waiting, delivering, held, dead
std::string_view state_of(const QueuedMessage& message);

// `now`: Unix seconds. Lines with their ends.
std::string queue_table(const std::vector<QueuedMessage>& messages, std::int64_t now);
// One line: "3 messages, 42K; 1 held; 2 dead letters", where dead letters are not counted as messages.
std::string totals_text(const QueueTotals& totals);
std::string shown_text(const QueuedMessage& message, std::int64_t now);

// Without line ends; their keys are in the manual page.
std::string queue_json(const std::vector<QueuedMessage>& messages, const QueueTotals& totals,
                       std::int64_t now);
std::string shown_json(const QueuedMessage& message, std::int64_t now);

// "45s", "12m", "3h", "2d": rounded down, for people.
std::string span_text(std::int64_t seconds);
// "512", "14K", "2.3M": octets, for people.
std::string size_text(std::size_t octets);

}  // namespace gatepost::gateway
