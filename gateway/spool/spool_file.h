// The file of one spooled message: bytes and values. It holds the envelope, what was found out and decided,
// the content as it goes out, a digest over all that, and behind it the journal of the tries. The journal
// grows by whole lines with a checksum each; a torn last line counts as not written.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "gateway/relay/sender.h"
#include "protocol/result.h"

namespace gatepost::gateway {

// Notifications are ours: nobody is ever notified of what became of them.
enum class Origin { client, notification };

struct SpooledMessage {
    std::string id;            // the message's, under which the log has it; also the name of the file
    std::int64_t arrived = 0;  // Unix seconds; for people and for notifications, never for timing
    Origin origin = Origin::client;
    Sender sender;
    std::vector<protocol::Recipient> recipients;
    // SPF passed for the reverse-path, or DMARC passed with it aligned: a notification hits no innocent.
    bool may_notify = false;
    bool is_list = false;  // from a mailing list or an automaton by its header: nobody is notified either
    // What was found and decided, for people: {"spf", "pass"}, {"dmarc", "pass"}, {"decision", "accept"} …
    std::vector<std::pair<std::string, std::string>> facts;
    std::size_t content_octets = 0;
};

// One line of the journal.
struct JournalEntry {
    std::int64_t time = 0;          // Unix seconds, for people
    std::chrono::seconds age{0};    // spent in the queue so far, without the time that gatepost did not run
    unsigned attempts = 0;          // so far
    std::vector<std::size_t> done;  // recipients that need no further try since the entry before: delivered,
                                    // or refused and dealt with
    bool is_delay_told = false;     // those who asked for it know of the delay
    std::string why;                // the last problem, one line
    friend bool operator==(const JournalEntry&, const JournalEntry&) = default;
};

// What the whole journal says.
struct JournalState {
    JournalEntry last;       // without done
    std::vector<bool> done;  // one for each recipient
};

}  // namespace gatepost::gateway
