#include "simulated_gateway.h"

#include <algorithm>
#include <cerrno>

namespace gatepost::simulation {

using gateway::Fate;
using gateway::Handover;
using gateway::Outcome;
using gateway::Queue;
using gateway::QueueEntry;
using gateway::Tried;
namespace reply = protocol::reply;

namespace {

QueueEntry entry_of(const gateway::SpooledMessage& message, const gateway::JournalState& journal) {
    QueueEntry entry;
    entry.id = message.id;
    entry.destination = "downstream";
    entry.octets = message.content_octets;
    entry.attempts = journal.last.attempts;
    entry.age = journal.last.age;
    entry.is_delay_told = journal.last.is_delay_told;
    return entry;
}

}  // namespace

SimulatedGateway::SimulatedGateway(World& world, SimulatedDownstream& downstream,
                                   const config::Settings& settings)
    : world_(world),
      downstream_(downstream),
      settings_(settings),
      spool_(world, [this](const auto& message) { queue_.add(entry_of(message, {}), world_.now); }),
      queue_(settings, world.chance.next()) {
    activities_.push_back(recover());
    activities_.push_back(spool_.run());
}

std::size_t SimulatedGateway::ready() const {
    return static_cast<std::size_t>(std::count_if(activities_.begin(), activities_.end(),
                                                  [](const Activity& each) { return each.is_ready(); }));
}

void SimulatedGateway::resume(std::size_t which) {
    for (std::size_t i = 0; i < activities_.size(); ++i) {
        if (!activities_[i].is_ready() || which-- > 0) continue;
        Activity activity = std::move(activities_[i]);  // what it begins may move the others
        activities_.erase(activities_.begin() + static_cast<std::ptrdiff_t>(i));
        activity.resume();
        if (!activity.is_over()) activities_.push_back(std::move(activity));
        return;
    }
}

void SimulatedGateway::drive() {
    if (!is_up_) return;
    while (auto action = queue_.next(world_.now)) {
        if (auto* due = std::get_if<Queue::Try>(&*action)) activities_.push_back(try_it(std::move(*due)));
        if (auto* due = std::get_if<Queue::Notify>(&*action)) activities_.push_back(notify(std::move(*due)));
        if (auto* due = std::get_if<Queue::Record>(&*action)) activities_.push_back(record(std::move(*due)));
        if (auto* due = std::get_if<Queue::Remove>(&*action)) activities_.push_back(remove(std::move(*due)));
    }
}

// As SpoolFolder does it: the names are made durable, or it does not start; then tmp/ is swept, what is
// damaged is set aside, a torn journal is cut.
Activity SimulatedGateway::recover() {
    for (const char* folder : {"queue", "dead"}) {
        const gateway::DiskStep step{gateway::DiskStep::Kind::sync_folder, folder};
        int error = EIO;
        while (error != 0) {
            co_await turn();
            error = world_.disk.run(step);
        }
    }
    for (const auto& name : world_.disk.names_in("tmp")) {
        co_await turn();
        const gateway::DiskStep step{gateway::DiskStep::Kind::remove, name};
        world_.disk.run(step);
        world_.trace("recovery: swept", name);
    }
    for (const auto& name : world_.disk.names_in("queue")) {
        co_await turn();
        recover(name);
    }
    is_up_ = true;
    world_.trace("recovery: done");
}

void SimulatedGateway::recover(const std::string& name) {
    const auto file = SimulatedSpool::read(world_, name);
    if (!file || "queue/" + file->message.id != name)
        return world_.ledger.violation(name +
                                       " is torn, though nothing is brought there before it is synced");
    const std::size_t end = file->journal_at + file->journal.octets;
    if (end < file->octets) world_.disk.truncate(name, end);
    world_.trace("recovery: found", name, end < file->octets ? "(journal cut)" : "");
    queue_.recover(entry_of(file->message, file->journal.state), world_.now);
}

void SimulatedGateway::accept(std::shared_ptr<Wire> wire) {
    activities_.push_back(serve(std::move(wire)));
}

// Of Relay's servers and what they answered nothing more is played than the recipients' fates.
Activity SimulatedGateway::try_it(Queue::Try due) {
    co_await turn();
    auto file = SimulatedSpool::read(world_, "queue/" + due.id);
    if (!file) {
        if (world_.disk.read("queue/" + due.id)) world_.ledger.violation(due.id + " is damaged in the queue");
        queue_.gone(due.id, world_.now);
        co_return;
    }
    auto done = file->journal.state.done;
    if (world_.breaks(Break::forget_journal)) done.assign(done.size(), false);
    if (!world_.breaks(Break::forget_unrecorded)) {
        for (const std::size_t recipient : due.not_again) done.at(recipient) = true;
    }
    const bool is_any_open = std::find(done.begin(), done.end(), false) != done.end();
    if (!is_any_open || world_.breaks(Break::remove_before_delivery)) {
        const auto job = std::make_shared<Job>();
        job->kind = Job::Kind::remove;
        job->id = due.id;
        spool_.add(job);
        co_await until(job->is_done);
        if (!is_any_open) {
            if (job->error == 0 || job->error == ENOENT) {
                queue_.gone(due.id, world_.now);
            } else {
                queue_.ended(due.id, {}, world_.now);
            }
            co_return;
        }
    }
    std::vector<Tried> tried;
    std::vector<std::size_t> taken;
    std::vector<SimulatedDownstream::Recipient> recipients;
    for (std::size_t i = 0; i < done.size(); ++i) {
        if (done[i]) continue;
        co_await turn();
        const std::string path = file->message.recipients[i].path.text();
        const bool is_unknown_user = downstream_.is_unknown_user(path);
        Outcome outcome = downstream_.ask(due.id, path, is_unknown_user);
        if (outcome.fate == Fate::accepted) {
            taken.push_back(i);
            recipients.push_back({path, is_unknown_user});
        } else {
            tried.push_back({i, std::move(outcome), ""});
        }
    }
    if (!taken.empty()) {
        co_await turn();
        auto outcomes = downstream_.take(due.id, recipients, file->content);
        co_await turn();  // the answers are on their way
        for (std::size_t i = 0; i < taken.size(); ++i)
            tried.push_back({taken[i], std::move(outcomes[i]), ""});
    }
    for (auto& each : tried) {
        const bool is_unknown =
            each.outcome.fate == Fate::unknown && world_.breaks(Break::unknown_is_accepted);
        const bool is_deferred =
            each.outcome.fate == Fate::deferred && world_.breaks(Break::deferred_is_done);
        if (is_unknown || is_deferred) each.outcome.fate = Fate::accepted;
    }
    queue_.ended(due.id, tried, world_.now);
}

Activity SimulatedGateway::record(Queue::Record due) {
    const auto job = std::make_shared<Job>();
    job->kind = Job::Kind::record;
    job->id = due.id;
    job->entry = due.entry;
    spool_.add(job);
    co_await until(job->is_done);
    queue_.done(due.id, job->error, world_.now);
}

Activity SimulatedGateway::remove(Queue::Remove due) {
    const auto job = std::make_shared<Job>();
    job->kind = Job::Kind::remove;
    job->id = due.id;
    spool_.add(job);
    co_await until(job->is_done);
    queue_.done(due.id, job->error == ENOENT ? 0 : job->error, world_.now);
}

// A notification or a dead letter, as Notifier has it.
Activity SimulatedGateway::notify(Queue::Notify due) {
    co_await turn();
    const auto file = SimulatedSpool::read(world_, spool_.find(due.id));
    int error = file ? 0 : EIO;
    if (file && !world_.breaks(Break::remove_before_notice)) {
        const bool is_failure = due.what == Queue::Notify::What::failed;
        for (const auto& each : due.recipients) {
            const Attempt* attempt = world_.ledger.find(due.id);
            const auto waited = world_.milliseconds() - (attempt ? attempt->spooled_at : 0);
            const bool is_old = std::chrono::milliseconds(waited) >= world_.plan.expire;
            if (is_failure)
                world_.ledger.given_up(due.id, file->message.recipients[each.recipient].path.text(), is_old);
        }
        if (file->message.may_notify && file->message.origin == gateway::Origin::client) {
            Activity sending = send_notice(due, *file, error);
            while (!sending.is_over()) {
                sending.resume();
                co_await rest_of(sending);
            }
        } else if (is_failure) {
            Activity keeping = keep_dead_letter(due, *file, error);
            while (!keeping.is_over()) {
                keeping.resume();
                co_await rest_of(keeping);
            }
        }
    }
    queue_.done(due.id, error, world_.now);
}

Activity SimulatedGateway::keep_dead_letter(const Queue::Notify& due, const SpoolFile& file, int& error) {
    error = world_.disk.link("queue/" + due.id, "dead/" + due.id);
    world_.trace("disk: link", "dead/" + due.id, error == 0 ? "" : "fails");
    if (error == EEXIST) error = 0;
    if (error != 0) co_return;
    co_await turn();
    const gateway::DiskStep step{gateway::DiskStep::Kind::sync_folder, "dead"};
    error = world_.disk.run(step);
    world_.trace("disk: sync_folder dead", error == 0 ? "" : "fails");
    Attempt* attempt = world_.ledger.find(due.id);
    if (error != 0 || !attempt) co_return;
    for (const auto& each : due.recipients) {
        Place* place = Ledger::place_of(*attempt, file.message.recipients[each.recipient].path.text());
        if (place) place->is_dead_letter = true;
    }
}

// Another one about the same recipients is allowed after a crash only.
void SimulatedGateway::note_notice(const std::string& about, const Job& job) {
    const bool has_failed_note = world_.ledger.find(about)->has_failed_note;
    if (!world_.ledger.find(job.id)) world_.ledger.begin(job.id, kNoMessage, job.content);
    Attempt& notice = *world_.ledger.find(job.id);
    if (notice.is_spooled && notice.life == world_.life)
        world_.ledger.violation(job.id + ": one process tells of it twice");
    notice.has_failed_note = notice.has_failed_note || has_failed_note;
    if (notice.places.empty()) notice.places.emplace_back();
    Place& place = notice.places.front();
    place.path = job.message.recipients.front().path.text();
    place.is_accepted = true;
    place.last_life = 0;
}

Activity SimulatedGateway::send_notice(const Queue::Notify& due, const SpoolFile& file, int& error) {
    std::string id = due.id + (due.what == Queue::Notify::What::failed ? "f" : "d");
    for (const auto& each : due.recipients) id += std::to_string(each.recipient);
    if (spool_.find(id).empty()) {
        const auto job = std::make_shared<Job>();
        job->id = job->message.id = id;
        job->content = "Notice: " + id + "\r\n\r\n";
        job->message.origin = gateway::Origin::notification;
        job->message.sender = file.message.sender;
        job->message.sender.reverse_path = {};
        job->message.sender.reverse_path.is_null = true;
        job->message.recipients = {{file.message.sender.reverse_path, "", ""}};
        job->message.content_octets = job->content.size();
        note_notice(due.id, *job);
        spool_.add(job);
        co_await until(job->is_done);
        error = job->error;
    }
    if (error != 0) co_return;
    Attempt* attempt = world_.ledger.find(due.id);
    Attempt* notice = world_.ledger.find(id);
    if (!attempt || !notice) co_return;
    notice->is_spooled = true;
    notice->life = world_.life;
    for (const auto& each : due.recipients) {
        Place* place = Ledger::place_of(*attempt, file.message.recipients[each.recipient].path.text());
        if (place && due.what == Queue::Notify::What::failed) place->notice = world_.ledger.index_of(*notice);
    }
}

}  // namespace gatepost::simulation
