// Tells senders what became of their spooled mail, or keeps a dead letter. A notification is a message like
// others: it lies in the spool and is tried until it is through; but nobody is ever told what became of it.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "gateway/environment.h"
#include "gateway/spool/dead_letters.h"
#include "gateway/spool/queue.h"
#include "gateway/spool/queue_counts.h"
#include "gateway/spool/spool.h"
#include "protocol/dsn.h"

namespace gatepost::gateway {

class Notifier {
  public:
    // `folder`: the spool's. All must outlive it.
    Notifier(Spool& spool, asio::io_context& context, const std::string& folder, QueueCounts& counts)
        : spool_(spool), context_(context), letters_(folder), counts_(counts) {}

    // True once it is durable: the notification in queue/, the dead letter in dead/, or neither where nobody
    // wants to know. False: to be asked again later. After a crash in between it may be asked twice; as long
    // as the first notification lies in the spool there is no second one.
    awaitable<bool> tell(std::shared_ptr<const Snapshot> snapshot, const Spooled& spooled,
                         const Queue::Notify& due);

  private:
    awaitable<bool> notify(const Snapshot& snapshot, const Spooled& spooled, const Queue::Notify& due);
    struct Unheard {
        const Tried* tried;
        std::string_view why;  // nobody can be told of it
    };
    int keep_dead_letter(const config::Settings& settings, const Spooled& spooled,
                         const std::vector<Unheard>& recipients);
    void log_dead_letter(const Spooled& spooled, const std::vector<Unheard>& recipients);

    Spool& spool_;
    asio::io_context& context_;
    DeadLetters letters_;
    QueueCounts& counts_;
};

// The same for the same recipients and event: 1 to 64 letters and digits that begin with the message's own.
std::string notification_id(const std::string& id, const Queue::Notify& due);

// What is in it, but for the message itself: header and content.
protocol::Dsn dsn_of(const config::Settings& settings, const Spooled& spooled, const Queue::Notify& due,
                     std::int64_t now);

}  // namespace gatepost::gateway
