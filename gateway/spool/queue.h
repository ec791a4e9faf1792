// The queue of spooled messages: which is tried when, and what follows from a try. Without I/O and without a
// clock of its own: times go in, what to do comes out. It holds what the choice needs, a hundred octets or so
// a message; all else stays in the files.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <list>
#include <memory>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <tuple>
#include <unordered_map>
#include <variant>
#include <vector>

#include "config/settings.h"
#include "gateway/relay/outcome.h"
#include "gateway/spool/spool_file.h"

namespace gatepost::gateway {

struct QueueEntry {
    std::string id;
    std::string destination;  // tries of the same one are bounded together
    std::size_t octets = 0;
    unsigned attempts = 0;
    std::chrono::seconds age{0};  // of JournalEntry: what the wall clock does is no reason to give up
    bool is_held = false;
    bool is_delay_told = false;
};

// What became of one recipient in a try.
struct Tried {
    std::size_t recipient = 0;  // its index in the file
    Outcome outcome;
    std::string server;  // the name of the one that answered; empty if none did
    // Accepted by a server without DSN, though its sender asked to hear of success: then we say so (RFC 3461
    // section 5.2.2).
    bool wants_relayed_notice = false;
};

// Where memory is short its functions throw, and nothing has changed: the same may be told or asked again.
class Queue {
  public:
    using Time = std::chrono::steady_clock::time_point;

    // Try it; afterwards ended(), with all recipients that were open but for `not_again`: those are
    // delivered, and only the journal does not say so, for it could not be written.
    struct Try {
        std::string id;
        std::vector<std::size_t> not_again;
    };
    // Tell the sender of these recipients, or keep a dead letter, durably; afterwards done().
    struct Notify {
        enum class What { failed, delayed, relayed };
        std::string id;
        What what = What::failed;
        std::vector<Tried> recipients;
        std::chrono::seconds age{0};  // of the message
    };
    // Append to the journal of the file, synced if `done` is not empty; afterwards done(). The wall clock's
    // time is for the caller to fill in.
    struct Record {
        std::string id;
        JournalEntry entry;
    };
    // Nothing is left to do; afterwards done(). If it fails, the journal hears of it, and it is done again
    // later.
    struct Remove {
        std::string id;
    };
    using Action = std::variant<Try, Notify, Record, Remove>;

    // `seed`: for jitter. Both settings are copied.
    Queue(const config::Settings& settings, std::uint64_t seed) : random_(seed) { use(settings); }
    // Where more may be tried at once, that is so at once.
    void use(const config::Settings& settings);

    // A new message: due at once. One that is known already is left as it is.
    void add(QueueEntry entry, Time now);
    // One that was found in the spool at the start: due within a short time, not all at once.
    void recover(QueueEntry entry, Time now);

    // What to do now; nothing until wake_at(), or until something else is told. An action stays open until
    // ended() or done(); meanwhile there is no other for the same message.
    std::optional<Action> next(Time now);
    std::optional<Time> wake_at() const;

    // `destination`: from now on, for some may be done, or the routes may have changed; empty: as before.
    void ended(const std::string& id, const std::vector<Tried>& tried, Time now,
               std::string destination = {});
    // `error`: 0, or an errno; then the same is done again later.
    void done(const std::string& id, int error, Time now);

    // For the end: what a journal should say of a message as things stand, with these as done …
    Record record_of(const std::string& id, std::vector<std::size_t> done, Time now) const;
    // … and all such entries of recipients that are done although no journal says so yet.
    std::vector<Record> unwritten(Time now) const;

    // The action that next() gave could not be begun: there it is again. Never throws.
    void put_back(const std::string& id, Time now);

    // Its file is not there or of no use any more: it is forgotten, whatever was being done with it.
    void gone(const std::string& id, Time now);

    // What the administrator wants. False: there is no such message, or something is being done with it now.
    bool retry(const std::string& id, Time now);
    bool hold(const std::string& id);
    bool release(const std::string& id, Time now);
    bool drop(const std::string& id);

    struct State {
        bool is_held = false, is_busy = false;
        Time due{};
        unsigned attempts = 0;
        std::chrono::seconds age{0};
    };
    std::optional<State> state_of(const std::string& id, Time now) const;
    std::size_t size() const { return items_.size(); }
    // Messages that are being tried.
    std::size_t tries() const { return tries_; }

