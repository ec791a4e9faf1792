// What the administrator wants of a queue, and what he is told of it.
#include "gateway/spool/queue.h"

namespace gatepost::gateway {

// A message that nothing is being done with.
Queue::Item* Queue::waiting(const std::string& id) {
    const auto found = items_.find(id);
    const bool is_free = found != items_.end() && !found->second.work && !found->second.is_finished;
    return is_free ? &found->second : nullptr;
}

bool Queue::retry(const std::string& id, Time now) {
    Item* item = waiting(id);
    if (!item || item->entry.is_held) return false;
    item->is_forced = true;
    schedule(*item, now);
    return true;
}

bool Queue::hold(const std::string& id) {
    Item* item = waiting(id);
    if (!item) return false;
    withdraw(*item);
    item->entry.is_held = true;
    return true;
}

bool Queue::release(const std::string& id, Time now) {
    Item* item = waiting(id);
    if (!item || !item->entry.is_held) return false;
    item->entry.is_held = false;
    return retry(id, now);
}

bool Queue::drop(const std::string& id) {
    Item* item = waiting(id);
    if (item) erase(*item);
    return item != nullptr;
}

std::optional<Queue::State> Queue::state_of(const std::string& id, Time now) const {
    const auto found = items_.find(id);
    if (found == items_.end()) return {};
    const Item& item = found->second;
    const bool is_waiting = item.waits == Waits::for_its_time;
    return State{item.entry.is_held, item.work != nullptr, is_waiting ? item.due : now, item.entry.attempts,
                 age_of(item, now)};
}

}  // namespace gatepost::gateway
