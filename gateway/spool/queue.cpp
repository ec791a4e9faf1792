#include "gateway/spool/queue.h"

#include <algorithm>
#include <utility>

#include "policy/retry.h"

namespace gatepost::gateway {
namespace {

using namespace std::chrono_literals;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr std::size_t kMostTries = 200;  // over all destinations: two descriptors each
constexpr milliseconds kSpreadOfEach{2};
constexpr milliseconds kLongestSpread{30'000};

}  // namespace

void Queue::use(const config::Settings& settings) {
    times_ = settings.downstream.retry;
    delay_after_ = settings.notifications.delay_after;
    at_once_ = std::max<std::size_t>(1, settings.queue.deliveries);
    for (auto& [name, destination] : destinations_) {  // there may be more places than there were
        for (auto taken = destination.tries; taken < at_once_ && !destination.parked.empty(); ++taken)
            free_a_place(destination, Time{});
    }
}

seconds Queue::age_of(const Item& item, Time now) const {
    const auto waited = std::chrono::floor<seconds>(now - item.since);
    return item.entry.age + std::max(waited, seconds(0));
}

milliseconds Queue::spread_of(std::size_t messages) {
    const auto most = std::min<milliseconds>(kSpreadOfEach * messages, kLongestSpread);
    return milliseconds(random_() % (static_cast<std::uint64_t>(most.count()) + 1));
}

// What it will need to wait and to have its turn, it gets here.
void Queue::insert(QueueEntry entry, Time due, Time now) {
    std::set<Due> place;
    std::list<Item*> turn(1);
    place.emplace();
    if (items_.contains(entry.id)) return;
    auto& destination = destinations_[entry.destination];
    const auto found = items_.try_emplace(entry.id).first;
    ++destination.items;
    Item& item = found->second;
    item.place = place.extract(place.begin());
    item.turn = std::move(turn);
    item.turn.front() = &item;
    item.entry = std::move(entry);
    item.since = now;
    item.number = ++number_;
    if (!item.entry.is_held) schedule(item, due);
}

void Queue::add(QueueEntry entry, Time now) {
    insert(std::move(entry), now, now);
}

void Queue::recover(QueueEntry entry, Time now) {
    insert(std::move(entry), now + spread_of(items_.size()), now);
}

void Queue::schedule(Item& item, Time due) {
    unschedule(item);
    item.due = due;
    item.waits = Waits::for_its_time;
    item.place.value() = {due, item.number, &item};
    due_.insert(std::move(item.place));
    if (!item.is_finished) ++destinations_.at(item.entry.destination).waiting;
}

// Whoever waits for a place is passed over when it gets one.
void Queue::unschedule(Item& item) {
    const Waits before = std::exchange(item.waits, Waits::no);
    if (before != Waits::for_its_time) return;
    item.place = due_.extract({item.due, item.number, &item});
    if (!item.is_finished) --destinations_.at(item.entry.destination).waiting;
}

void Queue::pause(Item& item, Time now) {
    if (item.entry.is_held) return unschedule(item);
    schedule(item, now + policy::pause_after(item.entry.attempts + item.skipped, times_, random_()));
}

std::optional<Queue::Time> Queue::wake_at() const {
    if (!urgent_.empty()) return Time::min();
    if (due_.empty() || tries_ >= kMostTries) return {};
    const Time due = std::get<Time>(*due_.begin());
    const auto* away = first_to_probe();
    return away ? std::min(due, away->second.probe_from) : due;
}

std::optional<Queue::Action> Queue::next(Time now) {
    if (!urgent_.empty()) {
        Item& item = *urgent_.front();
        Action step = step_of(item, now);
        item.turn.splice(item.turn.end(), urgent_, urgent_.begin());
        return step;
    }
    while (!due_.empty() && tries_ < kMostTries && std::get<Time>(*due_.begin()) <= now) {
        Item& item = *std::get<Item*>(*due_.begin());
        unschedule(item);
        try {
            if (auto action = begin(item, now)) return action;
        } catch (...) {  // memory is short: as if it had not had its turn
            item.work.reset();
            schedule(item, item.due);
            throw;
        }
    }
    const auto* away = tries_ < kMostTries ? first_to_probe() : nullptr;
    if (away && away->second.probe_from <= now) return probe(*away, now);
    return {};
}

// It is due: tried, or put off, or parked until there is a place. While nobody is there a try of its own is
// for those who are to hear that it failed or waits: in a long queue the turn to probe comes to few.
std::optional<Queue::Action> Queue::begin(Item& item, Time now) {
    if (item.is_finished) {
        item.work = std::make_unique<Work>();
        item.work->is_try = false;
        item.work->step = Step::remove;
        item.work->done = item.unrecorded;
        return step_of(item, now);
    }
    auto& destination = destinations_[item.entry.destination];
    const bool is_to_be_told = is_due_for_the_last_time(item, item.skipped, now) || tells_delay(item, now);
    const bool is_probe = destination.tries == 0 && now >= destination.probe_from;
    if (destination.is_away && !is_probe && !is_to_be_told && !item.is_forced) return put_off(item, now);
    if (destination.tries >= at_once_) {
        destination.parked.push_back(item.entry.id);
        item.waits = Waits::for_a_place;
        return {};
    }
    return try_it(item, destination);
}

Queue::Action Queue::try_it(Item& item, Destination& destination) {
    Try due{item.entry.id, item.unrecorded};
    item.work = std::make_unique<Work>();
    item.work->skipped = item.skipped;
    item.is_forced = false;
    item.skipped = 0;
    ++destination.tries;
    ++tries_;
    return due;
}

bool Queue::is_due_for_the_last_time(const Item& item, unsigned skipped, Time now) const {
    return policy::is_expired(age_of(item, now), item.entry.attempts + skipped + 1, times_);
}

bool Queue::tells_delay(const Item& item, Time now) const {
    return delay_after_.count() > 0 && age_of(item, now) >= delay_after_ && !item.entry.is_delay_told;
}

Queue::Record Queue::record_of(const std::string& id, std::vector<std::size_t> done, Time now) const {
    const Item& item = items_.at(id);
    JournalEntry entry;
    entry.age = age_of(item, now);
    entry.attempts = item.entry.attempts;
    entry.done = std::move(done);
    entry.is_delay_told = item.entry.is_delay_told;
    if (item.work) entry.why = item.work->why;
    return {id, std::move(entry)};
}

std::vector<Queue::Record> Queue::unwritten(Time now) const {
    std::vector<Record> records;
    for (const auto& [id, item] : items_) {
        const bool is_step = item.work && !item.work->is_try;
        const auto& done = is_step ? item.work->done : item.unrecorded;
        if (!done.empty()) records.push_back(record_of(id, done, now));
    }
    return records;
}

void Queue::put_back(const std::string& id, Time now) {
    const auto found = items_.find(id);
    if (found == items_.end() || !found->second.work) return;
    Item& item = found->second;
    if (!item.work->is_try) return be_next(item);
    leave(item, {}, now);
    item.work.reset();
    item.is_forced = true;  // that it is its turn has been found out already
    schedule(item, now);
}

Queue::Action Queue::step_of(Item& item, Time now) {
    const Work& work = *item.work;
    if (work.step == Step::notify) return work.notices.front();
    if (work.step == Step::remove) return Remove{item.entry.id};
    item.entry.age = age_of(item, now);
    item.since = now;
    return record_of(item.entry.id, work.done, now);
}

void Queue::ended(const std::string& id, const std::vector<Tried>& tried, Time now, std::string destination) {
    const auto found = items_.find(id);
    if (found == items_.end() || !found->second.work || !found->second.work->is_try) return;
    Item& item = found->second;
    if (destination.empty()) destination = item.entry.destination;
    destinations_.try_emplace(destination);
    std::string why = is_away(tried) ? tried.front().outcome.why : std::string();
    if (is_of_no_account(item, tried, now)) {
        leave(item, tried, now);
        if (!tried.empty()) destinations_.at(item.entry.destination).why = std::move(why);
        lead_to(item, std::move(destination));
        item.skipped = item.work->skipped;
        const Time due = *item.work->due;
        item.work.reset();
        return schedule(item, due);
    }
    auto work = judge(item, tried, now);
    ++item.entry.attempts;
    leave(item, tried, now);
    if (!tried.empty()) destinations_.at(item.entry.destination).why = std::move(why);
    lead_to(item, std::move(destination));
    item.work = std::move(work);
    go_on(item);
}

// Nothing of it waits there. The new one is known.
void Queue::lead_to(Item& item, std::string destination) {
    const auto before = destinations_.find(item.entry.destination);
    ++destinations_.at(destination).items;
    item.entry.destination = std::move(destination);
    if (--before->second.items == 0) destinations_.erase(before);
}

// What follows from a try. Whatever will be noted of it later finds room here.
std::unique_ptr<Queue::Work> Queue::judge(const Item& item, const std::vector<Tried>& tried, Time now) const {
    auto judged = std::make_unique<Work>();
    Work& work = *judged;
    work.is_try = false;
    work.done.reserve(item.unrecorded.size() + tried.size());
    work.done = item.unrecorded;
    work.is_any_open = tried.empty();  // nothing was found out
    Notify failed{item.entry.id, Notify::What::failed, {}}, relayed{item.entry.id, Notify::What::relayed, {}},
        delayed{item.entry.id, Notify::What::delayed, {}};
    for (const Tried& each : tried) {
        if (each.outcome.fate == Fate::accepted) {
            work.done.push_back(each.recipient);
            if (each.wants_relayed_notice) relayed.recipients.push_back(each);
            continue;
        }
        work.why = problem_of(each.outcome);
        (each.outcome.fate == Fate::refused ? failed : delayed).recipients.push_back(each);
    }
    if (is_due_for_the_last_time(item, item.work->skipped, now)) {
        auto& late = delayed.recipients;
        failed.recipients.insert(failed.recipients.end(), late.begin(), late.end());
        late.clear();
    }
    work.is_any_open = work.is_any_open || !delayed.recipients.empty();
    if (!tells_delay(item, now)) delayed.recipients.clear();
    for (auto* notice : {&relayed, &failed, &delayed}) {
        notice->age = age_of(item, now);
        if (!notice->recipients.empty()) work.notices.push_back(std::move(*notice));
    }
    return judged;
}

void Queue::go_on(Item& item) {
    Work& work = *item.work;
    if (!work.notices.empty()) {
        work.step = Step::notify;
    } else {
        work.step = work.is_any_open ? Step::record : Step::remove;
        item.is_finished = !work.is_any_open;
    }
    be_next(item);
}

void Queue::be_next(Item& item) {
    urgent_.splice(urgent_.end(), item.turn);
}

void Queue::done(const std::string& id, int error, Time now) {
    const auto found = items_.find(id);
    if (found == items_.end() || !found->second.work || found->second.work->is_try) return;
    Item& item = found->second;
    switch (item.work->step) {
        case Step::notify: return told(item, error == 0);
        case Step::record: return recorded(item, error == 0, now);
        case Step::remove: return removed(item, error == 0, now);
    }
}

// A file that stays for now must say that nobody in it is left: the next start would send it again.
void Queue::removed(Item& item, bool is_durable, Time now) {
    if (is_durable) return erase(item);
    if (!item.work->done.empty()) {
        item.work->step = Step::record;
        be_next(item);
        return;
    }
    item.work.reset();
    schedule(item, now + times_.first);
}

// Who could not be told of is tried again: the answer will be the same, and so comes another chance to tell.
void Queue::told(Item& item, bool is_durable) {
    Work& work = *item.work;
    const Notify notice = std::move(work.notices.front());
    work.notices.pop_front();
    const bool is_failure = notice.what == Notify::What::failed;
    if (!is_durable) {
        work.is_any_open = work.is_any_open || is_failure;
    } else if (is_failure) {
        for (const Tried& each : notice.recipients) work.done.push_back(each.recipient);
    } else if (notice.what == Notify::What::delayed) {
        item.entry.is_delay_told = true;
    }
    go_on(item);
}

void Queue::recorded(Item& item, bool is_durable, Time now) {
    item.unrecorded.clear();
    if (!is_durable) item.unrecorded = std::move(item.work->done);
    item.work.reset();
    if (item.is_finished) {
        schedule(item, now + times_.first);
    } else {
        pause(item, now);
    }
}

void Queue::erase(Item& item) {
    withdraw(item);
    if (item.turn.empty()) urgent_.remove(&item);
    const auto destination = destinations_.find(item.entry.destination);
    if (--destination->second.items == 0) destinations_.erase(destination);
    items_.erase(items_.find(item.entry.id));
}

// The place of a try may have been meant for it; who waits for one would wait for ever.
void Queue::withdraw(Item& item) {
    if (item.waits == Waits::no) return;
    unschedule(item);
    free_a_place(destinations_[item.entry.destination], item.since);
}

void Queue::gone(const std::string& id, Time now) {
    const auto found = items_.find(id);
    if (found == items_.end()) return;
    Item& item = found->second;
    if (item.work && item.work->is_try) leave(item, {}, now);
    erase(item);
}

}  // namespace gatepost::gateway
