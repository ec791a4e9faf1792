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

#include "auth/crypto.h"
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
    // SPF passed for the reverse-path, or it is the author for whom DMARC passed: a notification hits no
    // innocent.
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

// The layout, made so that a person can read it with less(1):
//
//     gatepost-spool 1          the head: lines of key and value, in this order; no value can end its line,
//     id 1q0cncsp8ttb           for all but printable ASCII is escaped in it (spool_text.h)
//     …
//     to <user@example.org>
//     content 8192
//                               an empty line, and then so many octets of content, as it goes out
//     sha256 e3b0c4…            on a line of its own: over the head, the empty line and the content
//     try 0a1b2c3d …            the journal
//
inline constexpr std::size_t kMaxSpoolHead = 512 * 1024;  // octets, with the empty line
inline constexpr std::size_t kMaxJournal = 1024 * 1024;   // octets; what stands behind is not read
inline constexpr std::size_t kSpoolTrailer = 1 + 7 + 64 + 1;

// 1 to 64 letters and digits: what may be the name of a file.
bool is_spool_id(std::string_view text);

// Fails if the head would be too long, or could not be read again as it is meant.
protocol::Result<std::string> spool_head(const SpooledMessage& message);
struct SpoolHead {
    SpooledMessage message;
    std::size_t octets = 0;  // where the content begins
};
// `beginning` of a file, kMaxSpoolHead octets of it or all. Strict: reads what spool_head() writes, octet by
// octet, and nothing else.
protocol::Result<SpoolHead> parse_spool_head(std::string_view beginning);

// kSpoolTrailer octets, to stand behind the content.
std::string spool_trailer(const auth::Digest& digest);
std::optional<auth::Digest> parse_spool_trailer(std::string_view text);

// A whole line. Of `why` at most 500 octets are kept. The checksum is also over the message's id: a line out
// of another file does not count.
std::string journal_line(const SpooledMessage& message, const JournalEntry& entry);
struct Journal {
    JournalState state;
    std::size_t octets = 0;  // up to the end of the last good line
};
// What the good lines say. A damaged line counts as not written: at worst its recipients get a duplicate. The
// lines behind it count, each by its own checksum, and so does one behind NULs: lines whose sync failed may be
// such a hole on the disk.
Journal read_journal(const SpooledMessage& message, std::string_view text);

}  // namespace gatepost::gateway
