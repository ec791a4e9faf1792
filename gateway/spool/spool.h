// The spool folder: tmp/ (being written), queue/, hold/, dead/ (dead letters), corrupt/ (torn and foreign
// files, set aside), one file a message, and `lock`. Its functions may be called from any thread; writing is
// done by a thread of its own, many messages in one batch, while the caller's coroutine waits.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "gateway/relay/delivery.h"
#include "gateway/spool/queue.h"
#include "gateway/spool/spool_file.h"
#include "protocol/result.h"

namespace gatepost::gateway {

// A message as it lies in the spool.
struct Spooled {
    SpooledMessage message;
    JournalState journal;
    bool is_held = false;
};

class Spool {
  public:
    // Makes the folders and takes the lock; the problem says what to do about it (another gatepost has it,
    // not writable).
    static protocol::Result<std::unique_ptr<Spool>> open(const std::string& folder,
                                                         const config::Queue& limits);
    virtual ~Spool() = default;

    // At the start, before anything else: sweeps tmp/, sets aside what is torn or foreign, and gives all
    // that lies in queue/ and hold/, one by one. How many files could not be read now (no descriptor left, an
    // I/O error); the problem: a folder cannot be listed, so that nobody knows what lies there.
    virtual protocol::Result<std::size_t> recover(const std::function<void(const Spooled&)>& found) = 0;
    // Looks again at what could not be read. How many still cannot be.
    virtual std::size_t recover_rest(const std::function<void(const Spooled&)>& found) = 0;
    // Called with each message that was committed, from the spool's thread.
    virtual void tell_of_new(std::function<void(const SpooledMessage&)> told) = 0;
    virtual void use(const config::Queue& limits) = 0;
    // What was begun is done to its end and whoever waits is woken; what comes later fails. To be called
    // before the contexts of those who wait are stopped.
    virtual void finish() {}

    // What lies in queue/ and hold/.
    struct Load {
        std::size_t messages = 0, octets = 0;
    };
    virtual Load load() const = 0;
    // Nothing, or the reply of a message of so many octets for which there is no room (452 4.3.1).
    virtual std::optional<protocol::Reply> refusal(std::size_t octets) const = 0;
    // 0 once it is durable in queue/, or an errno; then nothing is left of it. message.content_octets is
    // set here. Notifications find room beyond the limits.
    virtual awaitable<int> commit(asio::io_context& context, SpooledMessage message, Content& content) = 0;

    // Whether there is such a file in queue/, hold/ or dead/.
    virtual bool has(const std::string& id) const = 0;

    // For the queue; 0 or an errno. Names are checked: an id is letters and digits. What lies in queue/ or
    // hold/ is found; a dead letter is not delivered by mistake.
    virtual protocol::Result<Spooled> read(const std::string& id) const = 0;
    // Null, with errno, if it cannot be opened or read now; null, with errno 0, if its digest is another:
    // then it belongs into corrupt/. Read twice, which costs little beside a delivery, so that a damaged one
    // is known before anybody is asked to take it; the second time checks again, and failed() is true before
    // the last octets of a damaged one are given out.
    virtual std::unique_ptr<Content> content(const std::string& id) const = 0;
    // All durable when they return, but for entries without `done`.
    virtual awaitable<int> record(asio::io_context& context, std::string id, JournalEntry entry) = 0;
    // From wherever it lies.
    virtual awaitable<int> remove(asio::io_context& context, std::string id) = 0;
    // From queue/ or hold/ only, whatever was kept of the message in dead/. ENOENT: it is not there, and that
    // is durable.
    virtual awaitable<int> remove_queued(asio::io_context& context, std::string id) = 0;
    enum class Shelf { queue, hold, dead, corrupt };
    virtual awaitable<int> move(asio::io_context& context, std::string id, Shelf from, Shelf to) = 0;
};

// Null if nothing is to be spooled and nothing can lie there from before.
protocol::Result<std::unique_ptr<Spool>> open_spool(const config::Settings& settings);

}  // namespace gatepost::gateway
