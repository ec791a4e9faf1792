// What the runner of the queue does for it, in events.
#include <algorithm>
#include <cerrno>

#include "process.h"

namespace gatepost::simulation {

using namespace gateway;
using Kind = DiskStep::Kind;

void Process::drive() {
    while (const auto action = queue_.next(time())) {
        std::visit([this](const auto& due) { begin(due); }, *action);
    }
    const auto wake = queue_.wake_at();
    if (!wake || (wakes_ && *wakes_ <= *wake && *wakes_ > time())) return;
    wakes_ = wake;
    const auto wait = std::chrono::ceil<std::chrono::milliseconds>(*wake - time()).count();
    world_.in_process(std::max<Milliseconds>(1, wait), [this] {
        wakes_.reset();
        drive();
    });
}

void Process::done(const std::string& id, int error) {
    queue_.done(id, error, time());
    drive();
}

void Process::begin(const Queue::Try& due) {
    world_.in_process(soon(), [this, due] {
        const auto file = read(due.id);
        if (!file) {
            world_.ledger.violation("the queue has " + due.id + ", the disk has not");
            queue_.gone(due.id, time());
            return drive();
        }
        std::vector<std::size_t> open;
        for (std::size_t i = 0; i < file->recipients.size(); ++i) {
            const bool is_delivered =
                std::find(due.not_again.begin(), due.not_again.end(), i) != due.not_again.end();
            if (!is_delivered && !file->journal.state.done.at(i)) open.push_back(i);
        }
        if (open.empty()) {  // all that was left undone is its end
            run({.kind = Kind::remove, .name = "queue/" + due.id});
            queue_.gone(due.id, time());
            return drive();
        }
        if (order_ == Break::remove_before_delivery) {
            run({.kind = Kind::remove, .name = "queue/" + due.id});
        }
        world_.in_process(soon(), [this, due, file, open] {
            std::vector<std::size_t> recipients;
            for (const auto index : open) recipients.push_back(file->recipients[index]);
            const auto& letter = letters_[world_.ledger.attempt(file->attempt).message];
            const auto outcomes = downstream_.take(letter, file->attempt, recipients);
            world_.in_process(soon(),
                              [this, due, file, open, outcomes] { ended(due.id, *file, open, outcomes); });
        });
    });
}

void Process::ended(const std::string& id, const File& file, const std::vector<std::size_t>& open,
                    const std::vector<Outcome>& outcomes) {
    std::vector<Tried> tried;
    for (std::size_t i = 0; i < open.size(); ++i) {
        world_.ledger.attempt(file.attempt).is_unknown |= outcomes[i].fate == Fate::unknown;
        world_.trace("queue: ", id, " r", file.recipients[open[i]], " ", outcomes[i].reply.text());
        tried.push_back({open[i], outcomes[i], "one", false});
    }
    queue_.ended(id, tried, time());
    drive();
}

void Process::notify(const Queue::Notify& due) {
    if (due.what != Queue::Notify::What::failed) return;
    const std::size_t attempt = attempt_of(due.id);
    const auto file = read(due.id);
    if (!file) return world_.ledger.violation("nothing to notify with: " + due.id);
    const Milliseconds age = world_.now - world_.ledger.attempt(attempt).began;
    const bool is_expired = std::chrono::milliseconds(age) >= settings_.downstream.retry.expire;
    for (const auto& each : due.recipients) {
        world_.trace("queue: gives up ", due.id, " for r", file->recipients.at(each.recipient));
        world_.ledger.notified(attempt, file->recipients.at(each.recipient), is_expired);
    }
}

void Process::begin(const Queue::Notify& due) {
    if (order_ == Break::remove_before_notice) {
        world_.in_process(soon(), [this, due] { done(due.id, 0); });
        world_.in_process(200, [this, due] { notify(due); });
        return;
    }
    world_.in_process(soon(), [this, due] {
        const int error = run({.kind = Kind::sync_folder, .name = "notices"});
        if (error == 0) notify(due);
        done(due.id, error);
    });
}

// As DiskSpool does it: synced only where a recipient is done.
void Process::begin(const Queue::Record& due) {
    world_.in_process(soon(), [this, due] {
        const auto file = read(due.id);
        const std::string name = "queue/" + due.id;
        if (!file) return done(due.id, ENOENT);
        const std::string line = journal_line(file->message, due.entry);
        if (const int error = run({.kind = Kind::append, .name = name, .text = line}))
            return done(due.id, error);
        world_.in_process(soon(), [this, due, file, name] {
            int error = 0;
            const bool is_synced = !due.entry.done.empty() && order_ != Break::record_without_sync;
            if (is_synced) error = run({.kind = Kind::sync_file, .name = name});
            if (error == 0) {
                for (const auto index : due.entry.done)
                    world_.ledger.recorded(file->attempt, file->recipients.at(index));
            }
            done(due.id, error);
        });
    });
}

void Process::begin(const Queue::Remove& due) {
    world_.in_process(soon(), [this, due] {
        const auto file = read(due.id);
        const int error = run({.kind = Kind::remove, .name = "queue/" + due.id});
        if (error != 0 && error != ENOENT) return done(due.id, error);
        world_.in_process(soon(), [this, due, file] {
            const int failed = run({.kind = Kind::sync_folder, .name = "queue"});
            if (failed == 0 && file) {
                for (const auto recipient : file->recipients)
                    world_.ledger.recorded(file->attempt, recipient);
            }
            done(due.id, failed);
        });
    });
}

}  // namespace gatepost::simulation
