// Destinations that rest, for nobody is there: what waits for one is put off, and one message at a time finds
// out whether it is back.
#include <algorithm>
#include <new>

#include "gateway/spool/queue.h"
#include "policy/retry.h"

namespace gatepost::gateway {
namespace {

constexpr std::chrono::milliseconds kProbePause{60'000};  // at most, whatever the pauses of the messages are

}  // namespace

// None of them reached a server.
bool Queue::is_away(const std::vector<Tried>& tried) {
    return !tried.empty() && std::all_of(tried.begin(), tried.end(), [](const Tried& each) {
        return each.outcome.fate == Fate::unreachable;
    });
}

// Nobody is there, as others have found out. The journal hears how old it gets all the same: what is put off
// for days must not begin anew with each restart.
std::optional<Queue::Action> Queue::put_off(Item& item, Time now) {
    ++item.skipped;
    // It may have got the place of a try; who waits for it would wait for ever.
    free_a_place(destinations_[item.entry.destination], now);
    if (age_of(item, now) - item.entry.age < times_.max) {
        pause(item, now);
        return {};
    }
    item.work = std::make_unique<Work>();
    item.work->is_try = false;
    item.work->done = item.unrecorded;  // or the next try would send to them again
    item.work->is_any_open = true;
    const std::string& why = destinations_[item.entry.destination].why;
    item.work->why = "no server could be reached" + (why.empty() ? why : " (" + why + ")");
    return step_of(item, now);
}

// While one is away its messages may wait for hours; who finds out that it is back is one of them.
const Queue::Destinations::value_type* Queue::first_to_probe() const {
    const Destinations::value_type* first = nullptr;
    for (const auto& each : destinations_) {
        const Destination& destination = each.second;
        if (!destination.is_away || destination.tries > 0 || destination.waiting == 0) continue;
        if (!first || destination.probe_from < first->second.probe_from) first = &each;
    }
    return first;
}

// By turns: there may be one over which each connection breaks, and it must not stand for all.
Queue::Item& Queue::next_probe(const Destinations::value_type& of) {
    Item *first = nullptr, *next = nullptr;
    for (auto& [id, item] : items_) {
        const bool is_waiting = item.waits == Waits::for_its_time && !item.is_finished;
        if (!is_waiting || item.entry.destination != of.first) continue;
        if (!first || item.number < first->number) first = &item;
        const bool is_behind = item.number > of.second.last_tried;
        if (is_behind && (!next || item.number < next->number)) next = &item;
    }
    return next ? *next : *first;
}

std::chrono::milliseconds Queue::probe_pause() {
    return std::min<std::chrono::milliseconds>(policy::pause_after(1, times_, random_()), kProbePause);
}

// Before its time. What nothing could be found out with is no reason for the next one at once.
Queue::Action Queue::probe(const Destinations::value_type& of, Time now) {
    Item& item = next_probe(of);
    Destination& destination = destinations_.at(of.first);
    Action action = try_it(item, destination);
    item.work->due = item.due;
    unschedule(item);
    destination.probe_from = now + probe_pause();
    return action;
}

// Still nobody is there: as if this probe had not been. Else each would grow the journal by a line.
bool Queue::is_of_no_account(const Item& item, const std::vector<Tried>& tried, Time now) const {
    const bool was_last_try = is_due_for_the_last_time(item, item.work->skipped, now);
    return item.work->due && is_away(tried) && !was_last_try && !tells_delay(item, now);
}

// The try gives its place to another one, and what it has learnt of the destination to all.
void Queue::leave(const Item& item, const std::vector<Tried>& tried, Time now) {
    auto& destination = destinations_.at(item.entry.destination);
    --destination.tries;
    --tries_;
    const bool was_away = destination.is_away;
    if (is_away(tried)) {
        destination.is_away = true;
        destination.last_tried = item.number;
        destination.probe_from = now + probe_pause();
    } else if (!tried.empty()) {
        destination.is_away = false;
        if (was_away) came_back(item.entry.destination, now);
    }
    free_a_place(destination, now);
}

void Queue::free_a_place(Destination& destination, Time now) {
    while (!destination.parked.empty()) {
        const auto parked = items_.find(destination.parked.front());
        destination.parked.pop_front();
        if (parked == items_.end() || parked->second.waits != Waits::for_a_place) continue;
        return schedule(parked->second, now);
    }
}

// All that waited for it is tried soon, whatever its own pause was; where memory is short, when that is over.
void Queue::came_back(const std::string& destination, Time now) {
    std::vector<Item*> theirs;
    try {
        for (auto& [id, item] : items_) {
            if (item.waits == Waits::for_its_time && item.entry.destination == destination)
                theirs.push_back(&item);
        }
    } catch (const std::bad_alloc&) {
        return;
    }
    std::sort(theirs.begin(), theirs.end(), [](auto* a, auto* b) { return a->number < b->number; });
    for (Item* item : theirs) {
        item->skipped = 0;
        schedule(*item, std::min(item->due, now + spread_of(theirs.size())));
    }
}

}  // namespace gatepost::gateway