  private:
    enum class Step { notify, record, remove };
    // What is known of a message only while something is done with it.
    struct Work {
        bool is_try = true;  // that runs; then comes what follows from it, `step` after `step`
        Step step = Step::record;
        std::deque<Notify> notices;
        std::vector<std::size_t> done;  // recipients that need no further try
        bool is_any_open = false;       // recipients that do
        unsigned skipped = 0;           // as the message's, before this try
        std::optional<Time> due{};      // of a probe: when it would have been its turn
        std::string why;
    };
    enum class Waits { no, for_its_time, for_a_place };
    struct Item;
    using Due = std::tuple<Time, std::uint64_t, Item*>;
    struct Item {
        QueueEntry entry;
        Time since{};              // entry.age is of this moment
        Time due{};                // while it waits for its time
        std::uint64_t number = 0;  // in the order of arrival
        Waits waits = Waits::no;
        unsigned skipped = 0;                 // times it was due while its destination was away
        bool is_forced = false;               // the administrator wants it tried, destination or no
        bool is_finished = false;             // only its file could not be removed
        std::vector<std::size_t> unrecorded;  // delivered, but the journal could not be written
        std::unique_ptr<Work> work;
        // In due_ and in urgent_, or here while it is not there: no message is left behind for want of
        // memory.
        std::set<Due>::node_type place;
        std::list<Item*> turn;
    };
    struct Destination {
        std::size_t items = 0;  // when the last one goes, it is forgotten
        std::size_t tries = 0;
        bool is_away = false;            // the last try reached no server
        std::string why;                 // they did not
        Time probe_from{};               // then a single try is worth it
        std::size_t waiting = 0;         // items, for their time
        std::uint64_t last_tried = 0;    // Item::number of the one that reached nobody
        std::deque<std::string> parked;  // due, but there are as many tries as there may be
    };

    using Destinations = std::unordered_map<std::string, Destination>;

    Item* waiting(const std::string& id);
    void insert(QueueEntry entry, Time due, Time now);
    void schedule(Item& item, Time due);
    void unschedule(Item& item);
    void pause(Item& item, Time now);
    void withdraw(Item& item);
    std::chrono::milliseconds spread_of(std::size_t messages);
    std::optional<Action> begin(Item& item, Time now);
    std::optional<Action> put_off(Item& item, Time now);
    Action try_it(Item& item, Destination& destination);
    bool is_due_for_the_last_time(const Item& item, unsigned skipped, Time now) const;
    bool tells_delay(const Item& item, Time now) const;
    static bool is_away(const std::vector<Tried>& tried);
    const Destinations::value_type* first_to_probe() const;
    Item& next_probe(const Destinations::value_type& of);
    std::chrono::milliseconds probe_pause();
    Action probe(const Destinations::value_type& of, Time now);
    bool is_of_no_account(const Item& item, const std::vector<Tried>& tried, Time now) const;
    Action step_of(Item& item, Time now);
    void lead_to(Item& item, std::string destination);
    void leave(const Item& item, const std::vector<Tried>& tried, Time now);
    void free_a_place(Destination& destination, Time now);
    void came_back(const std::string& destination, Time now);
    std::unique_ptr<Work> judge(const Item& item, const std::vector<Tried>& tried, Time now) const;
    void go_on(Item& item);
    void be_next(Item& item);
    void told(Item& item, bool is_durable);
    void recorded(Item& item, bool is_durable, Time now);
    void removed(Item& item, bool is_durable, Time now);
    void erase(Item& item);
    std::chrono::seconds age_of(const Item& item, Time now) const;

    config::RetryTimes times_;
    std::size_t at_once_ = 1;  // tries of one destination
    std::chrono::seconds delay_after_{0};
    std::mt19937_64 random_;
    std::unordered_map<std::string, Item> items_;
    Destinations destinations_;
    std::set<Due> due_;
    std::list<Item*> urgent_;  // whose next step waits for nothing
    std::uint64_t number_ = 0;
    std::size_t tries_ = 0;
};

}  // namespace gatepost::gateway
